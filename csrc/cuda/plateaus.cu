// The peaks of plateaus of more than kSmallPlateau cells, which no real network draws: cells are joined by union-find,
// counted, and those of plateaus that nothing overlooks summed up. One thread looks at one cell of the channels listed.
#include "stages.cuh"

namespace bottomup::cuda {
namespace {

struct Maps {
    FieldView view;
    PeakCriteria criteria;
    PlateauSpace space;
    int64_t count, height, width;  // channels listed, and the size of each as it is looked at

    __device__ int64_t area() const { return height * width; }
};

// Calls `body(cell, label's place, map, row, column)` for each cell of this thread.
template <class T, class Body>
__device__ void each_cell(const Maps& maps, Body body) {
    const int64_t place = int64_t(blockIdx.x) * kThreads + threadIdx.x;
    if (place >= maps.count * maps.area()) return;
    const int64_t listed = place / maps.area(), cell = place - listed * maps.area(), plane = maps.space.planes[listed];
    const FieldView& view = maps.view;
    const Plane<T> source(view, plane / view.channels, plane % view.channels);
    const Upsampled<Plane<T>> map{source, view.height, view.width, maps.criteria.upsample};
    body(plane, listed * maps.area(), int(cell), map, cell / maps.width, cell % maps.width);
}

// Labels only ever fall, so a chain of them ends at the first cell of what has been joined so far.
__device__ int first_of(const int* labels, int cell) {
    for (int next; (next = *static_cast<const volatile int*>(&labels[cell])) != cell;) cell = next;
    return cell;
}

__device__ void join(int* labels, int a, int b) {
    for (;;) {
        a = first_of(labels, a), b = first_of(labels, b);
        if (a == b) return;
        const int low = a < b ? a : b, high = a < b ? b : a;
        if (atomicCAS(&labels[high], high, low) == high) return;
    }
}

// Each cell at or above the threshold that ties with a neighbour is a plateau of its own at first.
template <class T>
__global__ void label_cells(Maps maps) {
    each_cell<T>(maps, [&](int64_t, int64_t base, int cell, auto map, int64_t row, int64_t column) {
        const float here = map(row, column);
        const bool tied = here >= maps.criteria.threshold && is_finite(here) &&
                          look_around(map, row, column, maps.height, maps.width, here).equal;
        maps.space.labels[base + cell] = tied ? cell : -1;
        maps.space.sizes[base + cell] = 0;
    });
}

template <class T>
__global__ void join_cells(Maps maps) {
    each_cell<T>(maps, [&](int64_t, int64_t base, int cell, auto map, int64_t row, int64_t column) {
        int* const labels = maps.space.labels + base;
        if (labels[cell] < 0) return;
        const float here = map(row, column);
        for (int n = 0; n < 4; ++n) {  // the neighbours before this one; those after it look back in turn
            const int64_t r = row + n / 3 - 1, c = column + n % 3 - 1;
            if (r >= 0 && c >= 0 && c < maps.width && map(r, c) == here) join(labels, cell, int(r * maps.width + c));
        }
    });
}

constexpr int kOverlooked = 1 << 30;  // in a size: a cell of the plateau has a higher neighbour

template <class T>
__global__ void count_cells(Maps maps) {
    each_cell<T>(maps, [&](int64_t, int64_t base, int cell, auto map, int64_t row, int64_t column) {
        int* const labels = maps.space.labels + base;
        if (labels[cell] < 0) return;
        const int first = first_of(labels, cell);
        labels[cell] = first;  // shortens the chains of others, whose end it leaves alone
        atomicAdd(&maps.space.sizes[base + first], 1);
        const float here = map(row, column);
        if (look_around(map, row, column, maps.height, maps.width, here).higher)
            atomicOr(&maps.space.sizes[base + first], kOverlooked);
    });
}

template <class T>
__global__ void number_sums(Maps maps) {
    each_cell<T>(maps, [&](int64_t, int64_t base, int cell, auto, int64_t, int64_t) {
        if (maps.space.labels[base + cell] != cell) return;
        int& size = maps.space.sizes[base + cell];
        const bool needed = size > kSmallPlateau && size < kOverlooked;
        size = needed ? int(atomicAdd(maps.space.sums_used, Count(1))) : -1;
        if (needed) maps.space.sums[size] = PlateauSum{};
    });
}

template <class T>
__global__ void sum_cells(Maps maps) {
    each_cell<T>(maps, [&](int64_t, int64_t base, int cell, auto map, int64_t row, int64_t column) {
        const int first = maps.space.labels[base + cell];
        if (first < 0 || maps.space.sizes[base + first] < 0) return;
        const CellFit fit = fit_cell(map, row, column, maps.height, maps.width);
        PlateauSum& sum = maps.space.sums[maps.space.sizes[base + first]];
        atomicAdd(&sum.x, double(fit.x));
        atomicAdd(&sum.y, double(fit.y));
        atomicAdd(&sum.curvature, double(fit.curvature));
        atomicAdd(&sum.count, Count(1));
    });
}

template <class T>
__global__ void add_peaks(Maps maps, PeakSink sink) {
    each_cell<T>(maps, [&](int64_t plane, int64_t base, int cell, auto map, int64_t row, int64_t column) {
        if (maps.space.labels[base + cell] != cell || maps.space.sizes[base + cell] < 0) return;
        const PlateauSum& sum = maps.space.sums[maps.space.sizes[base + cell]];
        sink.add(plane, cell, sum.mean(), map(row, column), maps.criteria.upsample);
    });
}

}  // namespace

void find_large_plateaus(const FieldView& heatmaps, const PeakCriteria& criteria, int64_t planes, const PlateauSpace& space,
                         const PeakSink& sink, cudaStream_t stream) {
    const Maps maps{
        heatmaps, criteria, space, planes, heatmaps.height * criteria.upsample, heatmaps.width * criteria.upsample};
    check(cudaMemsetAsync(space.sums_used, 0, sizeof(Count), stream), "clear a counter");
    const int64_t blocks = blocks_of(planes * maps.height * maps.width, kThreads);
    const char* const what = "look for plateaus";
    with_type(heatmaps.dtype, [&](auto zero) {
        using T = decltype(zero);
        launch(what, label_cells<T>, blocks, stream, maps);
        launch(what, join_cells<T>, blocks, stream, maps);
        launch(what, count_cells<T>, blocks, stream, maps);
        launch(what, number_sums<T>, blocks, stream, maps);
        launch(what, sum_cells<T>, blocks, stream, maps);
        launch(what, add_peaks<T>, blocks, stream, maps, sink);
    });
}

}  // namespace bottomup::cuda
