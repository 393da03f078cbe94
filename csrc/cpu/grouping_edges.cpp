// The edges between people and candidates of one joint type: what F gains if the person takes the candidate.
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

}  // namespace bottomup::grouping
