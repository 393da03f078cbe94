// The stages of a call, each of which puts its kernels on a stream and returns at once; csrc/cuda/call.cu strings them
// together.
#pragma once

#include <vector>

#include "../limbs.h"
#include "../plateau.h"
#include "../upsample.h"
#include "segments.cuh"

namespace bottomup::cuda {

// Where the peaks of all channels go, and what else is to be known of the heatmaps.
struct PeakSink {
    Segments<Candidate> found;
    unsigned char* large;  // one per channel: 1 if it has plateaus of more than kSmallPlateau cells
    Header* header;

    // `index` is that of the (first) cell, over the map that was looked at.
    __device__ void add(int64_t plane, int64_t index, const CellFit& fit, float score, int64_t factor) const {
        found.add(plane, peak_key(score, index), candidate_of(fit, score, factor));
    }
    // `place` is one of the header's complements; it is looked at before it is changed, or a field of nothing but NaN
    // would queue up there.
    __device__ static void report(unsigned long long* place, int64_t cell) {
        const unsigned long long complement = ~static_cast<unsigned long long>(cell);
        if (*static_cast<volatile unsigned long long*>(place) < complement) atomicMax(place, complement);
    }
    __device__ void large_plateau(int64_t plane) const {
        large[plane] = 1;
        header->large_plateaus = 1;
    }
};

// All peaks but those of large plateaus, in any order.
void detect_peaks(const FieldView& heatmaps, const PeakCriteria& criteria, const PeakSink& sink, cudaStream_t stream);

// The peaks of large plateaus in the channels listed, for which `labels` and `sizes` have room.
struct PlateauSpace {
    int64_t* planes;   // on the GPU
    int* labels;       // per cell of each: the first cell of its plateau; -1 elsewhere
    int* sizes;        // per first cell: the cells of its plateau, then the number of its sum; -1 if it needs none
    PlateauSum* sums;
    Count* sums_used;  // 0 at first
};
void find_large_plateaus(const FieldView& heatmaps, const PeakCriteria& criteria, int64_t planes, const PlateauSpace& space,
                         const PeakSink& sink, cudaStream_t stream);

void sort_peaks(const PeakSink& sink, const Segments<Candidate>& sorted, const Output& output, int64_t most,
                cudaStream_t stream);

struct LimbTask {
    int64_t joints, limbs;
    const int32_t* ends;  // 2 per limb, in host memory
};

// How far candidates look for partners; a slot for each limb's end at a candidate, as csrc/search_radius.h explains.
struct ReachSpace {
    uint32_t* near;  // complement of the bits of the nearest good partner's distance; 0 at first, which means none
    float* reach;
    int64_t slots;   // of each candidate
};
// Ends of limbs at the joint with the most of them.
int64_t reach_slots(const LimbTask& task);

// The pairs that pass, in any order; the segments are (image, limb), the candidates those of the output, of which there
// are at most `most`.
void score_pairs(const FieldView& pafs, const LimbTask& task, const LimbCriteria& criteria, const Output& output,
                 const ReachSpace& space, int64_t most, const Segments<float>& found, cudaStream_t stream);

void sort_pairs(const Segments<float>& found, const Segments<float>& sorted, const Output& output, int64_t most,
                cudaStream_t stream);

// Calls `body` with a value of the type of the field's numbers.
template <class Body>
void with_type(DType dtype, Body body) {
    if (dtype == DType::float32) {
        body(float{});
    } else if (dtype == DType::float16) {
        body(Half{});
    } else {
        body(BFloat16{});
    }
}

}  // namespace bottomup::cuda
