// The entry points of the kernels; csrc/cpu and csrc/cuda implement them name for name.
#pragma once

#include <vector>

#include "limbs.h"

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

namespace cpu {
Peaks find_peaks(const FieldView& heatmaps, float threshold, int threads);
Pairs score_limbs(const FieldView& pafs, const float* xy, const int64_t* offsets, int64_t joints, const int32_t* limbs,
                  int64_t limb_count, const LimbRule& rule, int threads);
const char* instruction_set();
}  // namespace cpu

#if defined(BOTTOMUP_CUDA)
namespace cuda {
Peaks find_peaks(const FieldView& heatmaps, float threshold, void* stream);
Pairs score_limbs(const FieldView& pafs, const float* xy, const int64_t* offsets, int64_t joints, const int32_t* limbs,
                  int64_t limb_count, const LimbRule& rule, void* stream);
int device_count();
}  // namespace cuda
#endif

}  // namespace bottomup
