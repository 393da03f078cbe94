// Grouping model: what a skeleton and the options mean for the grouping, the same for every image.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "bitset.h"
#include "options.h"

namespace bottomup::grouping {

// A way for two people to exchange joints, and the limbs that would lose one end to the other person.
struct Pattern {
    int64_t index;                       // in the table of patterns
    std::vector<int32_t> joints, limbs;  // rising
};

struct GroupingModel : GroupingOptions {
    int64_t joints = 0;
    std::vector<std::array<int32_t, 2>> limbs;
    std::vector<double> max_limb_length;  // (L,) greatest length as a share of the body's height, or NaN
    std::vector<std::vector<int32_t>> neighbours;  // of each joint those that a limb joins it to
    BitSets beside;                                // the same as sets
    BitSets limbs_at;                              // of each joint the limbs that end there
    std::vector<int32_t> order;                    // of the sweep
    std::vector<Pattern> patterns;
    std::vector<std::vector<uint64_t>> patterns_with;  // (L,) the patterns in which a limb loses an end, as bits
    FragmentOptions fragments{};
    SharingOptions sharing{};

    int64_t limb_count() const { return int64_t(limbs.size()); }

    // Whether a limb is longer than it should be of a person of that height (NaN if unknown), in cells.
    bool is_long(double length, int32_t limb, double height) const { return length > longest(limb, height); }
    // What a limb adds to F when such a person holds both ends: affinity times length prior, and what it costs in so far as
    // it is too long to be shown at all, for which there is twice the tolerance.
    double limb_gain(double affinity, double length, int32_t limb, double height) const {
        if (!is_long(length, limb, height)) return affinity;
        const double excess = (length / longest(limb, height) - 1) / (2 * length_tolerance);
        if (excess > 9) return -missing_limb_cost;  // beyond 9 the priors are less than 1e-17
        const double loose = std::exp(-0.5 * excess * excess), prior = loose * loose * loose * loose;
        return affinity * prior - missing_limb_cost * (1 - loose);
    }
    double longest(int32_t limb, double height) const {
        const double length = height * max_limb_length[size_t(limb)];
        return length < 1 ? 1 : length;
    }

    // What a candidate adds to F by itself: as a person of one joint if that is worth it, else unused.
    double singleton_gain(double response) const { return response > person_cost ? response - person_cost : 0; }

    // The weight of an edge: the change of F if a person takes a candidate, whose limbs to it gain that much together.
    double edge_weight(double limb_gains, int64_t expected, int64_t shown, double response) const {
        return limb_gains - missing_limb_cost * double(expected - shown) + (response - singleton_gain(response));
    }
};

}  // namespace bottomup::grouping
