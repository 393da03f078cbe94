// The sweep: one assignment between people and candidates for each joint type, from the torso outward.
#include "grouping_sweep.h"

#include <algorithm>
#include <limits>

namespace bottomup::grouping {

Sweep::Sweep(const Rule& rule_, const Links& links_, const double* responses_, State& state_)
    : rule(rule_), links(links_), responses(responses_), state(state_), finder(rule_, links_, responses_),
      where(size_t(links_.candidates()), kUnseen), edges_of(where.size()) {}

const PersonSet& Sweep::run(const PersonSet* changed) {
    moved.clear();
    for (const int32_t joint : rule.order) {
        // Looking for what many people have to do with costs more than assigning everything anew.
        if (changed && 8 * (changed->members.size() + moved.members.size()) <= size_t(state.people())) {
            choose_changed(joint, *changed);
            solve(joint, chosen, edges);
        } else {
            const std::vector<int32_t>& everybody = links.members[size_t(joint)];
            solve(joint, everybody, finder.find(state, everybody));
        }
    }
    return moved;
}

// Those that an edge, or a chain of edges, joins to somebody who changed. In waves: the edges of all candidates that the
// people of one may reach, then the people whom these edges lead to.
void Sweep::choose_changed(int64_t joint, const PersonSet& changed) {
    found.clear(), chosen.clear(), seen.clear(), people.clear();
    people.add(changed), people.add(moved);
    for (size_t wave = 0; wave < people.members.size();) {
        const size_t before = seen.size();
        for (const size_t end = people.members.size(); wave < end; ++wave) look_around(people.members[wave], joint);
        const std::vector<int32_t> fresh(seen.begin() + std::ptrdiff_t(before), seen.end());
        for (const Edge& edge : finder.find(state, fresh)) {
            auto& [from, to] = edges_of[size_t(edge.candidate)];
            if (from == to) from = int32_t(found.size());
            found.push_back(edge);
            to = int32_t(found.size());
        }
        for (const int32_t candidate : fresh) {
            where[size_t(candidate)] = kSeen;
            look_at(candidate);
        }
    }
    std::sort(chosen.begin(), chosen.end());
    edges.clear();
    for (const int32_t candidate : chosen) {
        const auto [from, to] = edges_of[size_t(candidate)];
        edges.insert(edges.end(), found.begin() + from, found.begin() + to);
    }
    for (const int32_t candidate : seen) where[size_t(candidate)] = kUnseen;
}

// The candidates of a type that a person holds or may have an edge to.
void Sweep::look_around(int32_t person, int64_t joint) {
    const int32_t own = state.row(person)[joint];
    if (own >= 0) look_at(own);
    for (const int32_t beside : rule.neighbours[size_t(joint)]) {
        const int32_t held = state.row(person)[beside];
        if (held < 0) continue;
        for (const Link *link = links.begin(held), *end = links.end(held); link != end; ++link)
            if (rule.limbs_at.has(size_t(joint), size_t(link->limb))) look_at(link->other);
    }
}

void Sweep::look_at(int32_t candidate) {
    int8_t& known = where[size_t(candidate)];
    if (known == kUnseen) {
        known = kFresh;
        seen.push_back(candidate);
        edges_of[size_t(candidate)] = {0, 0};
    } else if (known == kSeen && is_reached(candidate)) {
        choose(candidate);
    }
}

// Whether somebody of the components holds it or has an edge to it.
bool Sweep::is_reached(int32_t candidate) const {
    const int32_t owner = state.owner[size_t(candidate)];
    const auto [from, to] = edges_of[size_t(candidate)];
    bool reached = owner >= 0 && people.contains(owner);
    for (int32_t edge = from; edge < to; ++edge) reached |= people.contains(found[size_t(edge)].person);
    return reached;
}

void Sweep::choose(int32_t candidate) {
    where[size_t(candidate)] = kChosen;
    chosen.push_back(candidate);
    const auto [from, to] = edges_of[size_t(candidate)];
    for (int32_t edge = from; edge < to; ++edge) people.add(found[size_t(edge)].person);
    if (state.owner[size_t(candidate)] >= 0) people.add(state.owner[size_t(candidate)]);
}

// Release candidates, assign them anew, and let those whom nobody takes be people of their own where that pays.
void Sweep::solve(int64_t joint, const std::vector<int32_t>& candidates, const std::vector<Edge>& among) {
    previous.clear();
    for (const int32_t candidate : candidates) {
        int32_t& owner = state.owner[size_t(candidate)];
        previous.push_back(owner);
        if (owner >= 0) state.release(owner, joint);
        owner = -1;
    }
    for (const int32_t edge : matcher.match(among, state.people()))
        state.hold(among[size_t(edge)].person, joint, among[size_t(edge)].candidate);
    for (size_t n = 0; n < candidates.size(); ++n) {
        const int32_t candidate = candidates[n], before = previous[n];
        if (state.owner[size_t(candidate)] < 0 && responses[candidate] > rule.person_cost)
            stand_alone(before, joint, candidate);
        const int32_t owner = state.owner[size_t(candidate)];
        if (owner == before) continue;
        for (const int32_t person : {owner, before})
            if (person >= 0) moved.add(person);
    }
}

// As a new person, or as the one that had nothing else before.
void Sweep::stand_alone(int32_t before, int64_t joint, int32_t candidate) {
    if (before < 0 || !state.held.empty(size_t(before))) return state.hold(state.add_person(), joint, candidate);
    state.scales[size_t(before)] = std::numeric_limits<double>::quiet_NaN();
    state.hold(before, joint, candidate);
}

}  // namespace bottomup::grouping
