// The results and the entry points of the CPU kernels; csrc/cuda/kernels.h has those of the same names for GPUs.
#pragma once

#include <vector>

#include "limbs.h"
#include "limb_tracing.h"
#include "tags.h"

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
// bottomup/kernels/reference/limb_tracing.py.
struct Found {
    std::vector<int64_t> offsets;
    std::vector<float> xy, score, extent;
    std::vector<int64_t> pair_offsets;
    std::vector<int32_t> first, second;
    std::vector<float> affinity;
};

Found insert_ends(const CandidateView& candidates, const PairView& pairs, int64_t images, const LimbEnds& ends);

// Joints whose tags are wanted, of any images of a batch; `xy` in cells.
struct TagPlaces {
    const int32_t *images, *joints;
    const float* xy;  // 2 each
    int64_t count;
};

// The tags at places, `depth` each.
struct TagValues {
    std::vector<float> values;
    NonFinite non_finite;
};

// Candidate pairs whose tags agree, and of each image the distance of tags by which that is told.
struct TagPairs {
    Pairs pairs;
    std::vector<float> tolerances;
};

// Pairs of candidates whose tags (`depth` each) are given. The first `skeleton_limbs` limbs are the skeleton's own, which
// tell the tolerance. Runs on the host, wherever the tags come from.
TagPairs score_tags(const CandidateView& candidates, const float* tags, int64_t depth, int64_t images, const int32_t* limbs,
                    int64_t limb_count, int64_t skeleton_limbs, double longer_side, const TagOptions& options);

// People of a batch, for whose missing joints windows are planned: (P, K, 2) cells, (P, K) scores that are 0 for missing
// joints, (P, K, depth) tags, (P,) images and tolerances.
struct TagPeople {
    const int32_t* images;
    const float *xy, *scores, *tags, *tolerances;
    int64_t count, joints, depth;
};

// Windows of the missing joints that may be within the field, their tags one after the other in `tags`; `lengths` are (K, K)
// greatest distances of two joints as shares of the body's height, NaN where unknown.
std::vector<TagWindow> plan_windows(const TagPeople& people, const int32_t* limbs, int64_t limb_count, const float* lengths,
                                    int64_t height, int64_t width, const TagOptions& options, std::vector<float>& tags);

namespace cpu {
TagValues read_tags(const FieldView& tags, int64_t depth, const TagPlaces& places);
// The best cell of each window.
std::vector<TagCell> search_windows(const FieldView& heatmaps, const FieldView& tags, int64_t depth,
                                    const std::vector<TagWindow>& windows, const std::vector<float>& wanted,
                                    const TagOptions& options, int threads);
Peaks find_peaks(const FieldView& heatmaps, const PeakCriteria& criteria, int threads);
// The same where the heatmaps are upsampled; positions and extents are in cells of the heatmaps.
Peaks find_upsampled_peaks(const FieldView& heatmaps, const PeakCriteria& criteria, int threads);
// Of the candidates, `extents` is not read and may be null.
Pairs score_limbs(const FieldView& pafs, const CandidateView& candidates, const int32_t* limbs, int64_t limb_count,
                  const LimbCriteria& criteria, int threads);
LimbEnds trace_limbs(const FieldView& pafs, const CandidateView& candidates, const PairView& pairs, const int32_t* limbs,
                     const TraceCriteria& criteria, int threads);
const char* instruction_set();
}  // namespace cpu

}  // namespace bottomup
