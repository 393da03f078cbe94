// How much of each pixel strokes cover, and colours blended into a row. Only vectors.cpp includes this.
//
// Groups of neighbouring columns are covered one after the other, each from row to row, so that what only depends on the
// column is reckoned once. Rows are left out where a group is covered by 0, and set to the opacity where it is covered by 1;
// both are exactly what the rest would give, so that groups may be of any size.
#pragma once

#include "simd.h"
#include "vector_blend.h"
#include "vectors.h"

namespace bottomup::cpu {
namespace {

constexpr float kLanePlaces[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
constexpr float kCertain = 0.01f;  // pixels beyond an edge from which on roundings decide nothing

// The part of a pixel that lies within an edge: its centre's distance to the edge, inside positive, and half a pixel.
inline Floats covered(Floats distance) { return lesser(greater(distance, Floats::all(0.0f)), Floats::all(1.0f)); }
inline float magnitude(float value) { return value < 0.0f ? -value : value; }
inline float lesser(float a, float b) { return a < b ? a : b; }
inline float greater(float a, float b) { return a > b ? a : b; }

// A mask's opacity becomes the given one as far as that covers a pixel.
inline void lay_opacity(float* mask, Floats opacity, Floats part) {
    const Floats before = Floats::load(mask);
    (before + (opacity - before) * part).store(mask);
}
// The same, exactly the given one where it covers all.
inline void lay_opacity_exactly(float* mask, Floats opacity, Floats part) {
    (Floats::load(mask) * (Floats::all(1.0f) - part) + opacity * part).store(mask);
}

struct RowSpan {
    int64_t first, after;
};

// Of rows 0 to `rows`, those in [low, high], and perhaps one before.
inline RowSpan rows_within(float low, float high, int64_t rows) {
    if (!(low <= high) || high < 0.0f || low > float(rows - 1)) return {0, 0};
    return {low > 0.0f ? int64_t(low) : 0, high < float(rows - 1) ? int64_t(high) + 1 : rows};
}

// Groups begin at multiples of their size, so that each is in one block and what two strokes write is read as a whole.
inline int64_t first_group(const PaintRows& to) { return to.from / Floats::kCount * Floats::kCount; }
inline uint64_t block_bit(int64_t column) { return uint64_t(1) << (column / kPaintBlock % 64); }

// Rows in which a value that is 0 on a line is within reach of 0 for any column of a group: from `low` to `high`, and
// `per_column` more for each column by which the group lies further right.
struct Strip {
    float per_column, low, high;
    // Of a value that grows by `right` from column to column and by `down` from row to row.
    Strip(float right, float down, float reach) {
        constexpr float kFlat = 1e-7f;
        const float rows_per = 1.0f / (magnitude(down) > kFlat ? down : kFlat), half = reach * magnitude(rows_per);
        per_column = -right * rows_per;
        const float across_group = float(Floats::kCount - 1) * per_column;
        low = lesser(across_group, 0.0f) - half;
        high = greater(across_group, 0.0f) + half;
    }
};

// What lies beyond a stroke is covered by 0, so whole groups are looked at; masks begin and end with whole ones.
void cover_bar(const PaintRows& to, const Stroke& bar) {
    const float left = float(to.left) - bar.x, top = float(to.top) - bar.y;
    const float end = bar.half_length + 0.5f, side = greater(bar.casing_radius, bar.core_radius) + 0.5f;
    const Strip along_strip(bar.unit_x, bar.unit_y, end + kCertain), across_strip(bar.unit_y, -bar.unit_x, side + kCertain);
    const Floats lanes = Floats::load(kLanePlaces), ends = Floats::all(end);
    const Floats unit_x = Floats::all(bar.unit_x), unit_y = Floats::all(bar.unit_y);
    const Floats casing_side = Floats::all(bar.casing_radius + 0.5f), core_side = Floats::all(bar.core_radius + 0.5f);
    const Floats casing_opacity = Floats::all(bar.casing_opacity), core_opacity = Floats::all(bar.core_opacity);
    for (int64_t columns = first_group(to); columns < to.from + to.width; columns += Floats::kCount) {
        const float first = left + float(int32_t(columns - to.from));
        const float along_middle = first * along_strip.per_column - top, across_middle = first * across_strip.per_column - top;
        const RowSpan rows = rows_within(greater(along_middle + along_strip.low, across_middle + across_strip.low),
                                         lesser(along_middle + along_strip.high, across_middle + across_strip.high), to.rows);
        const uint64_t bit = block_bit(columns);
        const Floats x = Floats::all(first) + lanes, along_x = x * unit_x, across_x = x * unit_y;
        uint64_t* touched = to.touched + rows.first * to.words + columns / kPaintBlock / 64;
        float* casing = to.casing + rows.first * to.stride + columns;
        float* core = to.core + rows.first * to.stride + columns;
        for (int64_t row = rows.first; row < rows.after; ++row) {
            const float down = top + float(int32_t(row));
            const Floats within = covered(ends - magnitude(along_x + Floats::all(down * bar.unit_y)));
            const Floats beside = magnitude(across_x - Floats::all(down * bar.unit_x));
            lay_opacity(casing, casing_opacity, within * covered(casing_side - beside));
            lay_opacity(core, core_opacity, within * covered(core_side - beside));
            *touched |= bit;
            touched += to.words, casing += to.stride, core += to.stride;
        }
    }
}

// A circle's edge, where it matters: the distance is (d^2 - r^2) / 2r near it.
struct Circle {
    float radius;
    float base() const { return 0.5f + radius / 2; }
    float per_square() const { return 0.5f / radius; }
    // Of squares of distances from the centre: where a pixel is covered by 1 and by 0 for certain.
    float inner() const { return radius * radius - radius * (1.0f + 2 * kCertain + radius * 1e-6f); }
    float outer() const { return radius * radius + radius * (1.0f + 2 * kCertain + radius * 1e-6f); }
};

// Rows, from the first one of a part that is `top` below a circle's centre on, with a square of at most `rest`.
inline RowSpan rows_of_circle(float rest, float top, float from, int64_t rows) {
    if (rest < 0.0f) return {0, 0};
    float root[Floats::kCount];
    sqrt(Floats::all(rest)).store(root);
    return rows_within(from - top - root[0], root[0] - top, rows);
}

void cover_disc(const PaintRows& to, const Stroke& disc) {
    const float left = float(to.left) - disc.x, top = float(to.top) - disc.y;
    const Circle outside{disc.casing_radius}, inside{disc.core_radius}, middle{disc.light_radius};
    const float outer = greater(outside.outer(), inside.outer()), inner = lesser(outside.inner(), inside.inner());
    const Floats lanes = Floats::load(kLanePlaces), opaque = Floats::all(255.0f + kEmptyMask);
    const Floats casing_base = Floats::all(outside.base()), casing_per = Floats::all(outside.per_square());
    const Floats core_base = Floats::all(inside.base()), core_per = Floats::all(inside.per_square());
    const Floats casing_opacity = Floats::all(disc.casing_opacity), core_opacity = Floats::all(disc.core_opacity);
    for (int64_t columns = first_group(to); columns < to.from + to.width; columns += Floats::kCount) {
        const float low = left + float(int32_t(columns - to.from)), high = low + float(Floats::kCount - 1);
        const float nearest = greater(greater(low, -high), 0.0f), farthest = greater(-low, high);
        const RowSpan rows = rows_of_circle(outer - nearest * nearest, top, 0.0f, to.rows);
        const RowSpan whole = rows_of_circle(inner - farthest * farthest, top, 1.0f, to.rows);
        const uint64_t bit = block_bit(columns);
        uint64_t* const touched = to.touched + columns / kPaintBlock / 64;
        uint64_t* const lit_words = to.lit + columns / kPaintBlock / 64;
        const Floats x = Floats::all(low) + lanes, square_x = x * x;
        const auto edge = [&](int64_t first, int64_t last) {
            for (int64_t row = first; row < last; ++row) {
                const float down = top + float(int32_t(row));
                const Floats square = square_x + Floats::all(down * down);
                const int64_t at = row * to.stride + columns;
                lay_opacity_exactly(to.casing + at, casing_opacity, covered(casing_base - square * casing_per));
                lay_opacity_exactly(to.core + at, core_opacity, covered(core_base - square * core_per));
                touched[row * to.words] |= bit;
            }
        };
        const bool has_whole = whole.first < whole.after;
        edge(rows.first, has_whole ? whole.first : rows.after);
        if (has_whole) {
            for (int64_t row = whole.first; row < whole.after; ++row) {
                casing_opacity.store(to.casing + row * to.stride + columns);
                core_opacity.store(to.core + row * to.stride + columns);
                touched[row * to.words] |= bit;
            }
            edge(whole.after, rows.after);
        }
        if (disc.light_radius <= 0.0f) continue;
        const RowSpan lit = rows_of_circle(middle.outer() - nearest * nearest, top, 0.0f, to.rows);
        const Floats base = Floats::all(middle.base()), per = Floats::all(middle.per_square());
        for (int64_t row = lit.first; row < lit.after; ++row) {
            const float down = top + float(int32_t(row));
            const Floats square = square_x + Floats::all(down * down);
            lay_opacity(to.light + row * to.stride + columns, opaque, covered(base - square * per));
            touched[row * to.words] |= bit, lit_words[row * to.words] |= bit;
        }
    }
}

// The opacities of a block; the mask becomes empty.
inline Parts take_block(float* mask) {
    const Parts parts = Parts::of(mask);
    const Floats empty = Floats::all(kEmptyMask);
    for (int i = 0; i < kPaintBlock; i += Floats::kCount) empty.store(mask + i);
    return parts;
}

// Black first, then the colour of the core, then the light middles where there are any.
inline void blend_block(uint8_t* row, const PaintRows& from, int64_t mask, bool is_lit, const PaintColors& colors) {
    const Parts own = take_block(from.core + mask);
    mix(row, kept(take_block(from.casing + mask), own), own, colors.core);
    if (!is_lit) return;
    const Parts light = take_block(from.light + mask);
    mix(row, kept(Parts::none(), light), light, colors.light);
}

void blend_rows(const PaintRows& from, uint8_t* pixels, int64_t bytes, int64_t width, const PaintColors& colors) {
    for (int64_t row = 0; row < from.rows; ++row, pixels += bytes) {
        for (int64_t word = row * from.words; word < (row + 1) * from.words; ++word) {
            uint64_t bits = from.touched[word];
            const uint64_t lit = from.lit[word];
            from.touched[word] = from.lit[word] = 0;
            for (; bits != 0; bits &= bits - 1) {
                const int bit = lowest_bit(bits);
                const int64_t at = (64 * (word - row * from.words) + bit) * kPaintBlock, mask = row * from.stride + at;
                const bool is_lit = (lit >> bit & 1) != 0;
                if (at + kPaintBlock <= width) {
                    blend_block(pixels + 3 * at, from, mask, is_lit, colors);
                    continue;
                }
                uint8_t rest[3 * kPaintBlock] = {};  // the picture ends within the block
                for (int64_t i = 0; i < 3 * (width - at); ++i) rest[i] = pixels[3 * at + i];
                blend_block(rest, from, mask, is_lit, colors);
                for (int64_t i = 0; i < 3 * (width - at); ++i) pixels[3 * at + i] = rest[i];
            }
        }
    }
}

}  // namespace
}  // namespace bottomup::cpu
