// Fragments that no limb joins to their person.
#pragma once

#include <cstdint>
#include <vector>

#include "interrupt.h"
#include "model.h"
#include "pose_prior.h"
#include "state.h"

namespace bottomup::grouping {

// For each person the number of the group of fragments that becomes one person.
std::vector<int64_t> attach_fragments(const GroupingModel& model, const PosePrior& prior, const State& state,
                                      const double* xy, const Interrupt& poll);

}  // namespace bottomup::grouping
