// Checks of what Python hands over, so that a wrong call raises and never reads foreign memory. Shapes and dtypes are
// checked in bottomup/kernels as well, with messages for people.
#pragma once

#include "arrays.h"

namespace bottomup {

// Offsets must rise within what they count, of which there are `last`.
void check_rise(const char* name, const OffsetArray& offsets, int64_t last);
// The candidates must be those of a batch of so many images, and the limbs join their joints.
void check_limbs(const CandidateArrays& candidates, const LimbArray& limbs, int64_t images);
// The field must have two channels for each limb.
void check_pafs(const FieldView& pafs, const LimbArray& limbs);
// Each pair must join candidates of the two joints of its limb.
void check_pairs(const CandidateArrays& candidates, const PairArrays& pairs, const LimbArray& limbs, int64_t images);

// What find_peaks and score_limbs found of a batch of images, as the grouping is given it.
struct FoundCall {
    CandidateView candidates;
    PairView pairs;
    int64_t images;

    // The arrays must outlive it.
    FoundCall(const CandidateArrays& candidates, const PairArrays& pairs, int64_t limbs);

    // The pairs of an image must join candidates of that image.
    void check_image(int64_t image) const;
};

}  // namespace bottomup
