// The whole grouping: sweeps, mergers and exchanges while F grows, then fragments and shared peaks.
#pragma once

#include <cstdint>
#include <vector>

#include "interrupt.h"
#include "links.h"
#include "pose_prior.h"
#include "state.h"

namespace bottomup::grouping {

// Sweeps over the joint types, merges fragments and exchanges branches until F grows no more.
void optimize(const GroupingModel& model, const Links& links, const double* responses, State& state, const Interrupt& poll);

// Gives people duplicates of the peaks that they share with others. Returns the candidates that have one: the duplicates
// are numbered after all others.
std::vector<int32_t> duplicate_shared_peaks(const GroupingModel& model, const Links& links, const double* responses,
                                            State& state, const Interrupt& poll);

// `optimize`, then fragments and shared peaks. Returns the candidates that have a duplicate: these are numbered after all
// others.
std::vector<int32_t> group(const GroupingModel& model, const Links& links, const PosePrior& prior, const double* responses,
                           const double* xy, State& state, const Interrupt& poll);

}  // namespace bottomup::grouping
