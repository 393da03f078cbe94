// The inner loops of the kernels. They are compiled once per instruction set; the best that the processor has is chosen
// at run time, or the one that the environment variable BOTTOMUP_CPU_ISA names.
#pragma once

#include "../../search_radius.h"

namespace bottomup::cpu {

constexpr int64_t kPadding = 16;

// The two channels of one limb's field as floats; `stride` cells from row to row.
struct LimbPlanes {
    const float *x, *y;
    int64_t stride, height, width;
};

// Fields hold unit vectors, or little more; only those are mapped whose values are all below 2. The map's samples lie a
// little beside those of score_pair, each coordinate by at most 8 roundings of a number up to the field's longer side. A
// value changes by less than 4 per cell along either axis, a vector's component by less than 12 per cell of both.
BOTTOMUP_HD float map_slack(int64_t height, int64_t width) {
    return 12.0f / float(1 << 21) * float(height > width ? height : width) + 1e-4f;
}
constexpr int64_t kMappedSide = 2048;

// So many pairs or points are looked at together. Arrays of them have room for as many more.
constexpr int kLanes = 16;

// Where joint candidates lie that are in order of bands of rows and then of columns.
struct Cells {
    const int32_t* ends;  // of each cell: the place after the last one in it
    int32_t bands, columns;
    float bands_per_row, columns_per_cell;
};

BOTTOMUP_HD float clamped(float value, float highest) {
    value = value > 0.0f ? value : 0.0f;  // which is also what NaN becomes
    return value < highest ? value : highest;
}

// Positions beyond the field belong to its edge.
BOTTOMUP_HD int64_t band_of(const Cells& cells, float y) {
    return int64_t(clamped(y * cells.bands_per_row, float(cells.bands - 1)));
}
BOTTOMUP_HD int64_t column_of(const Cells& cells, float x) {
    return int64_t(clamped(x * cells.columns_per_cell, float(cells.columns - 1)));
}

// Joint candidates of one type, and how far they look for the other end of a limb. There is room to read 2 kLanes more.
struct Points {
    const float *x, *y, *reach, *squares, *loose_squares;  // as square_reaches says
    int64_t count;
    Cells cells;
};

// Candidate pairs, side by side.
struct PairColumns {
    int32_t *first, *second;   // places of the candidates among those of their joints
    float *x0, *y0, *dx, *dy;  // where a pair begins and where it leads, in cells
    float* score;              // of those that pass
};

BOTTOMUP_HD PairColumns from_place(const PairColumns& pairs, int64_t place) {
    return {pairs.first + place, pairs.second + place, pairs.x0 + place,   pairs.y0 + place,
            pairs.dx + place,    pairs.dy + place,     pairs.score + place};
}

// The eight directions between the axes and the diagonals: which side in x, in y, and which axis is nearer.
BOTTOMUP_HD int32_t octant_of(float dx, float dy) {
    const float across = dx < 0.0f ? -dx : dx, down = dy < 0.0f ? -dy : dy;
    return int32_t(dx < 0.0f) | int32_t(dy < 0.0f) << 1 | int32_t(down > across) << 2;
}

// A bar with square ends around (x, y), or a disc, whose half_length is 0. Pixels; opacities are 0..255.
struct Stroke {
    float x, y, half_length, unit_x, unit_y;
    float casing_radius, core_radius, light_radius;  // the last one 0 for bars
    float casing_opacity, core_opacity;
};

constexpr int kPaintBlock = 16;     // pixels that are blended together
constexpr float kEmptyMask = 0.5f;  // masks hold opacities, 0..255, and this: so they are rounded by leaving out the fraction

// Rows of three masks that a layer is painted in, from row `top` of the picture on, and the part of them that a stroke is
// in: `width` pixels from column `left` of the picture on, which is column `from` of the masks. `touched` has a bit for each
// block in which something was laid, `words` to a row, and `lit` for those with a light middle.
struct PaintRows {
    float *casing, *core, *light;
    uint64_t *touched, *lit;
    int64_t stride, words, rows, left, top, from, width;
};

struct PaintColors {
    uint8_t core[3 * kPaintBlock], light[3 * kPaintBlock];  // one colour, for each pixel of a block
};

struct VectorLoops {
    const char* name;

