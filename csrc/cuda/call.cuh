// One call from fields to peaks, pairs or both: memory, the stages in their order, one copy back, and the same again
// where the memory was too small.
#pragma once

#include <vector>

#include "clock.cuh"
#include "kernels.h"
#include "stages.cuh"

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

class Call {
   public:
    Call(int device, cudaStream_t stream, Timings* timings) : device_(device), stream_(stream), timings_(timings) {}

    // What is to be done: peaks of heatmaps, pairs of pafs, or both; pairs alone need candidates from the host.
    const FieldView* heatmaps = nullptr;
    const FieldView* pafs = nullptr;
    PeakCriteria peak_criteria{};
    LimbQuery limb_query{};
    const float *xy = nullptr, *scores = nullptr;  // 2 and 1 per candidate
    const int64_t* offsets = nullptr;

    void run();

    Peaks peaks;
    Pairs pairs;

   private:
    // Where the pieces lie in the memory of one run.
    struct Places {
        size_t peak_counts, pair_counts, large, header, peak_offsets, pair_offsets, results;
        size_t input_offsets, input_candidates, near, reach;
        size_t peak_keys, peak_records, sorted_peak_keys, sorted_peak_records, peak_starts;
        size_t pair_keys, pair_records, sorted_pair_keys, sorted_pair_records, pair_starts;
        size_t planes, labels, sizes, sums, sums_used;
    };

    void prepare();
    bool run_once();  // false if it has to be done again with more memory
    Places reserve(Arena& arena) const;
    Output output(const Arena& arena, const Places& places) const;
    PeakSink sink(const Arena& arena, const Places& places) const;
    void upload(const Arena& arena, const Places& places, PinnedBuffer& staging) const;
    void enqueue_peaks(const Arena& arena, const Places& places, const Output& out, Clock& clock) const;
    void enqueue_pairs(const Arena& arena, const Places& places, const Output& out, Clock& clock) const;
    bool make_room(const Header& header, const Arena& arena, const Places& places);
    void list_plateaus(const unsigned char* large);
    void unpack(const char* results, const Places& places);
    bool report_broken_heatmap(const Header& header);
    bool report_broken_limb(const Header& header);
    int64_t map_cells() const;
    int64_t candidate_count() const;
    int64_t candidate_room() const;
    LimbTask limb_task() const { return {limb_query.joints, limb_query.limbs, limb_query.ends}; }

    int device_;
    cudaStream_t stream_;
    Timings* timings_;
    Room peak_room_, pair_room_;
    std::vector<int64_t> plateau_planes_;
    int64_t planes_at_once_ = 0;
    int runs_ = 0;
};

}  // namespace bottomup::cuda
