// The entry points: what needs no GPU is answered at once, the rest is a Call.
#include <algorithm>

#include "call.cuh"

namespace bottomup::cuda {
namespace {

// Index arithmetic within one channel is done in 30 bits.
void check_size(const FieldView& heatmaps, const PeakCriteria& query) {
    constexpr int64_t kMost = (int64_t(1) << 30) - 1;
    const int64_t factor = query.upsample;
    if (factor < 1 || factor > kMost / std::max(heatmaps.height, heatmaps.width) ||
        heatmaps.height * factor > kMost / (heatmaps.width * factor))
        throw std::invalid_argument("heatmaps must have fewer than 2^30 cells per channel, once upsampled");
}

bool empty(const FieldView& field) { return field.batch * field.channels * field.height * field.width == 0; }

// Has one stream wait for what another one has to do now.
void wait_for(cudaStream_t waiting, cudaStream_t other) {
    if (waiting == other) return;
    cudaEvent_t event = nullptr;
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "create an event");
    cudaError_t status = cudaEventRecord(event, other);
    if (status == cudaSuccess) status = cudaStreamWaitEvent(waiting, event, 0);
    (void)cudaEventDestroy(event);
    check(status, "wait for a stream");
}

Peaks no_peaks(const FieldView& heatmaps) {
    Peaks peaks;
    peaks.offsets.assign(size_t(heatmaps.batch * heatmaps.channels) + 1, 0);
    return peaks;
}

Pairs no_pairs(const FieldView& pafs, const LimbQuery& query) {
    Pairs pairs;
    pairs.offsets.assign(size_t(pafs.batch * query.limbs) + 1, 0);
    return pairs;
}

}  // namespace

Peaks find_peaks(const FieldView& heatmaps, const PeakCriteria& query, void* stream, Timings* timings) {
    if (empty(heatmaps)) return no_peaks(heatmaps);
    check_size(heatmaps, query);
    const DeviceGuard guard(heatmaps.data);
    Call call(guard.device(), static_cast<cudaStream_t>(stream), timings);
    call.heatmaps = &heatmaps;
    call.peak_criteria = query;
    call.run();
    return std::move(call.peaks);
}

Pairs score_limbs(const FieldView& pafs, const float* xy, const float* scores, const int64_t* offsets,
                  const LimbQuery& query, void* stream, Timings* timings) {
    bool any = false;
    for (int64_t b = 0; b < pafs.batch; ++b) {
        for (int64_t end = 0; end < 2 * query.limbs; end += 2) {
            const int64_t* const from = offsets + b * query.joints + query.ends[end];
            const int64_t* const to = offsets + b * query.joints + query.ends[end + 1];
            any = any || (from[1] > from[0] && to[1] > to[0]);
        }
    }
    if (!any) return no_pairs(pafs, query);
    const DeviceGuard guard(pafs.data);
    Call call(guard.device(), static_cast<cudaStream_t>(stream), timings);
    call.pafs = &pafs;
    call.limb_query = query;
    call.xy = xy;
    call.scores = scores;
    call.offsets = offsets;
    call.run();
    return std::move(call.pairs);
}

std::pair<Peaks, Pairs> find_peaks_and_limbs(const FieldView& heatmaps, const FieldView& pafs, const PeakCriteria& peaks,
                                             const LimbQuery& limbs, void* stream, void* pafs_stream, Timings* timings) {
    if (empty(heatmaps)) return {no_peaks(heatmaps), no_pairs(pafs, limbs)};
    if (limbs.limbs == 0) return {find_peaks(heatmaps, peaks, stream, timings), no_pairs(pafs, limbs)};
    check_size(heatmaps, peaks);
    const DeviceGuard guard(heatmaps.data);
    if (device_of(pafs.data) != guard.device())
        throw std::invalid_argument("pafs must be on the GPU of the heatmaps but are on another");
    wait_for(static_cast<cudaStream_t>(stream), static_cast<cudaStream_t>(pafs_stream));
    Call call(guard.device(), static_cast<cudaStream_t>(stream), timings);
    call.heatmaps = &heatmaps;
    call.pafs = &pafs;
    call.peak_criteria = peaks;
    call.limb_query = limbs;
    call.run();
    return {std::move(call.peaks), std::move(call.pairs)};
}

}  // namespace bottomup::cuda
