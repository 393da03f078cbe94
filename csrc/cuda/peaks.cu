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

// Reads are aligned to 16 bytes; so many values of the first of them lie before the run.
template <class T>
__device__ int64_t values_before(const char* run) {
    return int64_t(reinterpret_cast<uintptr_t>(run) % 16 / sizeof(T));
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

// Where a pack lies: in which run, that begins at `start` with the value `begin`.
template <class T>
struct PackPlace {
    const char* start;
    int64_t begin;
    Stretch<T> part;
};

// The packs of interest, few and in clusters, are put on a list first and then shared out among the block's threads.
// `place_of` tells where the block's packs lie, of which each thread has read those of its number and every kThreads on.
template <class T, class PlaceOf>
__device__ void look_at(const Pack<T> (&packs)[kReads], PlaceOf place_of, const Layout& layout, float threshold,
                        const PeakSink& sink) {
    __shared__ unsigned short list[kThreads * kReads];
    __shared__ unsigned listed;
    if (threadIdx.x == 0) listed = 0;
    __syncthreads();
#pragma unroll
    for (int r = 0; r < kReads; ++r) {
        bool interesting = false;
#pragma unroll
        for (int j = 0; j < Pack<T>::kValues; ++j)
            interesting = interesting | of_interest(to_float(packs[r].values[j]), threshold);
        if (interesting) list[atomicAdd(&listed, 1u)] = static_cast<unsigned short>(r * kThreads + threadIdx.x);
    }
    __syncthreads();
    for (unsigned n = threadIdx.x; n < listed; n += kThreads) {
        const PackPlace<T> place = place_of(list[n]);
        look_closer<T>(layout, place.begin, read_pack<T>(place.start, place.part), place.part, threshold, sink);
    }
}

// A block has a tile of a long run.
template <class T>
__global__ void __launch_bounds__(kThreads, 4) scan_tiles(const __grid_constant__ Layout layout, int64_t tiles,
                                                          float threshold, const __grid_constant__ PeakSink sink) {
    constexpr int kValues = Pack<T>::kValues;
    const int64_t run = layout.runs == 1 ? 0 : quotient(blockIdx.x, tiles), tile = blockIdx.x - run * tiles;
    const char* const start = layout.runs == 1 ? layout.view.data : layout.address(run * layout.run);
    const int64_t first = tile * (kThreads * kReads * kValues) - values_before<T>(start);
    const auto place_of = [&](int pack) {
        return PackPlace<T>{start, run * layout.run, Stretch<T>(first + pack * kValues, layout.run)};
    };
    Pack<T> packs[kReads];
    // Two loops: with the choice inside, the compiler lets each read wait for the one before.
    if (first >= 0 && first + kThreads * kReads * kValues <= layout.run) {
#pragma unroll
        for (int r = 0; r < kReads; ++r) packs[r] = read_whole<T>(start, first + int(r * kThreads + threadIdx.x) * kValues);
    } else {
#pragma unroll
        for (int r = 0; r < kReads; ++r) packs[r] = read_pack<T>(start, place_of(r * kThreads + threadIdx.x).part);
    }
    look_at(packs, place_of, layout, threshold, sink);
}

// A block has the packs of several short runs, such as the rows of a larger map, of which each has `each` packs.
template <class T>
__global__ void __launch_bounds__(kThreads, 4)
    scan_rows(const __grid_constant__ Layout layout, int64_t each, float threshold, const __grid_constant__ PeakSink sink) {
    const int64_t first = int64_t(blockIdx.x) * kReads * kThreads, last = layout.runs - 1;
    const auto place_of = [&](int pack) {
        const int64_t number = first + pack, run = quotient(number, each);
        const int64_t begin = (run < last ? run : last) * layout.run;
        const char* const start = layout.address(begin);
        const int64_t value = (number - run * each) * Pack<T>::kValues - values_before<T>(start);
        return PackPlace<T>{start, begin, Stretch<T>(run <= last ? value : layout.run, layout.run)};
    };
    // A run has at least one whole pack, which is read in place of those that are none, and these anew. For each read by
    // itself to choose would let it wait for the one before.
    Pack<T> packs[kReads];
    bool whole[kReads];
#pragma unroll
    for (int r = 0; r < kReads; ++r) {
        const PackPlace<T> place = place_of(r * kThreads + threadIdx.x);
        whole[r] = place.part.whole();
        const int64_t before = values_before<T>(place.start);
        packs[r] = read_whole<T>(place.start, whole[r] ? place.part.first : before > 0 ? Pack<T>::kValues - before : 0);
    }
#pragma unroll
    for (int r = 0; r < kReads; ++r) {
        if (whole[r]) continue;
        const PackPlace<T> place = place_of(r * kThreads + threadIdx.x);
        packs[r] = read_pack<T>(place.start, place.part);
    }
    look_at(packs, place_of, layout, threshold, sink);
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
    constexpr int64_t kReadValues = int64_t(kThreads) * kReads, kTile = kReadValues * Pack<T>::kValues;
    const Layout layout = layout_of(heatmaps, sizeof(T));
    const int64_t packs = blocks_of(layout.run + Pack<T>::kValues - 1, Pack<T>::kValues);  // wherever the run begins
    if (layout.runs == 1 || 2 * layout.run >= kTile) {
        const int64_t tiles = blocks_of(packs, kReadValues);
        launch("look for peaks", scan_tiles<T>, layout.runs * tiles, stream, layout, tiles, threshold, sink);
    } else if (layout.run >= 2 * Pack<T>::kValues) {
        launch("look for peaks", scan_rows<T>, blocks_of(layout.runs * packs, kReadValues), stream, layout, packs,
               threshold, sink);
    } else {
        launch("look for peaks", scan_values<T>, blocks_of(layout.cells(), kReadValues), stream, layout, threshold, sink);
    }
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

void detect_peaks(const FieldView& heatmaps, const PeakCriteria& criteria, const PeakSink& sink, cudaStream_t stream) {
    if (criteria.upsample > 1) {
        detect_upsampled_peaks(heatmaps, criteria, sink, stream);
        return;
    }
    with_type(heatmaps.dtype, [&](auto zero) { scan<decltype(zero)>(heatmaps, criteria.threshold, sink, stream); });
}

void sort_peaks(const PeakSink& sink, const Segments<Candidate>& sorted, const Output& output, int64_t most,
                cudaStream_t stream) {
    sort_segments(sink.found, sorted, PeakList{output}, most, stream);
}

}  // namespace bottomup::cuda
