// Fragments of one person: who merges with whom.
#include <algorithm>
#include <cmath>

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

}  // namespace bottomup::grouping
