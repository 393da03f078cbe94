// score_limbs on the GPU: one thread integrates one candidate pair at a time; those that pass are collected by limb and
// sorted as the CPU finds them. How many pairs there are is known on the GPU only, so each limb gets a fixed share.
#include <algorithm>

#include "layout.h"
#include "stages.cuh"

namespace bottomup::cuda {
namespace {

// Blocks at least, over all limbs of all images: enough to fill any GPU, so that one picture is not left to a few.
constexpr int64_t kBlocks = 2048;

// The ends of some limbs, small enough for a kernel's arguments; skeletons with more take more launches.
constexpr int kLimbsPerLaunch = 128;
struct LimbEnds {
    int32_t from[kLimbsPerLaunch], to[kLimbsPerLaunch];
};

struct Work {
    FieldView pafs;
    LimbRule rule;
    int64_t joints, limbs;  // of the skeleton
    int64_t first, count;   // limbs of this launch
    int64_t shares;         // blocks of each limb
    const int64_t* offsets;
    const Candidate* candidates;
    Segments<float> found;
    Header* header;
};

template <class T>
__device__ void score(const Work& work, const Plane<T>& paf_x, const Plane<T>& paf_y, int64_t segment, int64_t i,
                      int64_t j) {
    const Candidate from = work.candidates[i], to = work.candidates[j];
    float value = 0;
    const PairResult result = score_pair(paf_x, paf_y, work.pafs.height, work.pafs.width, from.x, from.y, to.x, to.y,
                                         work.rule, &value);
    if (result == PairResult::accepted) work.found.add(segment, uint64_t(i) << 32 | uint64_t(j), value);
    if (result == PairResult::non_finite) atomicMax(&work.header->non_finite_limb, ~Count(segment));
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    score_limbs(const __grid_constant__ Work work, const __grid_constant__ LimbEnds ends) {
    const int64_t one = blockIdx.x / work.shares, share = blockIdx.x - one * work.shares;
    const int64_t image = one / work.count, limb = one - image * work.count;
    const int64_t segment = image * work.limbs + work.first + limb;
    const int64_t* const from = work.offsets + image * work.joints + ends.from[limb];
    const int64_t* const to = work.offsets + image * work.joints + ends.to[limb];
    const int64_t a0 = from[0], b0 = to[0], columns = to[1] - b0, pairs = (from[1] - a0) * columns;
    const Plane<T> paf_x(work.pafs, image, 2 * (work.first + limb));
    const Plane<T> paf_y(work.pafs, image, 2 * (work.first + limb) + 1);
    for (int64_t pair = share * kThreads + threadIdx.x; pair < pairs; pair += work.shares * kThreads) {
        const int64_t row = quotient(pair, columns);
        score(work, paf_x, paf_y, segment, a0 + row, b0 + pair - row * columns);
    }
}

// Writes pairs in their final order.
struct PairList {
    Output output;

    __device__ int64_t* offsets() const { return output.pair_offsets; }
    __device__ Count* total() const { return &output.header->pairs; }
    __device__ Count* most() const { return &output.header->most_pairs; }
    __device__ Count* lost() const { return &output.header->pairs_lost; }
    __device__ void write(int64_t place, uint64_t key, float score) const {
        output.pairs()[place] = {int32_t(key >> 32), int32_t(key & 0xffffffffu), score};
    }
};

}  // namespace

void score_pairs(const FieldView& pafs, const LimbTask& task, const LimbRule& rule, const Output& output,
                 const Segments<float>& found, cudaStream_t stream) {
    for (int64_t first = 0; first < task.limbs; first += kLimbsPerLaunch) {
        const int64_t count = std::min<int64_t>(kLimbsPerLaunch, task.limbs - first);
        LimbEnds ends{};
        for (int64_t limb = 0; limb < count; ++limb) {
            ends.from[limb] = task.ends[2 * (first + limb)];
            ends.to[limb] = task.ends[2 * (first + limb) + 1];
        }
        const int64_t shares = blocks_of(kBlocks, pafs.batch * task.limbs);
        const Work work{pafs, rule, task.joints, task.limbs, first, count, shares, output.peak_offsets,
                        output.candidates, found, output.header};
        with_type(pafs.dtype, [&](auto zero) {
            launch("score limbs", score_limbs<decltype(zero)>, pafs.batch * count * shares, stream, work, ends);
        });
    }
}

void sort_pairs(const Segments<float>& found, const Segments<float>& sorted, const Output& output, int64_t most,
                cudaStream_t stream) {
    sort_segments(found, sorted, PairList{output}, most, stream);
}

}  // namespace bottomup::cuda