    void (*widen_half)(const Half* from, float* to, int64_t count);
    void (*widen_bfloat16)(const BFloat16* from, float* to, int64_t count);

    // Writes the columns of the cells that reach the threshold and that none of the cells above, below, left and right
    // exceeds; the first and the last cell of the row only have to reach the threshold. `above` and `below` are the
    // rows beside, or `row` itself at the border. Returns their number, or -1 if a value of `row` is not finite; those
    // of the other rows are not checked.
    int64_t (*peak_columns)(const float* above, const float* row, const float* below, int64_t width, float threshold,
                            int32_t* columns);

    // fit_axis for many cells: moves `position`, a cell's place along the axis, and writes the curvature. Cells that
    // are not positive stay where they are, with curvature 0.
    void (*fit_axes)(const float* before, const float* here, const float* after, float* position, float* curvature,
                     int64_t count);

    // Extents from the mean of the curvatures along both axes.
    void (*extents)(const float* curvature_x, const float* curvature_y, float* extent, int64_t count);

    // rank[i] becomes the place of value i in falling order; equal values keep theirs. After the values there must be
    // kPadding times -FLT_MAX. The time is quadratic, but up to a thousand values less than that of sorting them, since
    // there is no branch.
    void (*rank_falling)(const float* values, int32_t* rank, int64_t count);

    // For each cell the octants (as bits) in which a sample between it and the next ones might have a component of
    // `lowest` or more, row by row. `flags` takes 2 (width + 64) bytes. Returns false if a value is not below 2 or not
    // finite, so that nothing is sure.
    bool (*map_octants)(const LimbPlanes& planes, float lowest, uint8_t* flags, uint8_t* map);

    // The squares of reaches, and of `factor` times them: the greatest numbers whose roots are not longer.
    void (*square_reaches)(const float* reach, float factor, int64_t count, float* squares, float* loose_squares);

    // Writes the pairs that is_sought in the ring, as far as one of the given ends looks as far as the ring; those of second
    // ends without those that first ends have. Goes on with the ends from `place` while there is room for another one's
    // pairs with all others, and returns how many pairs there are.
    int64_t (*find_partners)(const Points& ends, const Points& others, bool second, const Ring& ring,
                             const LimbCriteria& criteria, const PairColumns& found, int64_t room, int64_t* place);

    // Keeps those of the first `count` pairs, in order, that the map does not rule out; returns how many are left. Pairs
    // that are still open after a while are likely to be limbs and are kept.
    int64_t (*keep_mapped)(const uint8_t* map, const LimbPlanes& planes, const LimbCriteria& criteria,
                           const PairColumns& pairs, int64_t count);

    // The same by the first few samples as score_pair orders them, whatever they hold.
    int64_t (*keep_supported)(const LimbPlanes& planes, const LimbCriteria& criteria, const PairColumns& pairs,
                              int64_t count);

    // Keeps the pairs that pass and writes their scores as score_pair does; returns how many there are. `non_finite`
    // becomes true if a sample that counts is not finite, or their sum.
    int64_t (*keep_passing)(const LimbPlanes& planes, const LimbCriteria& criteria, const PairColumns& pairs, int64_t count,
                            bool* non_finite);

    // Lay a stroke over masks: its opacity counts as far as it covers a pixel, what was there before for the rest. Up to
    // 15 pixels more than the rows' width are read and written.
    void (*cover_bar)(const PaintRows& to, const Stroke& bar);
    void (*cover_disc)(const PaintRows& to, const Stroke& disc);

    // Blends black and two colours, as opaque as the masks, into rows of a picture, and empties the masks. `pixels` are those
    // below the masks' first column, `bytes` from row to row, and there are `width` to its right edge.
    void (*blend_rows)(const PaintRows& from, uint8_t* pixels, int64_t bytes, int64_t width, const PaintColors& colors);
};

const VectorLoops& vector_loops();

}  // namespace bottomup::cpu
