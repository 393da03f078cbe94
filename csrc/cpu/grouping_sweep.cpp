// The sweep: one assignment between people and candidates for each joint type, from the torso outward.
#include "grouping_sweep.h"

#include <algorithm>
#include <limits>

namespace bottomup::grouping {

Sweep::Sweep(const Rule& rule_, const Links& links_, const double* responses_, State& state_)
    : rule(rule_), links(links_), responses(responses_), state(state_), finder(rule_, links_, responses_),
      where(size_t(links_.candidates()), kUnseen), edges_of(where.size()), previous(where.size(), -1) {}

const PersonSet& Sweep::run(const PersonSet* changed) {
    moved.clear(), dirty.clear();
    if (changed) dirty.add(*changed);
    for (const int32_t joint : rule.order) {
        if (links.members[size_t(joint)].empty()) continue;
        // Looking for what half of the people have to do with costs more than assigning everything anew.
        if (changed && 2 * int64_t(dirty.members.size()) <= state.people())
            choose_changed(joint);
        else
            choose_all(joint);
        solve(joint);
    }
    return moved;
}

// Every candidate of the type is assigned anew.
void Sweep::choose_all(int64_t joint) {
    edges.clear();
    chosen = links.members[size_t(joint)];
    for (const int32_t candidate : chosen) finder.find(state, candidate, edges);
}

// Those that an edge, or a chain of edges, joins to somebody who changed.
void Sweep::choose_changed(int64_t joint) {
    found.clear(), seen.clear(), chosen.clear(), people.clear();
    people.add(dirty);
    for (size_t n = 0; n < people.members.size(); ++n) {
        const int32_t person = people.members[n], own = state.row(person)[joint];
        if (own >= 0) look_at(own), choose(own);
        for (const int32_t beside : rule.neighbours[size_t(joint)]) {
            const int32_t held = state.row(person)[beside];
            if (held < 0) continue;
            for (const Link* link = links.begin(held); link != links.end(held); ++link) {
                if (links.types[size_t(link->other)] != joint || where[size_t(link->other)] == kChosen) continue;
                look_at(link->other);
                const auto [from, to] = edges_of[size_t(link->other)];
                for (int32_t edge = from; edge < to; ++edge)
                    if (found.person[size_t(edge)] == person) choose(link->other);
            }
        }
    }
    std::sort(chosen.begin(), chosen.end());
    edges.clear();
    for (const int32_t candidate : chosen) {
        const auto [from, to] = edges_of[size_t(candidate)];
        for (int32_t edge = from; edge < to; ++edge) edges.add(found, size_t(edge));
    }
    for (const int32_t candidate : seen) where[size_t(candidate)] = kUnseen;
}

void Sweep::look_at(int32_t candidate) {
    if (where[size_t(candidate)] != kUnseen) return;
    where[size_t(candidate)] = kSeen;
    seen.push_back(candidate);
    const auto from = int32_t(found.person.size());
    finder.find(state, candidate, found);
    edges_of[size_t(candidate)] = {from, int32_t(found.person.size())};
}

void Sweep::choose(int32_t candidate) {
    if (where[size_t(candidate)] == kChosen) return;
    where[size_t(candidate)] = kChosen;
    chosen.push_back(candidate);
    const auto [from, to] = edges_of[size_t(candidate)];
    for (int32_t edge = from; edge < to; ++edge) people.add(found.person[size_t(edge)]);
    if (state.owner[size_t(candidate)] >= 0) people.add(state.owner[size_t(candidate)]);
}

// Release what was chosen, assign it, and let those whom nobody takes be people of their own where that pays.
void Sweep::solve(int64_t joint) {
    for (const int32_t candidate : chosen) {
        int32_t& owner = state.owner[size_t(candidate)];
        previous[size_t(candidate)] = owner;
        if (owner >= 0) state.row(owner)[joint] = -1;
        owner = -1;
    }
    for (const int32_t edge : matcher.match(edges, state.people()))
        state.hold(edges.person[size_t(edge)], joint, edges.candidate[size_t(edge)]);
    for (const int32_t candidate : chosen) {
        const int32_t before = previous[size_t(candidate)];
        if (state.owner[size_t(candidate)] < 0 && responses[candidate] > rule.person_cost)
            stand_alone(before, joint, candidate);
        const int32_t owner = state.owner[size_t(candidate)];
        if (owner == before) continue;
        for (const int32_t person : {owner, before})
            if (person >= 0) moved.add(person), dirty.add(person);
    }
}

// As a new person, or as the one that had nothing else before.
void Sweep::stand_alone(int32_t before, int64_t joint, int32_t candidate) {
    if (before < 0 || !state.holds_nothing(before)) return state.hold(state.add_person(), joint, candidate);
    state.scales[size_t(before)] = std::numeric_limits<double>::quiet_NaN();
    state.hold(before, joint, candidate);
}

}  // namespace bottomup::grouping
