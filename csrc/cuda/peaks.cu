// find_peaks on the GPU. One thread looks at one cell. Isolated peaks are written at once; cells that tie with a
// neighbour are joined into plateaus by union-find and each plateau that nothing overlooks gives one peak.
#include <algorithm>

#include "../kernels.h"
#include "memory.cuh"

namespace bottomup::cuda {
namespace {

struct Found {
    int64_t plane, index;
    float x, y, score, extent;
};

// One cell of a plateau; the sums are those of the whole plateau in the slot that is its root.
struct PlateauCell {
    int64_t cell;  // over all planes
    unsigned long long first;
    double x, y, curvature;
    unsigned count;
    int overlooked;
    int parent;
};

struct Counters {
    unsigned found, tied;
    unsigned long long non_finite;  // lowest cell, over all planes
};

struct Cell {
    int64_t plane, row, column;
};

__device__ Cell locate(const FieldView& view, int64_t cell) {
    const int64_t area = view.height * view.width, index = cell % area;
    return {cell / area, index / view.width, index % view.width};
}

template <class T>
__device__ Plane<T> plane_of(const FieldView& view, int64_t plane) {
    return Plane<T>(view, plane / view.channels, plane % view.channels);
}

__device__ void emit(Found* found, unsigned capacity, Counters* counters, const Found& peak) {
    const unsigned slot = atomicAdd(&counters->found, 1u);
    if (slot < capacity) found[slot] = peak;
}

template <class T>
__global__ void scan(FieldView view, float threshold, Found* found, PlateauCell* tied, int* slots, unsigned capacity,
                     Counters* counters) {
    const int64_t area = view.height * view.width, cells = view.batch * view.channels * area;
    for (int64_t cell = blockIdx.x * int64_t(blockDim.x) + threadIdx.x; cell < cells; cell += int64_t(gridDim.x) * blockDim.x) {
        const Cell at = locate(view, cell);
        const Plane<T> plane = plane_of<T>(view, at.plane);
        const float score = plane(at.row, at.column);
        if (!is_finite(score)) atomicMin(&counters->non_finite, (unsigned long long)cell);
        if (!(score >= threshold) || !is_finite(score)) continue;
        const CellFit fit = fit_cell(plane, at.row, at.column, view.height, view.width);
        if (classify(plane, at.row, at.column, view.height, view.width) == CellKind::strict_peak) {
            emit(found, capacity, counters, {at.plane, cell % area, fit.x, fit.y, score, extent_from_curvature(fit.curvature)});
            continue;
        }
        bool equal = false, overlooked = false;
        for (int64_t r = max(at.row - 1, int64_t(0)); r <= at.row + 1 && r < view.height; ++r) {
            for (int64_t c = max(at.column - 1, int64_t(0)); c <= at.column + 1 && c < view.width; ++c) {
                const float other = plane(r, c);
                equal = equal || (other == score && (r != at.row || c != at.column));
                overlooked = overlooked || other > score;
            }
        }
        if (!equal) continue;
        const unsigned slot = atomicAdd(&counters->tied, 1u);
        if (slot >= capacity) continue;
        slots[cell] = int(slot);
        tied[slot] = {cell, (unsigned long long)(cell % area), fit.x, fit.y, fit.curvature, 1u, overlooked, int(slot)};
    }
}

// Slots only ever get a smaller parent, so the chain ends at the plateau's lowest slot.
__device__ int root_of(const PlateauCell* tied, int slot) {
    for (int parent; (parent = *(volatile const int*)&tied[slot].parent) != slot;) slot = parent;
    return slot;
}

__device__ void unite(PlateauCell* tied, int a, int b) {
    for (;;) {
        a = root_of(tied, a), b = root_of(tied, b);
        if (a == b) return;
        const int low = min(a, b), high = max(a, b);
        if (atomicCAS(&tied[high].parent, high, low) == high) return;
    }
}

template <class T>
__global__ void join(FieldView view, PlateauCell* tied, const int* slots, unsigned count) {
    for (unsigned slot = blockIdx.x * blockDim.x + threadIdx.x; slot < count; slot += gridDim.x * blockDim.x) {
        const int64_t cell = tied[slot].cell;
        const Cell at = locate(view, cell);
        const Plane<T> plane = plane_of<T>(view, at.plane);
        const float score = plane(at.row, at.column);
        for (int64_t r = max(at.row - 1, int64_t(0)); r <= at.row + 1 && r < view.height; ++r)
            for (int64_t c = max(at.column - 1, int64_t(0)); c <= at.column + 1 && c < view.width; ++c)
                if ((r != at.row || c != at.column) && plane(r, c) == score)
                    unite(tied, int(slot), slots[cell + (r - at.row) * view.width + (c - at.column)]);
    }
}

__global__ void sum_up(PlateauCell* tied, unsigned count) {
    for (unsigned slot = blockIdx.x * blockDim.x + threadIdx.x; slot < count; slot += gridDim.x * blockDim.x) {
        const int root = root_of(tied, int(slot));
        if (root == int(slot)) continue;  // its own values are there already
        PlateauCell& sum = tied[root];
        const PlateauCell& own = tied[slot];
        atomicAdd(&sum.x, own.x), atomicAdd(&sum.y, own.y), atomicAdd(&sum.curvature, own.curvature);
        atomicAdd(&sum.count, 1u);
        atomicMin(&sum.first, own.first);
        if (own.overlooked) atomicExch(&sum.overlooked, 1);
    }
}

template <class T>
__global__ void emit_plateaus(FieldView view, const PlateauCell* tied, unsigned count, Found* found, unsigned capacity,
                              Counters* counters) {
    for (unsigned slot = blockIdx.x * blockDim.x + threadIdx.x; slot < count; slot += gridDim.x * blockDim.x) {
        const PlateauCell& sum = tied[slot];
        if (sum.parent != int(slot) || sum.overlooked) continue;
        const Cell at = locate(view, sum.cell);
        const float score = plane_of<T>(view, at.plane)(at.row, at.column);
        const double n = sum.count;
        emit(found, capacity, counters,
             {at.plane, int64_t(sum.first), float(sum.x / n), float(sum.y / n), score, extent_from_curvature(float(sum.curvature / n))});
    }
}

template <class T>
std::vector<Found> collect(const FieldView& view, float threshold, cudaStream_t stream, NonFinite& non_finite) {
    const int64_t area = view.height * view.width, cells = view.batch * view.channels * area;
    unsigned capacity = 1u << 16;
    const DeviceArray<int> slots{size_t(cells)};
    for (;;) {  // again with larger buffers if they overflowed: nothing is dropped
        const DeviceArray<Found> found(capacity);
        const DeviceArray<PlateauCell> tied(capacity);
        const DeviceArray<Counters> counters(std::vector<Counters>{{0, 0, ~0ull}}, stream);
        scan<T><<<blocks_for(cells), kThreads, 0, stream>>>(view, threshold, found.get(), tied.get(), slots.get(), capacity, counters.get());
        check(cudaGetLastError(), "launch the peak scan");
        Counters seen = counters.to_host(1, stream)[0];
        if (seen.non_finite != ~0ull) {
            const int64_t plane = int64_t(seen.non_finite) / area, index = int64_t(seen.non_finite) % area;
            non_finite = {plane / view.channels, plane % view.channels, index / view.width, index % view.width};
            return {};
        }
        if (seen.tied <= capacity && seen.tied > 0) {
            const unsigned blocks = blocks_for(seen.tied);
            join<T><<<blocks, kThreads, 0, stream>>>(view, tied.get(), slots.get(), seen.tied);
            sum_up<<<blocks, kThreads, 0, stream>>>(tied.get(), seen.tied);
            emit_plateaus<T><<<blocks, kThreads, 0, stream>>>(view, tied.get(), seen.tied, found.get(), capacity, counters.get());
            check(cudaGetLastError(), "launch the plateau kernels");
            seen = counters.to_host(1, stream)[0];
        }
        if (seen.tied <= capacity && seen.found <= capacity) return found.to_host(seen.found, stream);
        capacity = std::max(seen.tied, seen.found);
    }
}

}  // namespace

Peaks find_peaks(const FieldView& heatmaps, float threshold, void* stream) {
    const int64_t planes = heatmaps.batch * heatmaps.channels;
    Peaks peaks;
    peaks.offsets.assign(size_t(planes) + 1, 0);
    if (planes * heatmaps.height * heatmaps.width == 0) return peaks;
    const DeviceGuard guard(heatmaps.data);
    const auto handle = static_cast<cudaStream_t>(stream);
    std::vector<Found> found = heatmaps.dtype == DType::float32 ? collect<float>(heatmaps, threshold, handle, peaks.non_finite)
                                                                : collect<Half>(heatmaps, threshold, handle, peaks.non_finite);
    std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
        if (a.plane != b.plane) return a.plane < b.plane;
        return a.score != b.score ? a.score > b.score : a.index < b.index;
    });
    for (const Found& peak : found) {
        ++peaks.offsets[size_t(peak.plane) + 1];
        peaks.xy.push_back(peak.x), peaks.xy.push_back(peak.y);
        peaks.score.push_back(peak.score), peaks.extent.push_back(peak.extent);
    }
    for (size_t p = 0; p < size_t(planes); ++p) peaks.offsets[p + 1] += peaks.offsets[p];
    return peaks;
}

int device_count() {
    int count = 0;
    return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

}  // namespace bottomup::cuda
