// Tags on the GPU: one thread reads those of one joint; one block looks through the window of one missing joint. What is to
// be read and sought is planned on the host.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels.h"
#include "layout.h"
#include "stages.cuh"

namespace bottomup::cuda {
namespace {

struct Place {
    int64_t image, channel;
    float x, y;
};

template <class T>
__global__ void __launch_bounds__(kThreads)
    read_places(FieldView tags, const Place* places, int64_t count, int64_t depth, float* values) {
    const int64_t n = int64_t(blockIdx.x) * kThreads + threadIdx.x;
    if (n >= count) return;
    const Place place = places[n];
    const int64_t row = cell_at(place.y, tags.height), column = cell_at(place.x, tags.width);
    for (int64_t d = 0; d < depth; ++d) values[n * depth + d] = Plane<T>(tags, place.image, place.channel + d)(row, column);
}

// The best cell of a box, by all threads of a block, which have it in bests[0] afterwards.
template <class T, class U>
__device__ void search_box(const FieldView& heatmaps, const FieldView& tags, int64_t depth, const TagWindow& window,
                           const CellBox& box, const float* wanted, float min_response, TagCell* bests) {
    const int64_t columns = box.right - box.left + 1, count = is_empty(box) ? 0 : columns * (box.bottom - box.top + 1);
    TagCell best{0.0f, 0};
    for (int64_t n = threadIdx.x; n < count; n += kThreads) {
        const int64_t row = quotient(n, columns);
        const TagCell cell = look_at<T, U>(heatmaps, tags, depth, window, wanted + window.tags, min_response,
                                           box.top + row, box.left + n - row * columns);
        if (cell.score > 0 && (best.score == 0 || is_better(cell, best))) best = cell;
    }
    bests[threadIdx.x] = best;
    __syncthreads();
    for (int half = kThreads / 2; half > 0; half /= 2) {
        if (int(threadIdx.x) < half) {
            const TagCell other = bests[threadIdx.x + half];
            TagCell& own = bests[threadIdx.x];
            if (other.score > 0 && (own.score == 0 || is_better(other, own))) own = other;
        }
        __syncthreads();
    }
}

template <class T, class U>
__global__ void __launch_bounds__(kThreads)
    search(FieldView heatmaps, FieldView tags, int64_t depth, const TagWindow* windows, const float* wanted,
           float min_response, float clear_response, TagCell* cells) {
    __shared__ TagCell bests[kThreads];
    const TagWindow window = windows[blockIdx.x];
    search_box<T, U>(heatmaps, tags, depth, window, window.near, wanted, min_response, bests);
    TagCell best = bests[0];
    __syncthreads();  // before the next search overwrites it
    if (best.score < clear_response && !is_empty(window.far)) {
        search_box<T, U>(heatmaps, tags, depth, window, window.far, wanted, clear_response, bests);
        if (bests[0].score > 0) best = bests[0];
    }
    if (threadIdx.x == 0) cells[blockIdx.x] = best;
}

// Sends an array to the device and brings another one back.
template <class In, class Out, class Enqueue>
void exchange(const void* field, const std::vector<In>& sent, const std::vector<float>& more, std::vector<Out>& received,
              cudaStream_t stream, Enqueue enqueue) {
    const DeviceGuard guard(field);
    const size_t first = sent.size() * sizeof(In), second = more.size() * sizeof(float),
                 back = received.size() * sizeof(Out);
    Arena arena(guard.device(), stream);
    const size_t in = arena.reserve(int64_t(sent.size()), sizeof(In)),
                 also = arena.reserve(int64_t(more.size() + 1), sizeof(float));
    const size_t out = arena.reserve(int64_t(received.size()), sizeof(Out));
    PinnedBuffer staging(std::max(first + second, back), stream);
    arena.allocate();
    std::memcpy(staging.get(), sent.data(), first);
    if (second) std::memcpy(staging.get() + first, more.data(), second);
    staging.in_use();
    check(cudaMemcpyAsync(arena.at<In>(in), staging.get(), first, cudaMemcpyHostToDevice, stream), "copy to the device");
    if (second)
        check(cudaMemcpyAsync(arena.at<float>(also), staging.get() + first, second, cudaMemcpyHostToDevice, stream),
              "copy to the device");
    enqueue(arena.at<In>(in), arena.at<float>(also), arena.at<Out>(out));
    check(cudaMemcpyAsync(staging.get(), arena.at<Out>(out), back, cudaMemcpyDeviceToHost, stream),
          "copy the results to the host");
    check(cudaStreamSynchronize(stream), "finish a kernel");
    staging.finished();
    std::memcpy(received.data(), staging.get(), back);
}

}  // namespace

TagValues read_tags(const FieldView& tags, int64_t depth, const TagPlaces& places, void* stream) {
    TagValues found;
    if (places.count == 0) return found;
    std::vector<Place> sent;
    for (int64_t n = 0; n < places.count; ++n)
        sent.push_back({places.images[n], places.joints[n] * depth, places.xy[2 * n], places.xy[2 * n + 1]});
    found.values.resize(size_t(places.count * depth));
    const auto on = static_cast<cudaStream_t>(stream);
    exchange(tags.data, sent, {}, found.values, on, [&](const Place* there, const float*, float* values) {
        with_type(tags.dtype, [&](auto zero) {
            launch("read tags", read_places<decltype(zero)>, blocks_of(places.count, kThreads), on, tags, there,
                   places.count, depth, values);
        });
    });
    for (size_t n = 0; n < found.values.size() && found.non_finite.batch < 0; ++n) {
        if (std::isfinite(found.values[n])) continue;
        const Place& place = sent[n / size_t(depth)];
        found.non_finite = {place.image, place.channel + int64_t(n % size_t(depth)), cell_at(place.y, tags.height),
                            cell_at(place.x, tags.width)};
    }
    return found;
}

std::vector<TagCell> search_windows(const FieldView& heatmaps, const FieldView& tags, int64_t depth,
                                    const std::vector<TagWindow>& windows, const std::vector<float>& wanted,
                                    const TagOptions& options, void* stream) {
    std::vector<TagCell> cells(windows.size(), TagCell{0.0f, 0});
    if (windows.empty()) return cells;
    const auto on = static_cast<cudaStream_t>(stream);
    exchange(heatmaps.data, windows, wanted, cells, on, [&](const TagWindow* there, const float* tag, TagCell* best) {
        with_type(heatmaps.dtype, [&](auto heat) {
            with_type(tags.dtype, [&](auto value) {
                launch("search windows", search<decltype(heat), decltype(value)>, int64_t(windows.size()), on, heatmaps,
                       tags, depth, there, tag, options.min_response, options.clear_response, best);
            });
        });
    });
    return cells;
}

}  // namespace bottomup::cuda
