// Who holds what, and what follows for each person: the height, and the part of the objective.
#include <algorithm>
#include <limits>

#include "grouping.h"

namespace bottomup::grouping {

int64_t State::add_person() {
    slots.resize(slots.size() + size_t(joints), -1);
    scales.push_back(std::numeric_limits<double>::quiet_NaN());
    return people() - 1;
}

void State::absorb(int64_t person, int64_t other) {
    for (int64_t joint = 0; joint < joints; ++joint) {
        const int32_t candidate = row(other)[joint];
        if (candidate < 0) continue;
        row(other)[joint] = -1;
        hold(person, joint, candidate);
    }
}

PersonSet State::unite(const int64_t* numbers) {
    PersonSet changed(people());
    for (int64_t person = 0; person < people(); ++person) {
        if (numbers[person] == person) continue;
        changed.add(person), changed.add(numbers[person]);
    }
    // They may have changed numbers in a circle, so all let go before anybody takes.
    std::vector<std::pair<int64_t, int32_t>> held;  // by whom from now on
    for (const int32_t person : changed.members)
        for (int64_t joint = 0; joint < joints; ++joint) {
            int32_t& candidate = row(person)[joint];
            if (candidate >= 0) held.emplace_back(numbers[person] * joints + joint, candidate);
            candidate = -1;
        }
    for (const auto& [slot, candidate] : held) hold(slot / joints, slot % joints, candidate);
    return changed;
}

std::vector<int64_t> State::compact() {
    std::vector<int64_t> kept;
    for (int64_t person = 0; person < people(); ++person) {
        if (holds_nothing(person)) continue;
        const auto number = int32_t(kept.size());
        kept.push_back(person);
        if (number == person) continue;
        for (int64_t joint = 0; joint < joints; ++joint) {
            const int32_t candidate = row(number)[joint] = row(person)[joint];
            if (candidate >= 0) owner[size_t(candidate)] = number;
        }
        scales[size_t(number)] = scales[size_t(person)];
    }
    slots.resize(kept.size() * size_t(joints)), scales.resize(kept.size());
    return kept;
}

double measure(const Rule& rule, const Links& links, const State& state, int64_t person) {
    double longest = std::numeric_limits<double>::quiet_NaN(), second = longest;
    int count = 0;
    for (int64_t joint = 0; joint < rule.joints; ++joint) {
        const int32_t candidate = state.row(person)[joint];
        if (candidate < 0) continue;
        for (const Link* link = links.begin(candidate); link != links.middle(candidate); ++link) {
            const double reach = rule.limb_reach[size_t(link->limb)];
            if (state.owner[size_t(link->other)] != person || !std::isfinite(reach)) continue;
            const double height = link->length / reach;
            if (count == 0 || height > longest) {
                second = longest, longest = height;
            } else if (count == 1 || height > second) {
                second = height;
            }
            ++count;
        }
    }
    return count >= 3 ? second : longest;
}

double worth(const Rule& rule, const Links& links, const State& state, const double* responses, int64_t person) {
    const int32_t* held = state.row(person);
    double sum = 0;
    int64_t shown = 0, expected = 0;
    bool somebody = false;
    for (int64_t joint = 0; joint < rule.joints; ++joint) {
        const int32_t candidate = held[joint];
        if (candidate < 0) continue;
        somebody = true;
        sum += responses[candidate];
        for (const Link* link = links.begin(candidate); link != links.middle(candidate); ++link) {
            if (state.owner[size_t(link->other)] != person) continue;
            sum += rule.limb_gain(link->affinity, link->length, link->limb, state.scales[size_t(person)]);
            ++shown;
        }
    }
    for (const auto& limb : rule.limbs) expected += held[limb[0]] >= 0 && held[limb[1]] >= 0;
    return sum - rule.missing_limb_cost * double(expected - shown) - (somebody ? rule.person_cost : 0);
}

double objective(const Rule& rule, const Links& links, const State& state, const double* responses) {
    double sum = 0;
    for (int64_t person = 0; person < state.people(); ++person) sum += worth(rule, links, state, responses, person);
    return sum;
}

}  // namespace bottomup::grouping
