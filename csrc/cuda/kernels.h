// The entry points of the CUDA kernels: those of csrc/kernels.h, and both in one call.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "../kernels.h"

namespace bottomup::cuda {

// Milliseconds of device time of one call's stages; the last run counts if it was repeated with more memory.
struct Timings {
    float detect = 0, sort_peaks = 0, score = 0, sort_pairs = 0, copy = 0, total = 0;
    int runs = 0;
};

// Joints and limbs of the skeleton, and what a pair must fulfil.
struct LimbQuery {
    int64_t joints, limbs;
    const int32_t* ends;
    LimbCriteria criteria;
};

// All work is put on the stream, which is waited for; `timings` may be null.
Peaks find_peaks(const FieldView& heatmaps, const PeakCriteria& query, void* stream, Timings* timings);
Pairs score_limbs(const FieldView& pafs, const float* xy, const float* scores, const int64_t* offsets,
                  const LimbQuery& query, void* stream, Timings* timings);
// Does not come back to the host between the two. The pafs may belong to another stream, whose work is waited for.
std::pair<Peaks, Pairs> find_peaks_and_limbs(const FieldView& heatmaps, const FieldView& pafs, const PeakCriteria& peaks,
                                             const LimbQuery& limbs, void* stream, void* pafs_stream, Timings* timings);

LimbEnds trace_limbs(const FieldView& pafs, const CandidateView& candidates, const PairView& pairs, const int32_t* limbs,
                     const TraceCriteria& criteria, void* stream);

TagValues read_tags(const FieldView& tags, int64_t depth, const TagPlaces& places, void* stream);
// The tags' values must be there already.
std::vector<TagCell> search_windows(const FieldView& heatmaps, const FieldView& tags, int64_t depth,
                                    const std::vector<TagWindow>& windows, const std::vector<float>& wanted,
                                    const TagOptions& options, void* stream);

int device_count();
// For each GPU what keeps the kernels from running there; empty if nothing does.
std::vector<std::string> device_faults();
// Gives the memory back that is kept between calls.
void release_memory();

}  // namespace bottomup::cuda
