// The links of one image, and what is summed over all of them: heights, the objective, the typical affinity.
#include <algorithm>
#include <limits>

#include "grouping.h"

namespace bottomup::grouping {

Links::Links(const Rule& rule, std::vector<int32_t> types_, int64_t pairs, const int64_t* own, const int64_t* other,
             const int64_t* limb, const double* affinity, const double* length)
    : types(std::move(types_)), members(size_t(rule.joints)), start(types.size() + 1), outward_end(types.size()),
      links(2 * size_t(pairs)) {
    for (size_t i = 0; i < types.size(); ++i) members[size_t(types[i])].push_back(int32_t(i));
    for (int64_t n = 0; n < pairs; ++n) ++outward_end[size_t(own[n])], ++start[size_t(other[n]) + 1];
    for (size_t i = 0; i < types.size(); ++i) start[i + 1] += start[i] + outward_end[i];
    std::vector<int64_t> outward(start.begin(), start.end() - 1), inward(types.size());
    for (size_t i = 0; i < types.size(); ++i) inward[i] = outward_end[i] = start[i] + outward_end[i];
    for (int64_t n = 0; n < pairs; ++n) {
        links[size_t(outward[size_t(own[n])]++)] = {int32_t(other[n]), int32_t(limb[n]), affinity[n], length[n]};
        links[size_t(inward[size_t(other[n])]++)] = {int32_t(own[n]), int32_t(limb[n]), affinity[n], length[n]};
    }
}

std::vector<double> measure(const Rule& rule, const Links& links, const View& view, const bool* which) {
    std::vector<double> scales(view.scales, view.scales + view.people);
    for (int64_t person = 0; person < view.people; ++person) {
        if (!which[person]) continue;
        double longest = std::numeric_limits<double>::quiet_NaN(), second = longest;
        int count = 0;
        for (int64_t joint = 0; joint < rule.joints; ++joint) {
            const int64_t candidate = view.slots[person * rule.joints + joint];
            if (candidate < 0) continue;
            for (const Link* link = links.begin(candidate); link != links.middle(candidate); ++link) {
                const double reach = rule.limb_reach[size_t(link->limb)];
                if (view.owner[link->other] != person || !std::isfinite(reach)) continue;
                const double height = link->length / reach;
                if (count == 0 || height > longest) {
                    second = longest, longest = height;
                } else if (count == 1 || height > second) {
                    second = height;
                }
                ++count;
            }
        }
        scales[size_t(person)] = count >= 3 ? second : longest;
    }
    return scales;
}

double objective(const Rule& rule, const Links& links, const View& view) {
    double responses = 0, gains = 0;
    int64_t shown = 0, expected = 0, people = 0;
    for (int64_t candidate = 0; candidate < links.candidates(); ++candidate) {
        const int64_t person = view.owner[candidate];
        if (person < 0) continue;
        responses += view.responses[candidate];
        for (const Link* link = links.begin(candidate); link != links.middle(candidate); ++link) {
            if (view.owner[link->other] != person) continue;
            gains += rule.limb_gain(link->affinity, link->length, link->limb, view.scales[person]);
            ++shown;
        }
    }
    for (int64_t person = 0; person < view.people; ++person) {
        const int64_t* held = view.slots + person * rule.joints;
        people += std::any_of(held, held + rule.joints, [](int64_t candidate) { return candidate >= 0; });
        for (const auto& limb : rule.limbs) expected += held[limb[0]] >= 0 && held[limb[1]] >= 0;
    }
    return responses + gains - rule.missing_limb_cost * double(expected - shown) - rule.person_cost * double(people);
}

namespace {

struct Weighed {
    double affinity, weight;
};

// The affinity at which the weights of all lower ones and its own reach half of all weight, by partial sorting.
double weighted_median(std::vector<Weighed>& items) {
    double half = 0, below = 0;
    for (const Weighed& item : items) half += item.weight / 2;
    const auto lower = [](const Weighed& a, const Weighed& b) { return a.affinity < b.affinity; };
    auto first = items.begin(), last = items.end();
    while (last - first > 1) {
        const auto middle = first + (last - first) / 2;
        std::nth_element(first, middle, last, lower);
        double left = below;
        for (auto item = first; item != middle; ++item) left += item->weight;
        if (left >= half) {
            last = middle;
        } else {
            first = middle;
            below = left;
        }
    }
    return first->affinity;
}

}  // namespace

double typical_affinity(int64_t pairs, const int64_t* first, const int64_t* second, const int64_t* limb,
                        const double* affinity, int64_t candidates, const double* responses) {
    std::vector<double> best_first(static_cast<size_t>(candidates)), best_second(static_cast<size_t>(candidates));
    std::vector<Weighed> mutual;
    for (int64_t from = 0, to = 0; from < pairs; from = to) {
        for (to = from; to < pairs && limb[to] == limb[from]; ++to) {
            best_first[size_t(first[to])] = best_second[size_t(second[to])] = -std::numeric_limits<double>::infinity();
        }
        for (int64_t n = from; n < to; ++n) {
            double &one = best_first[size_t(first[n])], &other = best_second[size_t(second[n])];
            one = std::max(one, affinity[n]), other = std::max(other, affinity[n]);
        }
        for (int64_t n = from; n < to; ++n)
            if (affinity[n] >= best_first[size_t(first[n])] && affinity[n] >= best_second[size_t(second[n])])
                mutual.push_back({affinity[n], std::min(responses[first[n]], responses[second[n]])});
    }
    return mutual.empty() ? 0 : weighted_median(mutual);
}

}  // namespace bottomup::grouping
