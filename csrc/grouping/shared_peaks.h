// Joints of two people within one peak: a person may have a joint of which another one has the peak.
#pragma once

#include <cstdint>
#include <vector>

#include "interrupt.h"
#include "links.h"
#include "state.h"

namespace bottomup::grouping {

// A candidate that a person may have although another one has it.
struct SharedPeak {
    int32_t person, candidate;
};

// Which person may have which candidate of another one as well, the best first.
std::vector<SharedPeak> share_peaks(const GroupingModel& model, const Links& links, const State& state,
                                    const double* responses, const Interrupt& poll);

}  // namespace bottomup::grouping
