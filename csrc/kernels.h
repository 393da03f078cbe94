// The results and the entry points of the CPU kernels; csrc/cuda/kernels.h has those of the same names for GPUs.
#pragma once

#include <vector>

#include "limbs.h"
#include "traces.h"

namespace bottomup {

// Joint candidates of all images and channels, sorted by (image, channel) and within one by falling score,
// ties by the cell's index. Candidates of channel c of image b are offsets[b * channels + c] up to the next offset.
struct Peaks {
    std::vector<int64_t> offsets;
    std::vector<float> xy;  // 2 per candidate, in cells
    std::vector<float> score;
    std::vector<float> extent;
    NonFinite non_finite;
};

// Candidate pairs that pass, sorted by (image, limb), then by the first and the second candidate. `first` and
// `second` index the candidates of all images.
struct Pairs {
    std::vector<int64_t> offsets;
    std::vector<int32_t> first, second;
    std::vector<float> score;
    NonFinite non_finite;  // row and column are not known
};

// Candidates and pairs of all images as the functions above returned them.
struct CandidateView {
    const int64_t* offsets;
    const float *xy, *scores, *extents;
    int64_t joints, count;
};

struct PairView {
    const int64_t* offsets;
    const int32_t *first, *second;
    const float* scores;
    int64_t limbs;
};

// When a limb is followed on the fields of a batch; `typical` has one affinity per image, which the options are shares of.
struct TraceCriteria : TraceOptions {
    const float* typical;
    int64_t limbs;
    float sample_threshold, score;  // what a joint scores whose limbs have the typical affinity
    int max_steps;
};

// From which candidate which limb is followed: from its beginning (end 0) or backwards from its end (1).
struct TraceStart {
    int32_t candidate, limb, end;
};

// The joints at which traces end (`type` counts image * joints + joint) and the pairs that they are part of (`limb`
// counts image * limbs + limb). An index from the number of candidates on means one of these joints.
struct LimbEnds {
    std::vector<int32_t> type;
    std::vector<float> xy, score, extent;
    std::vector<int32_t> limb, first, second;
    std::vector<float> affinity;
    NonFinite non_finite;  // row and column are not known
};

// What the host does before and after the traces of an image, wherever its fields are.
std::vector<TraceStart> plan_traces(const CandidateView& candidates, const PairView& pairs, const int32_t* limbs,
                                    int64_t image, const TraceCriteria& criteria);
// Of the fields only the size matters.
void collect_ends(const FieldView& pafs, const CandidateView& candidates, const int32_t* limbs, int64_t image,
                  const TraceCriteria& criteria, const std::vector<TraceStart>& starts, const std::vector<Trace>& traces,
                  LimbEnds& ends);

// Candidates and pairs together with those of `ends`, in the order that they had; see insert_ends in
// bottomup/kernels/traces.py.
struct Found {
    std::vector<int64_t> offsets;
    std::vector<float> xy, score, extent;
    std::vector<int64_t> pair_offsets;
    std::vector<int32_t> first, second;
    std::vector<float> affinity;
};

Found insert_ends(const CandidateView& candidates, const PairView& pairs, int64_t images, const LimbEnds& ends);

namespace cpu {
Peaks find_peaks(const FieldView& heatmaps, const PeakCriteria& criteria, int threads);
// The same where the heatmaps are upsampled; positions and extents are in cells of the heatmaps.
Peaks find_upsampled_peaks(const FieldView& heatmaps, const PeakCriteria& criteria, int threads);
// Of the candidates, `extents` is not read and may be null.
Pairs score_limbs(const FieldView& pafs, const CandidateView& candidates, const int32_t* limbs, int64_t limb_count,
                  const LimbCriteria& criteria, int threads);
LimbEnds trace_limbs(const FieldView& pafs, const CandidateView& candidates, const PairView& pairs,
                     const int32_t* limbs, const TraceCriteria& criteria, int threads);
const char* instruction_set();
}  // namespace cpu

}  // namespace bottomup
