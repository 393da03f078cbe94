// Memory for records of which it is only known afterwards how many there are.
#pragma once

#include <vector>

#include "segments.cuh"

namespace bottomup::cuda {

// How much room each segment's records have.
struct Room {
    int64_t segments = 0;
    int64_t each = 0;             // records, if all have the same
    std::vector<int64_t> starts;  // else where each one's begins, and the end

    int64_t total() const { return starts.empty() ? segments * each : starts.back(); }
    int64_t most() const;  // of a segment
    // Makes room for a segment of `needed` records; where that much for each would be a waste, for exactly the counts.
    void grow(int64_t needed, const Count* counts_on_device, cudaStream_t stream);
};

// Records of each segment for which there is room at first, from what the last call needed and what is possible.
int64_t first_room(int64_t segments, int64_t needed_last, int64_t possible);

}  // namespace bottomup::cuda
