// How far from a joint candidate its partners are sought. The distances are gone through ring by ring, from near to far;
// within a ring the order does not matter, so that any number of threads finds the same pairs.
// bottomup/kernels/reference/limbs.py is its specification.
#pragma once

#include <cfloat>
#include <cstdint>

#include "limbs.h"

namespace bottomup {

// Lengths in cells; `to` is left out. The first ring holds what lies about a joint in any crowd.
struct Ring {
    float from, to;
};
constexpr float kFirstRing = 8.0f, kRingGrowth = 4.0f;
// A partner nearer than this counts as if it were as far away: peaks are too wide to tell.
constexpr float kLeastNear = 2.0f;
constexpr float kUnlimited = INFINITY;

// The rings that the limbs of a field may lie in; the last one has no end.
BOTTOMUP_HD int ring_count(int64_t height, int64_t width, const LimbCriteria& criteria) {
    if (!(criteria.search_radius <= FLT_MAX) && !(criteria.fallback_radius <= FLT_MAX)) return 1;  // all is within reach
    const float diagonal = 1.5f * float(height > width ? height : width);
    const float longest = criteria.max_length < diagonal ? criteria.max_length : diagonal;
    int count = 1;
    for (float from = kFirstRing; from <= longest; from *= kRingGrowth) ++count;
    return count;
}

BOTTOMUP_HD Ring ring_at(int ring, int count) {
    Ring result{0.0f, kFirstRing};
    for (int i = 0; i < ring; ++i) result = {result.to, result.to * kRingGrowth};
    if (ring + 1 == count) result.to = INFINITY;
    return result;
}

// How long a pair may be whose ends reach that far. One that knows of no limit still heeds that of the other, loosely.
BOTTOMUP_HD float pair_reach(float first, float second, const LimbCriteria& criteria) {
    if (first < kUnlimited && second < kUnlimited) return first > second ? first : second;
    return first < second ? criteria.search_radius * first : criteria.search_radius * second;
}

// Whether a pair is scored in this ring; the reaches are those of its two ends.
BOTTOMUP_HD bool is_sought(float length, const Ring& ring, float first, float second, const LimbCriteria& criteria) {
    return length >= ring.from && length < ring.to && length <= pair_reach(first, second, criteria);
}

// Whether a pair limits how far its ends look; the responses are those of the two candidates.
BOTTOMUP_HD bool is_good(float score, float first, float second, const LimbCriteria& criteria) {
    return score >= criteria.good_affinity && first >= criteria.good_response && second >= criteria.good_response;
}

// What a good pair says about its ends: how near a partner is. `near` is the least of these, kUnlimited at first.
BOTTOMUP_HD float nearness(float length) { return length > kLeastNear ? length : kLeastNear; }

// `near` is that of a candidate on one limb, `farthest` the greatest of those that it has on any of its limbs, 0 if none.
BOTTOMUP_HD float reach_of(float near, float farthest, const LimbCriteria& criteria) {
    if (near < kUnlimited) return criteria.search_radius * near;
    return farthest > 0.0f ? criteria.fallback_radius * farthest : kUnlimited;
}

}  // namespace bottomup
