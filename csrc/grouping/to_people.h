// From a grouped graph to the arrays of People.
#pragma once

#include <cstdint>
#include <vector>

#include "options.h"
#include "state.h"

namespace bottomup::grouping {

// Which people and joints are reported; lengths in cells, `stride` in pixels a cell.
struct Report {
    double stride, longest, joint_threshold, person_threshold;
    double peak_threshold;  // a candidate whose score is not above it was traced
    int64_t min_joints;
    int64_t first_duplicate;  // candidates from here on are duplicates
};

struct Results {
    std::vector<float> keypoints, keypoint_scores, scores;  // (N, K, 2), (N, K), (N,)
    std::vector<uint8_t> traced;                    // (N, K) joints that have no peak of their own
    bool right;  // all joints are finite and have a positive score
};

// The people that are sure enough, the best first. `sure` (P,): for which of them min_best_keypoint is waived, or null.
Results read_people(const State& state, const double* xy, const double* scores, const bool* sure, const Report& report,
                    const ResultOptions& options);

}  // namespace bottomup::grouping
