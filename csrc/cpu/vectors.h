// The inner loops of the kernels. They are compiled once per instruction set; the best that the processor has is chosen
// at run time, or the one that the environment variable BOTTOMUP_CPU_ISA names.
#pragma once

#include "../limbs.h"

namespace bottomup::cpu {

constexpr int64_t kPadding = 16;

// The two channels of one limb's field as floats; `stride` cells from row to row.
struct LimbPlanes {
    const float *x, *y;
    int64_t stride, height, width;
};

// Fields hold unit vectors, or little more. Up to this the slack below is enough, which covers that the map's samples lie
// a little beside those of score_pair: coordinates up to kMappedSide are a few times 1e-4 of a cell apart, and a vector
// changes by at most 2 * kLargestMapped from one corner of a cell to the next.
constexpr float kLargestMapped = 2.0f;
constexpr float kMapSlack = 0.01f;
constexpr int64_t kMappedSide = 2048;

// Candidate pairs, side by side.
struct PairLanes {
    static constexpr int kCount = 64;
    float x0[kCount], y0[kCount], dx[kCount], dy[kCount];  // where each begins and where it leads, in cells
    float ux[kCount], uy[kCount], directed[kCount];        // as in a Segment
    int32_t octant[kCount];                                // of the direction, as octant_of() numbers them
    int32_t samples[kCount], allowed[kCount], failed[kCount];
    int32_t bad[kCount];  // 1 if a sample that counts is not finite
    float sum[kCount], magnitudes[kCount];  // of the components along the limb, and of the vectors
};

// The eight directions between the axes and the diagonals: which side in x, in y, and which axis is nearer.
BOTTOMUP_HD int32_t octant_of(float dx, float dy) {
    const float across = dx < 0.0f ? -dx : dx, down = dy < 0.0f ? -dy : dy;
    return int32_t(dx < 0.0f) | int32_t(dy < 0.0f) << 1 | int32_t(down > across) << 2;
}

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

    // For each block of two by two cells the octants (as bits) in which a sample in one of them might have a component
    // of `lowest` or more: (height + 1) / 2 rows of (width + 1) / 2. `flags` takes 4 (width + 64) bytes. Returns the
    // octants that occur anywhere; -1 if a value is greater than kLargestMapped or not finite, so that nothing is sure.
    int32_t (*map_octants)(const LimbPlanes& planes, float lowest, uint8_t* flags, int32_t* map);

    // Writes the numbers of the points whose distance from (x0, y0) is at least `from`, below `to` and at most `reach`;
    // returns how many there are. `found` has room for `count`.
    int64_t (*points_within)(const float* x, const float* y, int64_t count, float x0, float y0, float from, float to,
                             float reach, int32_t* found);

    // Fills in what follows from the ends of the first `count` lanes.
    void (*measure_pairs)(PairLanes& lanes, int count, const LimbRule& rule);

    // Counts samples that fall where the map rules their octant out, until each lane has more of them than it is
    // allowed, or those that have not are few enough to be left to add_samples.
    void (*count_mapped)(const int32_t* map, int64_t height, int64_t width, PairLanes& lanes, int count);

    // Looks at the first `most` samples, as score_pair orders them, or fewer where all lanes are decided.
    void (*add_samples)(const LimbPlanes& planes, float sample_threshold, int most, PairLanes& lanes, int count);
};

const VectorLoops& vector_loops();

}  // namespace bottomup::cpu
