// The inner loops of the kernels. They are compiled once per instruction set; the best that the processor has is chosen
// at run time, or the one that the environment variable BOTTOMUP_CPU_ISA names.
#pragma once

#include "../common.h"

namespace bottomup::cpu {

constexpr int64_t kPadding = 16;

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
};

const VectorLoops& vector_loops();

}  // namespace bottomup::cpu
