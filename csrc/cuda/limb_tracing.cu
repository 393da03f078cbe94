// trace_limbs on the GPU: the host says which limbs to follow, one thread follows one, the host puts together the ends.
#include <algorithm>
#include <cstring>

#include "kernels.h"
#include "stages.cuh"

namespace bottomup::cuda {
namespace {

struct Walk {
    float x, y, sign, threshold;
    int64_t image, limb;
};

template <class T>
__global__ void __launch_bounds__(kThreads)
    follow(FieldView pafs, const Walk* walks, int64_t count, int max_steps, Trace* traces) {
    const int64_t n = int64_t(blockIdx.x) * kThreads + threadIdx.x;
    if (n >= count) return;
    const Walk walk = walks[n];
    const Plane<T> paf_x(pafs, walk.image, 2 * walk.limb), paf_y(pafs, walk.image, 2 * walk.limb + 1);
    traces[n] = trace_limb(paf_x, paf_y, pafs.height, pafs.width, walk.x, walk.y, walk.sign, walk.threshold, max_steps);
}

std::vector<Trace> follow_all(const FieldView& pafs, const std::vector<Walk>& walks, int max_steps, cudaStream_t stream) {
    std::vector<Trace> traces(walks.size());
    if (walks.empty()) return traces;
    const DeviceGuard guard(pafs.data);
    const int64_t count = int64_t(walks.size());
    const size_t sent = walks.size() * sizeof(Walk), received = walks.size() * sizeof(Trace);
    Arena arena(guard.device(), stream);
    const size_t in = arena.reserve(count, sizeof(Walk)), out = arena.reserve(count, sizeof(Trace));
    PinnedBuffer staging(std::max(sent, received), stream);
    arena.allocate();
    std::memcpy(staging.get(), walks.data(), sent);
    staging.in_use();
    check(cudaMemcpyAsync(arena.at<Walk>(in), staging.get(), sent, cudaMemcpyHostToDevice, stream), "copy to the device");
    with_type(pafs.dtype, [&](auto zero) {
        launch("follow limbs", follow<decltype(zero)>, blocks_of(count, kThreads), stream, pafs, arena.at<Walk>(in), count,
               max_steps, arena.at<Trace>(out));
    });
    check(cudaMemcpyAsync(staging.get(), arena.at<Trace>(out), received, cudaMemcpyDeviceToHost, stream),
          "copy the results to the host");
    check(cudaStreamSynchronize(stream), "finish a kernel");
    staging.finished();
    std::memcpy(traces.data(), staging.get(), received);
    return traces;
}

}  // namespace

LimbEnds trace_limbs(const FieldView& pafs, const CandidateView& candidates, const PairView& pairs, const int32_t* limbs,
                     const TraceCriteria& criteria, void* stream) {
    std::vector<std::vector<TraceStart>> starts(static_cast<size_t>(pafs.batch));
    std::vector<Walk> walks;
    for (int64_t image = 0; image < pafs.batch; ++image) {
        starts[size_t(image)] = plan_traces(candidates, pairs, limbs, image, criteria);
        const float threshold = std::max(criteria.min_sample * criteria.typical[image], criteria.sample_threshold);
        for (const TraceStart& start : starts[size_t(image)]) {
            const float* const from = candidates.xy + 2 * start.candidate;
            walks.push_back({from[0], from[1], start.end == 0 ? 1.0f : -1.0f, threshold, image, start.limb});
        }
    }
    const std::vector<Trace> all = follow_all(pafs, walks, criteria.max_steps, static_cast<cudaStream_t>(stream));
    LimbEnds ends;
    auto next = all.begin();
    for (int64_t image = 0; image < pafs.batch; ++image) {
        const std::vector<TraceStart>& own = starts[size_t(image)];
        const std::vector<Trace> traces(next, next + std::ptrdiff_t(own.size()));
        next += std::ptrdiff_t(own.size());
        for (size_t n = 0; n < own.size(); ++n) {
            if (traces[n].finite) continue;
            ends.non_finite = {image, 2 * own[n].limb, -1, -1};
            return ends;
        }
        if (!own.empty()) collect_ends(pafs, candidates, limbs, image, criteria, own, traces, ends);
    }
    return ends;
}

}  // namespace bottomup::cuda
