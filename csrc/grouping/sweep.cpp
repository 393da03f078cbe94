// The sweep: one assignment between people and candidates for each joint type, from the torso outward.
#include "sweep.h"

#include <algorithm>
#include <limits>

namespace bottomup::grouping {
namespace {

constexpr size_t kFew = 8;  // so many times as many people are there when few have changed

}  // namespace

Sweep::Sweep(const GroupingModel& model_, const Links& links_, const double* responses_, State& state_)
    : model(model_), links(links_), responses(responses_), state(state_), finder(model_, links_, responses_),
      stale(model_.joints), where(size_t(links_.candidates()), kUnseen), edges_of(where.size()) {}

const PersonSet& Sweep::run(const PersonSet* changed, const Interrupt& poll) {
    moved.clear(), stale.clear();
    stale.resize(state.people());
    people_there = 0;
    for (int64_t person = 0; person < state.people(); ++person) people_there += !state.types_of.empty(size_t(person));
    // Looking for what many people have to do with costs more than assigning everything anew.
    const bool few = changed && is_few(changed->list);
    if (few)
        for (const int32_t person : changed->list)
            for (const int32_t joint : model.order) stale.add(size_t(person), joint);
    for (const int32_t joint : model.order) {
        poll();
        people.clear();
        if (few) take_stale(joint, *changed);
        if (changed) take_stale(joint, moved);
        if (few && is_few(people.list)) {
            choose_changed(joint);
            solve(joint, chosen, edges);
        } else {
            const std::vector<int32_t>& all = links.candidates_of[size_t(joint)];
            solve(joint, all, finder.find(state, all));
        }
    }
    return moved;
}

bool Sweep::is_few(const std::vector<int32_t>& some) const {
    const auto there = [&](int32_t person) { return !state.types_of.empty(size_t(person)); };
    return int64_t(kFew) * std::count_if(some.begin(), some.end(), there) <= people_there;
}

// People for which a type is stale are the first of `people`: from now on it is not.
void Sweep::take_stale(int32_t joint, const PersonSet& among) {
    for (const int32_t person : among.list) {
        if (!stale.has(size_t(person), size_t(joint))) continue;
        stale.remove(size_t(person), joint);
        people.add(person);
    }
}

// Those that an edge, or a chain of edges, joins to `people`. In waves: the edges of all candidates that the people of
// one may reach, then the people to which these edges lead.
void Sweep::choose_changed(int64_t joint) {
    found.clear(), chosen.clear(), seen.clear();
    for (size_t wave = 0; wave < people.list.size();) {
        const size_t before = seen.size();
        for (const size_t end = people.list.size(); wave < end; ++wave) look_around(people.list[wave], joint);
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
    for (const int32_t beside : model.neighbours[size_t(joint)]) {
        const int32_t held = state.row(person)[beside];
        if (held < 0) continue;
        for (const Link *link = links.begin(held), *end = links.end(held); link != end; ++link)
            if (model.limbs_at.has(size_t(joint), size_t(link->limb))) look_at(link->other);
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

// Whether a person of the components has it or has an edge to it.
bool Sweep::is_reached(int32_t candidate) const {
    const int32_t person_of = state.person_of[size_t(candidate)];
    const auto [from, to] = edges_of[size_t(candidate)];
    bool reached = person_of >= 0 && people.contains(person_of);
    for (int32_t edge = from; edge < to; ++edge) reached |= people.contains(found[size_t(edge)].person);
    return reached;
}

void Sweep::choose(int32_t candidate) {
    where[size_t(candidate)] = kChosen;
    chosen.push_back(candidate);
    const auto [from, to] = edges_of[size_t(candidate)];
    for (int32_t edge = from; edge < to; ++edge) people.add(found[size_t(edge)].person);
    if (state.person_of[size_t(candidate)] >= 0) people.add(state.person_of[size_t(candidate)]);
}

// Release candidates, assign them anew, and let those that are left be people of their own where that pays.
void Sweep::solve(int64_t joint, const std::vector<int32_t>& candidates, const std::vector<Edge>& among) {
    previous.clear();
    for (const int32_t candidate : candidates) {
        int32_t& person_of = state.person_of[size_t(candidate)];
        previous.push_back(person_of);
        if (person_of >= 0) state.unassign(person_of, joint);
        person_of = -1;
    }
    for (const int32_t edge : solver.solve(among, state.people()))
        state.assign(among[size_t(edge)].person, joint, among[size_t(edge)].candidate);
    for (size_t n = 0; n < candidates.size(); ++n) {
        const int32_t candidate = candidates[n], before = previous[n];
        if (state.person_of[size_t(candidate)] < 0 && responses[candidate] > model.person_cost)
            stand_alone(before, joint, candidate);
        const int32_t person_of = state.person_of[size_t(candidate)];
        if (person_of == before) continue;
        for (const int32_t person : {person_of, before})
            if (person >= 0) moved.add(person), stale.add(size_t(person), model.beside, size_t(joint));
    }
}

// As a new person, or as the one that had nothing else before.
void Sweep::stand_alone(int32_t before, int64_t joint, int32_t candidate) {
    if (before < 0 || !state.types_of.empty(size_t(before))) {
        state.assign(state.add_person(), joint, candidate);
        return stale.resize(state.people());
    }
    state.heights[size_t(before)] = std::numeric_limits<double>::quiet_NaN();
    stale.add(size_t(before), model.beside, size_t(joint));
    state.assign(before, joint, candidate);
}

}  // namespace bottomup::grouping
