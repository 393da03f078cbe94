// Fragments of one person: who merges with whom, and which body takes in a fragment that no limb reaches.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "grouping.h"

namespace bottomup::grouping {
namespace {

bool share_a_type(const Rule& rule, const State& state, int64_t a, int64_t b) {
    const int32_t *one = state.row(a), *other = state.row(b);
    int32_t both = -1;  // not negative once a type is held by both; no branch, so that the loop is vectorised
    for (int64_t joint = 0; joint < rule.joints; ++joint) both &= one[joint] | other[joint];
    return both >= 0;
}

// Limbs that the joints of two people together would have, one end each.
int64_t limbs_between(const Rule& rule, const State& state, int64_t a, int64_t b) {
    const int32_t *one = state.row(a), *other = state.row(b);
    int64_t count = 0;
    for (const auto& limb : rule.limbs)
        count += (one[limb[0]] >= 0 && other[limb[1]] >= 0) || (other[limb[0]] >= 0 && one[limb[1]] >= 0);
    return count;
}

}  // namespace

// The best first, ties by index; of those whom a better couple has, none.
std::vector<Couple> each_once(std::vector<Couple>&& couples, int64_t people) {
    std::sort(couples.begin(), couples.end(), [](const Couple& a, const Couple& b) {
        if (a.gain != b.gain) return a.gain > b.gain;
        return a.first != b.first ? a.first < b.first : a.second < b.second;
    });
    std::vector<bool> touched(static_cast<size_t>(people));
    std::vector<Couple> chosen;
    for (const Couple& couple : couples) {
        if (touched[size_t(couple.first)] || touched[size_t(couple.second)]) continue;
        touched[size_t(couple.first)] = touched[size_t(couple.second)] = true;
        chosen.push_back(couple);
    }
    return chosen;
}

std::vector<Couple> mergers(const Rule& rule, const Links& links, const State& state, const PersonSet& touched) {
    enum : int32_t { kUnseen = -1, kNever = -2 };
    std::vector<int32_t> place(size_t(state.people()), kUnseen);  // of each person's merger with the one in turn
    std::vector<int64_t> seen;
    std::vector<Couple> near, all;
    std::vector<int64_t> shown;
    for (const int64_t a : touched.members) {
        for (int64_t joint = 0; joint < rule.joints; ++joint) {
            const int32_t candidate = state.row(a)[joint];
            if (candidate < 0) continue;
            for (const Link* link = links.begin(candidate); link != links.end(candidate); ++link) {
                const int64_t b = state.owner[size_t(link->other)];
                if (b < 0 || b == a || (b < a && touched.contains(b))) continue;  // the earlier one's turn had that pair
                int32_t& at = place[size_t(b)];
                if (at == kUnseen) {
                    seen.push_back(b);
                    at = share_a_type(rule, state, a, b) ? int32_t(kNever) : int32_t(near.size());
                    if (at >= 0) near.push_back({std::min(a, b), std::max(a, b), -1, 0}), shown.push_back(0);
                }
                if (at == kNever) continue;
                // The larger body decides how long a limb may be: a fragment of few joints does not know its scale.
                const double scale = std::fmax(state.scales[size_t(a)], state.scales[size_t(b)]);
                near[size_t(at)].gain += rule.limb_gain(link->affinity, link->length, link->limb, scale);
                ++shown[size_t(at)];
            }
        }
        for (size_t n = 0; n < near.size(); ++n) {
            const int64_t expected = limbs_between(rule, state, near[n].first, near[n].second);
            near[n].gain += rule.person_cost - rule.missing_limb_cost * double(expected - shown[n]);
            if (near[n].gain > 0) all.push_back(near[n]);
        }
        for (const int64_t b : seen) place[size_t(b)] = kUnseen;
        seen.clear(), near.clear(), shown.clear();
    }
    return each_once(std::move(all), state.people());
}

namespace {

// How far apart the joints of two people are, relative to what their bodies allow: the mean over all pairs of joints,
// infinite if no pair has a say.
double stretch_between(const Rule& rule, const State& state, const double* xy, int64_t orphan, int64_t host,
                       double stretch) {
    const int32_t *small = state.row(orphan), *large = state.row(host);
    const double height = std::fmax(state.scales[size_t(host)], state.scales[size_t(orphan)]);  // the orphan's may be NaN
    double sum = 0;
    int64_t count = 0;
    for (int64_t joint = 0; joint < rule.joints; ++joint) {
        if (small[joint] < 0) continue;
        for (int64_t other = 0; other < rule.joints; ++other) {
            if (large[other] < 0) continue;
            const double dx = xy[2 * large[other]] - xy[2 * small[joint]];
            const double dy = xy[2 * large[other] + 1] - xy[2 * small[joint] + 1];
            const double allowed = stretch * height * rule.reach[size_t(joint * rule.joints + other)];
            const double ratio = std::sqrt(dx * dx + dy * dy) / allowed;
            if (std::isnan(ratio)) continue;
            sum += ratio;
            ++count;
        }
    }
    return count ? sum / double(count) : std::numeric_limits<double>::infinity();
}

// A set of joint types as the bits of one word; types 64 apart share a bit, so where two sets share none, they are
// apart for certain.
uint64_t bit_of(int64_t joint) { return uint64_t(1) << (joint % 64); }

bool holds_any(const std::vector<int32_t>& types, const int32_t* held) {
    return std::any_of(types.begin(), types.end(), [&](int32_t joint) { return held[joint] >= 0; });
}

std::vector<int64_t> count_joints(const Rule& rule, const State& state) {
    std::vector<int64_t> size(size_t(state.people()));
    for (int64_t person = 0; person < state.people(); ++person) {
        const int32_t* held = state.row(person);
        size[size_t(person)] = std::count_if(held, held + rule.joints, [](int32_t candidate) { return candidate >= 0; });
    }
    return size;
}

// The joint types of a fragment and those that limbs join to them: a limb that the field does not show although both
// its joints are there speaks against a host.
std::vector<int32_t> unwanted_types(const Rule& rule, const int32_t* held) {
    std::vector<int32_t> types;
    for (int32_t joint = 0; joint < rule.joints; ++joint) {
        if (held[joint] < 0) continue;
        types.push_back(joint);
        types.insert(types.end(), rule.neighbours[size_t(joint)].begin(), rule.neighbours[size_t(joint)].end());
    }
    return types;
}

}  // namespace

std::vector<Couple> hosts(const Rule& rule, const State& state, const double* xy, int64_t orphan_joints, double stretch) {
    const std::vector<int64_t> size = count_joints(rule, state);
    std::vector<std::pair<int64_t, uint64_t>> bodies;  // and what they hold
    for (int64_t person = 0; person < state.people(); ++person) {
        if (size[size_t(person)] <= 1 || !std::isfinite(state.scales[size_t(person)])) continue;
        uint64_t bits = 0;
        for (int64_t joint = 0; joint < rule.joints; ++joint)
            if (state.row(person)[joint] >= 0) bits |= bit_of(joint);
        bodies.emplace_back(person, bits);
    }
    std::vector<Couple> all;
    for (int64_t orphan = 0; orphan < state.people(); ++orphan) {
        if (size[size_t(orphan)] == 0 || size[size_t(orphan)] > orphan_joints) continue;
        const std::vector<int32_t> unwanted = unwanted_types(rule, state.row(orphan));
        uint64_t unwanted_bits = 0;
        for (const int32_t joint : unwanted) unwanted_bits |= bit_of(joint);
        for (const auto& [host, bits] : bodies) {
            if ((bits & unwanted_bits) && (rule.joints <= 64 || holds_any(unwanted, state.row(host))))
                continue;
            if (host == orphan || size[size_t(host)] < size[size_t(orphan)]) continue;
            const double gain = 1 - stretch_between(rule, state, xy, orphan, host, stretch);
            if (gain > 0) all.push_back({orphan, host, -1, gain});
        }
    }
    return each_once(std::move(all), state.people());
}

}  // namespace bottomup::grouping
