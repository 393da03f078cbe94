// The edges between people and candidates of one joint type: what F gains if the person takes the candidate.
#include "edges.h"

namespace bottomup::grouping {

// In steps with few branches, since what the next link leads to cannot be foreseen.
const std::vector<Edge>& EdgeFinder::find(const State& state, const std::vector<int32_t>& candidates) {
    find_held(state, candidates);
    weigh_held(state);
    found.resize(held.size());
    if (last_edge.size() < state.heights.size()) last_edge.resize(state.heights.size());
    size_t end = 0;
    int32_t before = -1;
    for (const auto [link, person, gain] : held) {
        looked_at += link->own != before;
        before = link->own;
        auto& [of, at] = last_edge[size_t(person)];
        const bool fresh = of != looked_at;
        of = looked_at, at = fresh ? int32_t(end) : at;
        Edge& edge = found[size_t(at)];
        edge = {fresh ? gain : edge.weight + gain, person, link->own, fresh ? 1 : edge.shown + 1};
        end += fresh;
    }
    size_t count = 0;
    for (size_t n = 0; n < end; ++n) {
        const Edge edge = found[n];
        const auto type = size_t(links.types[size_t(edge.candidate)]);
        const int expected = state.types_of.count_common(size_t(edge.person), model.beside, type);
        const double weight = model.edge_weight(edge.weight, expected, edge.shown, responses[edge.candidate]);
        found[count] = {weight, edge.person, edge.candidate, edge.shown};
        count += weight > 0;
    }
    found.resize(count);
    return found;
}

// The candidates' links to members of people. Of candidates that follow each other, the links do, too.
void EdgeFinder::find_held(const State& state, const std::vector<int32_t>& candidates) {
    size_t count = 0;
    for (size_t n = 0, next; n < candidates.size(); n = next) {
        for (next = n + 1; next < candidates.size() && candidates[next] == candidates[next - 1] + 1; ++next) {
        }
        const Link *link = links.begin(candidates[n]), *const end = links.end(candidates[next - 1]);
        held.resize(count + size_t(end - link) + 1);
        for (; link != end; ++link) {
            const int32_t person = state.person_of[size_t(link->other)];
            held[count] = {link, person, link->affinity};
            count += person >= 0;
        }
    }
    held.resize(count);
}

// What the links gain: those that are too long for the person less than their affinity.
void EdgeFinder::weigh_held(const State& state) {
    too_long.resize(held.size() + 1);
    size_t count = 0;
    for (size_t n = 0; n < held.size(); ++n) {
        const Link& link = *held[n].link;
        too_long[count] = int32_t(n);
        count += model.is_long(link.length, link.limb, state.heights[size_t(held[n].person)]);
    }
    for (size_t n = 0; n < count; ++n) {
        auto& [link, person, gain] = held[size_t(too_long[n])];
        gain = model.limb_gain(link->affinity, link->length, link->limb, state.heights[size_t(person)]);
    }
}

}  // namespace bottomup::grouping
