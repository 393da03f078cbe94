#include "room.cuh"

#include <algorithm>

namespace bottomup::cuda {
namespace {

// Records of a segment for which there is room at first; sorted by a single block.
constexpr int64_t kFirstRoom = kChunk;
// Records over all segments, beyond which each gets room for what it holds and not for what the fullest one holds.
constexpr int64_t kWasteful = int64_t(1) << 21;

int64_t power_of_two(int64_t at_least) {
    int64_t power = 1;
    while (power < at_least) power *= 2;
    return power;
}

}  // namespace

int64_t first_room(int64_t segments, int64_t needed_last, int64_t possible) {
    const int64_t affordable = std::max<int64_t>(32, kWasteful / std::max<int64_t>(segments, 1));
    return std::min({std::max(kFirstRoom, power_of_two(needed_last)), affordable, possible});
}

int64_t Room::most() const {
    int64_t most = each;
    for (size_t s = 1; s < starts.size(); ++s) most = std::max(most, starts[s] - starts[s - 1]);
    return most;
}

void Room::grow(int64_t needed, const Count* counts_on_device, cudaStream_t stream) {
    each = power_of_two(needed);
    starts.clear();
    if (each <= kWasteful / segments) return;
    std::vector<Count> counts(static_cast<size_t>(segments));
    const size_t bytes = counts.size() * sizeof(Count);
    check(cudaMemcpyAsync(counts.data(), counts_on_device, bytes, cudaMemcpyDeviceToHost, stream),
          "copy counts to the host");
    check(cudaStreamSynchronize(stream), "count records");
    each = 0;
    starts.assign(1, 0);
    for (const Count count : counts) starts.push_back(starts.back() + int64_t(count));
}

}  // namespace bottomup::cuda
