// The edges between people and candidates of one joint type: what F gains if the person takes the candidate.
#include <algorithm>

#include "grouping.h"

namespace bottomup::grouping {

void EdgeFinder::find(const State& state, int32_t candidate, Edges& found) {
    if (int64_t(shown.size()) < state.people()) shown.resize(size_t(state.people())), gains.resize(shown.size());
    near.clear();
    for (const Link* link = links.begin(candidate); link != links.end(candidate); ++link) {
        const int32_t person = state.owner[size_t(link->other)];
        if (person < 0) continue;
        if (shown[size_t(person)]++ == 0) near.push_back(person), gains[size_t(person)] = 0;
        gains[size_t(person)] += rule.limb_gain(link->affinity, link->length, link->limb, state.scales[size_t(person)]);
    }
    for (const int32_t person : near) {
        const int32_t* held = state.row(person);
        int64_t expected = 0;
        for (const int32_t other : rule.neighbours[size_t(links.types[size_t(candidate)])]) expected += held[other] >= 0;
        const double weight = rule.edge_weight(gains[size_t(person)], expected, shown[size_t(person)], responses[candidate]);
        shown[size_t(person)] = 0;
        if (!(weight > 0)) continue;
        found.person.push_back(person);
        found.candidate.push_back(candidate);
        found.weight.push_back(weight);
    }
}

Edges edges(const Rule& rule, const Links& links, const State& state, const double* responses, int64_t joint) {
    EdgeFinder finder(rule, links, responses);
    Edges found;
    for (const int32_t candidate : links.members[size_t(joint)]) finder.find(state, candidate, found);
    return found;
}

std::vector<int64_t> shareable(const Rule& rule, const Links& links, const State& state, const double* responses,
                               int64_t sharing_joints, double cost) {
    EdgeFinder finder(rule, links, responses);
    std::vector<bool> asked(size_t(links.candidates()));
    std::vector<int64_t> wanted;
    Edges found;
    for (int64_t person = 0; person < state.people(); ++person) {
        const int32_t* held = state.row(person);
        if (std::count_if(held, held + rule.joints, [](int32_t candidate) { return candidate >= 0; }) < sharing_joints)
            continue;
        for (int32_t joint = 0; joint < rule.joints; ++joint) {
            if (held[joint] >= 0) continue;
            for (const int32_t beside : rule.neighbours[size_t(joint)]) {
                if (held[beside] < 0) continue;
                for (const Link* link = links.begin(held[beside]); link != links.end(held[beside]); ++link) {
                    const int32_t candidate = link->other;
                    if (links.types[size_t(candidate)] != joint || state.owner[size_t(candidate)] < 0) continue;
                    if (asked[size_t(candidate)]) continue;
                    found.clear();
                    finder.find(state, candidate, found);
                    for (size_t n = 0; n < found.person.size(); ++n)
                        if (found.person[n] == person && found.weight[n] > cost) {
                            asked[size_t(candidate)] = true;
                            wanted.push_back(candidate);
                        }
                }
            }
        }
    }
    std::sort(wanted.begin(), wanted.end(), [&](int64_t a, int64_t b) {
        const int32_t one = links.types[size_t(a)], other = links.types[size_t(b)];
        return one != other ? one < other : a < b;
    });
    return wanted;
}

}  // namespace bottomup::grouping
