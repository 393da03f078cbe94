// Constants of the grouping. bottomup/grouping/options.py has dataclasses of the same fields, with the value and the
// reason of each.
#pragma once

#include <cstdint>

namespace bottomup::grouping {

struct GroupingOptions {
    double min_affinity_scale, neutral_affinity, affinity_cap, weak_factor, full_response;
    double person_cost, missing_limb_cost, length_tolerance, height_ratio;
    int64_t max_sweeps, max_exchange_rounds;
    double max_mean_pairs;
    int64_t max_partners;
};

struct FragmentOptions {
    int64_t max_joints;
    double odds, height_spread;
};

struct SharingOptions {
    double peak_cost;
    int64_t min_joints;
    double max_share, limb_factor, score_factor;
};

struct ResultOptions {
    double min_best_keypoint, size_exponent;
};

}  // namespace bottomup::grouping
