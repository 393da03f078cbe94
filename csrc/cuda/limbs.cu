// score_limbs on the GPU, ring by ring of lengths: one thread looks at one candidate pair at a time and integrates those
// that are sought; those that pass are collected by limb and sorted as the CPU finds them. How many pairs there are is known on the GPU only, so each limb gets a fixed share.
#include <algorithm>
#include <vector>

#include "../search_radius.h"
#include "layout.h"
#include "stages.cuh"

namespace bottomup::cuda {
namespace {

// Blocks at least, over all limbs of all images: as many as a large GPU runs at once, so that one picture is not left to
// a few; most of more would have nothing to do.
constexpr int64_t kBlocks = 512;

// The ends of some limbs, small enough for a kernel's arguments; skeletons with more take more launches.
constexpr int kLimbsPerLaunch = 128;
struct LimbEnds {
    int32_t from[kLimbsPerLaunch], to[kLimbsPerLaunch];
    int32_t from_slot[kLimbsPerLaunch], to_slot[kLimbsPerLaunch];  // at those candidates
};

struct Work {
    FieldView pafs;
    LimbCriteria criteria;
    int64_t joints, limbs;  // of the skeleton
    int64_t first, count;  // limbs of this launch
    int64_t shares;  // blocks of each limb
    const int64_t* offsets;
    const Candidate* candidates;
    Segments<float> found;
    Header* header;
    ReachSpace space;
    Ring ring;

    __device__ float reach(int64_t end) const { return ring.from > 0.0f ? space.reach[end] : kUnlimited; }
    __device__ void note(int64_t end, float length) const {
        atomicMax(&space.near[end], ~bit_cast<uint32_t>(nearness(length)));
    }
};

template <class T>
__device__ void score(const Work& work, const Plane<T>& paf_x, const Plane<T>& paf_y, int64_t segment, int64_t i, int64_t j,
                      int32_t from_slot, int32_t to_slot) {
    const Candidate from = work.candidates[i], to = work.candidates[j];
    const int64_t first = i * work.space.slots + from_slot, second = j * work.space.slots + to_slot;
    const float dx = to.x - from.x, dy = to.y - from.y, length = sqrtf(dx * dx + dy * dy);
    if (!is_sought(length, work.ring, work.reach(first), work.reach(second), work.criteria)) return;
    float value = 0;
    const PairResult result =
        score_pair(paf_x, paf_y, work.pafs.height, work.pafs.width, from.x, from.y, to.x, to.y, work.criteria, &value);
    if (result == PairResult::accepted) {
        work.found.add(segment, uint64_t(i) << 32 | uint64_t(j), value);
        if (is_good(value, from.score, to.score, work.criteria)) work.note(first, length), work.note(second, length);
    }
    if (result == PairResult::non_finite) atomicMax(&work.header->non_finite_limb, ~Count(segment));
}

template <class T>
__global__ void __launch_bounds__(kThreads, 3)
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
        score(work, paf_x, paf_y, segment, a0 + row, b0 + pair - row * columns, ends.from_slot[limb], ends.to_slot[limb]);
    }
}

// One thread for each candidate: how far it looks in the next ring.
__global__ void __launch_bounds__(kThreads) set_reach(const __grid_constant__ ReachSpace space, const int64_t* candidates,
                                                      const __grid_constant__ LimbCriteria criteria) {
    const int64_t candidate = int64_t(blockIdx.x) * kThreads + threadIdx.x;
    if (candidate >= *candidates) return;
    const uint32_t* const near = space.near + candidate * space.slots;
    float farthest = 0.0f;
    for (int64_t slot = 0; slot < space.slots; ++slot)
        if (near[slot]) farthest = fmaxf(farthest, bit_cast<float>(~near[slot]));
    for (int64_t slot = 0; slot < space.slots; ++slot) {
        const float nearest = near[slot] ? bit_cast<float>(~near[slot]) : kUnlimited;
        space.reach[candidate * space.slots + slot] = reach_of(nearest, farthest, criteria);
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

int64_t reach_slots(const LimbTask& task) {
    std::vector<int64_t> count(static_cast<size_t>(task.joints));
    for (int64_t end = 0; end < 2 * task.limbs; ++end) ++count[size_t(task.ends[end])];
    return count.empty() ? 0 : *std::max_element(count.begin(), count.end());
}

void score_pairs(const FieldView& pafs, const LimbTask& task, const LimbCriteria& criteria, const Output& output,
                 const ReachSpace& space, int64_t most, const Segments<float>& found, cudaStream_t stream) {
    const int64_t shares = blocks_of(kBlocks, pafs.batch * task.limbs);
    const int rings = ring_count(pafs.height, pafs.width, criteria);
    for (int ring = 0; ring < rings; ++ring) {
        if (ring > 0 && most > 0)
            launch("set reach", set_reach, blocks_of(most, kThreads), stream, space,
                   output.peak_offsets + pafs.batch * task.joints, criteria);
        std::vector<int32_t> used(static_cast<size_t>(task.joints));
        for (int64_t first = 0; first < task.limbs; first += kLimbsPerLaunch) {
            const int64_t count = std::min<int64_t>(kLimbsPerLaunch, task.limbs - first);
            LimbEnds ends{};
            for (int64_t limb = 0; limb < count; ++limb) {
                ends.from[limb] = task.ends[2 * (first + limb)];
                ends.to[limb] = task.ends[2 * (first + limb) + 1];
                ends.from_slot[limb] = used[size_t(ends.from[limb])]++;
                ends.to_slot[limb] = used[size_t(ends.to[limb])]++;
            }
            const Work work{pafs,          criteria, task.joints,         task.limbs,        first,
                            count,         shares,   output.peak_offsets, output.candidates, found,
                            output.header, space,    ring_at(ring, rings)};
            with_type(pafs.dtype, [&](auto zero) {
                launch("score limbs", score_limbs<decltype(zero)>, pafs.batch * count * shares, stream, work, ends);
            });
        }
    }
}

void sort_pairs(const Segments<float>& found, const Segments<float>& sorted, const Output& output, int64_t most,
                cudaStream_t stream) {
    sort_segments(found, sorted, PairList{output}, most, stream);
}

}  // namespace bottomup::cuda
