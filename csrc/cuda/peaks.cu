// find_peaks on the GPU: one pass over the heatmaps in the order of memory. A thread reads 16 bytes at a time, several
// times before it looks at the first, and has done with nearly all of them after a comparison with the threshold.
#include "layout.h"
#include "visit.cuh"

namespace bottomup::cuda {
namespace {

// Reads of a thread that are under way together.
constexpr int kReads = 4;

template <class T>
struct Pack {
    static constexpr int kValues = 16 / int(sizeof(T));
    union {
        uint4 raw;
        T values[kValues];
    };
};

// Values [first, first + kValues) of a run; some of the run's first and last pack may lie outside it.
template <class T>
struct Stretch {
    int64_t first, low, high;

    __device__ Stretch(int64_t first_value, int64_t run)
        : first(first_value), low(first_value > 0 ? first_value : 0),
          high(first_value + Pack<T>::kValues < run ? first_value + Pack<T>::kValues : run) {}
    __device__ bool whole() const { return high - low == Pack<T>::kValues; }
    __device__ bool holds(int value) const { return first + value >= low && first + value < high; }
};

template <class T>
__device__ Pack<T> read_whole(const char* run, int64_t value) {
    Pack<T> pack;
    pack.raw = __ldg(reinterpret_cast<const uint4*>(run + value * int64_t(sizeof(T))));
    return pack;
}

template <class T>
__device__ Pack<T> read_pack(const char* run, const Stretch<T>& part) {
    if (part.whole()) return read_whole<T>(run, part.first);
    Pack<T> pack;
    pack.raw = make_uint4(0, 0, 0, 0);
    for (int j = 0; j < Pack<T>::kValues; ++j)
        if (part.holds(j)) pack.values[j] = *reinterpret_cast<const T*>(run + (part.first + j) * int64_t(sizeof(T)));
    return pack;
}

// Not certain to be below the threshold and finite.
__device__ bool of_interest(float value, float threshold) { return !(value < threshold) | !(value >= -FLT_MAX); }

template <class T>
__device__ void visit_number(const Layout& layout, int64_t number, const PeakSink& sink) {
    const FieldView& view = layout.view;
    const Cell at = layout.locate(number);
    const int64_t image = quotient(at.plane, view.channels);
    const Plane<T> plane(view, image, at.plane - image * view.channels);
    if (!is_finite(plane(at.row, at.column))) {
        const int64_t cell = (at.plane * view.height + at.row) * view.width + at.column;
        PeakSink::report(&sink.header->non_finite_cell, cell);
        return;
    }
    visit_cell(plane, plane, at.plane, at.row, at.column, view.height, view.width, 1, sink);
}

// The few packs that get here: most values of interest have a higher one beside them in the same pack, which spares a
// look at their neighbours in memory.
template <class T>
__device__ void look_closer(const Layout& layout, int64_t begin, const Pack<T>& pack, const Stretch<T>& part,
                            float threshold, const PeakSink& sink) {
    // How many of the values lie on the line of the first; those after it are not compared with each other.
    int64_t line = 0;
    if (layout.axis[3] == 3) line = part.low - part.first + layout.view.width - layout.locate(begin + part.low).column;
    unsigned left = 0;
#pragma unroll
    for (int j = 0; j < Pack<T>::kValues; ++j) {
        const float value = to_float(pack.values[j]);
        if (!part.holds(j) || !of_interest(value, threshold)) continue;
        const bool after = j > 0 && part.holds(j - 1) && j < line && to_float(pack.values[j > 0 ? j - 1 : 0]) > value;
        const int next = j + 1 < Pack<T>::kValues ? j + 1 : j;
        const bool before = next > j && part.holds(next) && next < line && to_float(pack.values[next]) > value;
        if (is_finite(value) && (after || before)) continue;
        left |= 1u << j;
    }
    for (int j = 0; j < Pack<T>::kValues; ++j)
        if (left >> j & 1u) visit_number<T>(layout, begin + part.first + j, sink);
}

// The packs of interest, few and in clusters, are put on a list first and then shared out among the block's threads.
template <class T>
__global__ void __launch_bounds__(kThreads, 4)
    scan_packs(const __grid_constant__ Layout layout, int64_t tiles, float threshold,
               const __grid_constant__ PeakSink sink) {
    __shared__ unsigned short list[kThreads * kReads];
    __shared__ unsigned listed;
    constexpr int kValues = Pack<T>::kValues;
    const int64_t run = layout.runs == 1 ? 0 : quotient(blockIdx.x, tiles), tile = blockIdx.x - run * tiles;
    const char* const start = layout.runs == 1 ? layout.view.data : layout.address(run * layout.run);
    // Reads are aligned to 16 bytes; the first of them may begin before the run.
    const int64_t skew = int64_t(reinterpret_cast<uintptr_t>(start) % 16 / sizeof(T));
    const int64_t first = tile * (kThreads * kReads * kValues) - skew;
    const bool inside = first >= 0 && first + kThreads * kReads * kValues <= layout.run;
    Pack<T> packs[kReads];
#pragma unroll
    for (int r = 0; r < kReads; ++r) {
        const int64_t value = first + int(r * kThreads + threadIdx.x) * kValues;
        packs[r] = inside ? read_whole<T>(start, value) : read_pack<T>(start, Stretch<T>(value, layout.run));
    }
    if (threadIdx.x == 0) listed = 0;
    __syncthreads();
#pragma unroll
    for (int r = 0; r < kReads; ++r) {
        bool interesting = false;
#pragma unroll
        for (int j = 0; j < kValues; ++j)
            interesting = interesting | of_interest(to_float(packs[r].values[j]), threshold);
        if (interesting) list[atomicAdd(&listed, 1u)] = static_cast<unsigned short>(r * kThreads + threadIdx.x);
    }
    __syncthreads();
    for (unsigned n = threadIdx.x; n < listed; n += kThreads) {
        const Stretch<T> part(first + int(list[n]) * kValues, layout.run);
        look_closer<T>(layout, run * layout.run, read_pack<T>(start, part), part, threshold, sink);
    }
}

// For fields whose values do not follow each other in memory for long.
template <class T>
__global__ void __launch_bounds__(kThreads, 4)
    scan_values(const __grid_constant__ Layout layout, float threshold, const __grid_constant__ PeakSink sink) {
    const int64_t first = int64_t(blockIdx.x) * kReads * kThreads + threadIdx.x, cells = layout.cells();
    float values[kReads];
#pragma unroll
    for (int r = 0; r < kReads; ++r) {
        const int64_t number = first + r * kThreads;
        values[r] = number < cells ? load<T>(layout.address(number)) : 0.0f;
    }
#pragma unroll
    for (int r = 0; r < kReads; ++r) {
        const int64_t number = first + r * kThreads;
        if (number < cells && of_interest(values[r], threshold)) visit_number<T>(layout, number, sink);
    }
}

template <class T>
void scan(const FieldView& heatmaps, float threshold, const PeakSink& sink, cudaStream_t stream) {
    constexpr int64_t kTile = int64_t(kThreads) * kReads * Pack<T>::kValues;
    const Layout layout = layout_of(heatmaps, sizeof(T));
    if (2 * layout.run < kTile && layout.runs > 1) {
        const int64_t blocks = blocks_of(layout.cells(), int64_t(kThreads) * kReads);
        launch("look for peaks", scan_values<T>, blocks, stream, layout, threshold, sink);
        return;
    }
    const int64_t tiles = blocks_of(layout.run + Pack<T>::kValues - 1, kTile);
    launch("look for peaks", scan_packs<T>, layout.runs * tiles, stream, layout, tiles, threshold, sink);
}

// Writes candidates in their final order.
struct PeakList {
    Output output;

    __device__ int64_t* offsets() const { return output.peak_offsets; }
    __device__ Count* total() const { return &output.header->candidates; }
    __device__ Count* most() const { return &output.header->most_peaks; }
    __device__ Count* lost() const { return &output.header->peaks_lost; }
    __device__ void write(int64_t place, uint64_t, const Candidate& candidate) const {
        output.candidates[place] = candidate;
    }
};

}  // namespace

void detect_peaks(const FieldView& heatmaps, const PeakRule& rule, const PeakSink& sink, cudaStream_t stream) {
    if (rule.upsample > 1) {
        detect_upsampled_peaks(heatmaps, rule, sink, stream);
        return;
    }
    with_type(heatmaps.dtype, [&](auto zero) { scan<decltype(zero)>(heatmaps, rule.threshold, sink, stream); });
}

void sort_peaks(const PeakSink& sink, const Segments<Candidate>& sorted, const Output& output, int64_t most,
                cudaStream_t stream) {
    sort_segments(sink.found, sorted, PeakList{output}, most, stream);
}

}  // namespace bottomup::cuda
