// What comes back from the GPU, all in one piece: header, offsets, candidates, pairs.
#pragma once

#include "../upsample.h"

namespace bottomup::cuda {

// Zero at first.
struct Header {
    unsigned long long non_finite_cell;  // complement of the first such cell's number over all planes
    unsigned long long non_finite_limb;  // complement of image * limbs + limb
    unsigned long long most_peaks, most_pairs;  // of any channel, of any limb, those without room counted too
    unsigned long long peaks_lost, pairs_lost;  // not 0 if some found no room
    unsigned long long candidates, pairs;
    unsigned long long large_plateaus;   // not 0 if there is one that csrc/cuda/plateaus.cu has to look at
    unsigned long long overflow_cell;    // like non_finite_cell: where the upsampled map overflows
};

struct Pair {
    int32_t first, second;
    float score;
};

struct Output {
    Header* header;
    int64_t* peak_offsets;
    int64_t* pair_offsets;
    Candidate* candidates;
    Pair* pairs_alone;  // null where the candidates come back too

    // The pairs follow the candidates, however many they are, so that one copy takes all.
    BOTTOMUP_HD_MEMBER Pair* pairs() const {
        return pairs_alone ? pairs_alone : reinterpret_cast<Pair*>(candidates + header->candidates);
    }
};

}  // namespace bottomup::cuda
