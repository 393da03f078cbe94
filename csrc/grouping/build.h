// From the kernels' scored pairs to those that speak for a limb.
#pragma once

#include <cstdint>
#include <vector>

#include "../kernels.h"
#include "links.h"

namespace bottomup::grouping {

// The pairs of one image that speak for a limb at all, candidates numbered from the image's first. A candidate whose
// response is at most `peak_threshold` was traced; `typical` is the affinity that is typical of the image's true limbs.
std::vector<Pair> scored_pairs(const GroupingModel& model, const CandidateView& candidates, const PairView& pairs,
                               int64_t image, double peak_threshold, double typical);

// The affinity that is typical of an image's true limbs: the median over the pairs that are each other's best on their
// limb, weighted by the lesser response of their two joints; 0 without pairs.
double typical_affinity(const CandidateView& candidates, const PairView& pairs, int64_t image);

}  // namespace bottomup::grouping
