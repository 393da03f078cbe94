// Arithmetic of associative embeddings (Newell et al., "Associative Embedding", NIPS 2017): tags of one person's joints are
// alike, those of different people are not. Mirrored in bottomup/kernels/reference/tags.py.
#pragma once

#include <cmath>
#include <cstdint>

#include "common.h"
#include "options.h"

namespace bottomup {

// Cells of a field, both ends included.
struct CellBox {
    int64_t left, top, right, bottom;
};

BOTTOMUP_HD bool is_empty(const CellBox& box) { return box.left > box.right || box.top > box.bottom; }

// Where a person's missing joint may be: within `near`, or, as a clear joint, within `far`, if that is not empty. `tags` is
// where its tag begins.
struct TagWindow {
    int64_t image, joint, person;
    CellBox near, far;
    int64_t tags;
    float tolerance;
};

// The highest cell of a window whose tag agrees; without one the score is 0.
struct TagCell {
    float score;
    int64_t cell;  // row * width + column
};

// The cell that a position lies in; outside the field that at its border.
BOTTOMUP_HD int64_t cell_at(float position, int64_t size) {
    const float last = float(size - 1);
    float nearest = floorf(position + 0.5f);
    nearest = nearest > 0.0f ? nearest : 0.0f;
    return int64_t(nearest < last ? nearest : last);
}

// The square of the distance between the tags at a cell and `wanted`; `tag(d)` reads the d-th value.
template <class Tag>
BOTTOMUP_HD float squared_tag_distance(Tag tag, const float* wanted, int64_t depth) {
    float sum = 0.0f;
    for (int64_t d = 0; d < depth; ++d) {
        const float apart = tag(d) - wanted[d];
        sum += apart * apart;
    }
    return sum;
}

inline float tag_distance(const float* a, const float* b, int64_t depth) {
    return std::sqrt(squared_tag_distance([a](int64_t d) { return a[d]; }, b, depth));
}

// Whether a cell is better than another one: higher, or as high and before it.
BOTTOMUP_HD bool is_better(const TagCell& one, const TagCell& other) {
    return one.score > other.score || (one.score == other.score && one.cell < other.cell);
}

// One cell of a window. Heatmap values below `min_response`, and tags that are not finite, do not count.
template <class T, class U>
BOTTOMUP_HD TagCell look_at(const FieldView& heatmaps, const FieldView& tags, int64_t depth, const TagWindow& window,
                            const float* wanted, float min_response, int64_t row, int64_t column) {
    const char* const heat = heatmaps.plane(window.image, window.joint);
    const float score = load<T>(heat + row * heatmaps.stride_row + column * heatmaps.stride_column);
    const int64_t cell = row * heatmaps.width + column;
    if (!(score >= min_response && score > 0.0f && score < INFINITY)) return {0.0f, cell};
    const char* const first =
        tags.plane(window.image, window.joint * depth) + row * tags.stride_row + column * tags.stride_column;
    const auto tag = [&](int64_t d) { return load<U>(first + d * tags.stride_channel); };
    const float distance = squared_tag_distance(tag, wanted, depth);
    return {distance <= window.tolerance * window.tolerance ? score : 0.0f, cell};
}

}  // namespace bottomup
