// score_limbs on the GPU: one thread integrates one candidate pair; those that pass are appended and put in order.
#include <algorithm>

#include "../kernels.h"
#include "memory.cuh"

namespace bottomup::cuda {
namespace {

// The candidate pairs of one limb of one image: every one of [a0, a0 + rows) with every one of [b0, b0 + columns).
struct Block {
    int64_t begin;  // number of its first pair among all pairs
    int64_t batch, limb, a0, b0, columns;
};

struct Found {
    int32_t block, first, second;
    float score;
};

struct Counters {
    unsigned found;
    int non_finite;  // a block that sampled a value that is not finite, the lowest one; INT_MAX if none
};

template <class T>
__global__ void score(FieldView pafs, const float* xy, const Block* blocks, int block_count, int64_t pairs, LimbRule rule,
                      Found* found, unsigned capacity, Counters* counters) {
    for (int64_t pair = blockIdx.x * int64_t(blockDim.x) + threadIdx.x; pair < pairs; pair += int64_t(gridDim.x) * blockDim.x) {
        int low = 0, high = block_count;  // the last block that begins at or before this pair
        while (high - low > 1) {
            const int middle = (low + high) / 2;
            (blocks[middle].begin <= pair ? low : high) = middle;
        }
        const Block block = blocks[low];
        const int64_t i = block.a0 + (pair - block.begin) / block.columns, j = block.b0 + (pair - block.begin) % block.columns;
        const Plane<T> paf_x(pafs, block.batch, 2 * block.limb);
        const Plane<T> paf_y(pafs, block.batch, 2 * block.limb + 1);
        float value = 0;
        const PairResult result = score_pair(paf_x, paf_y, pafs.height, pafs.width, xy[2 * i], xy[2 * i + 1], xy[2 * j],
                                             xy[2 * j + 1], rule, &value);
        if (result == PairResult::non_finite) atomicMin(&counters->non_finite, low);
        if (result != PairResult::accepted) continue;
        const unsigned slot = atomicAdd(&counters->found, 1u);
        if (slot < capacity) found[slot] = {low, int32_t(i), int32_t(j), value};
    }
}

template <class T>
std::vector<Found> collect(const FieldView& pafs, const float* xy, int64_t candidates, const std::vector<Block>& blocks,
                           int64_t pairs, const LimbRule& rule, cudaStream_t stream, int& non_finite) {
    const DeviceArray<float> points(std::vector<float>(xy, xy + 2 * candidates), stream);
    const DeviceArray<Block> device_blocks(blocks, stream);
    for (unsigned capacity = 1u << 16;;) {  // again with a larger buffer if it overflowed
        const DeviceArray<Found> found(capacity);
        const DeviceArray<Counters> counters(std::vector<Counters>{{0, INT32_MAX}}, stream);
        score<T><<<blocks_for(pairs), kThreads, 0, stream>>>(pafs, points.get(), device_blocks.get(), int(blocks.size()), pairs,
                                                             rule, found.get(), capacity, counters.get());
        check(cudaGetLastError(), "launch the limb scoring");
        const Counters seen = counters.to_host(1, stream)[0];
        non_finite = seen.non_finite;
        if (seen.found <= capacity) return found.to_host(seen.found, stream);
        capacity = seen.found;
    }
}

}  // namespace

Pairs score_limbs(const FieldView& pafs, const float* xy, const int64_t* offsets, int64_t joints, const int32_t* limbs,
                  int64_t limb_count, const LimbRule& rule, void* stream) {
    std::vector<Block> blocks;
    int64_t total = 0;
    for (int64_t b = 0; b < pafs.batch; ++b) {
        for (int64_t limb = 0; limb < limb_count; ++limb) {
            const int64_t* from = offsets + b * joints + limbs[2 * limb];
            const int64_t* to = offsets + b * joints + limbs[2 * limb + 1];
            const int64_t pairs = (from[1] - from[0]) * (to[1] - to[0]);
            if (pairs > 0) blocks.push_back({total, b, limb, from[0], to[0], to[1] - to[0]});
            total += pairs;
        }
    }
    Pairs pairs;
    pairs.offsets.assign(size_t(pafs.batch * limb_count) + 1, 0);
    if (total == 0) return pairs;
    const DeviceGuard guard(pafs.data);
    const auto handle = static_cast<cudaStream_t>(stream);
    const int64_t candidates = offsets[pafs.batch * joints];
    int non_finite = INT32_MAX;
    std::vector<Found> found =
        pafs.dtype == DType::float32 ? collect<float>(pafs, xy, candidates, blocks, total, rule, handle, non_finite)
                                     : collect<Half>(pafs, xy, candidates, blocks, total, rule, handle, non_finite);
    if (non_finite != INT32_MAX) {
        pairs.non_finite = {blocks[size_t(non_finite)].batch, 2 * blocks[size_t(non_finite)].limb, -1, -1};
        return pairs;
    }
    std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
        if (a.block != b.block) return a.block < b.block;
        return a.first != b.first ? a.first < b.first : a.second < b.second;
    });
    for (const Found& pair : found) {
        const Block& block = blocks[size_t(pair.block)];
        ++pairs.offsets[size_t(block.batch * limb_count + block.limb) + 1];
        pairs.first.push_back(pair.first), pairs.second.push_back(pair.second), pairs.score.push_back(pair.score);
    }
    for (size_t n = 1; n < pairs.offsets.size(); ++n) pairs.offsets[n] += pairs.offsets[n - 1];
    return pairs;
}

}  // namespace bottomup::cuda
