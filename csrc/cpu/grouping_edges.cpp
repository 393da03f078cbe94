// The edges between people and candidates of one joint type: what F gains if the person takes the candidate.
#include "grouping.h"

namespace bottomup::grouping {

// In steps with few branches, since nobody can foretell what the next link leads to.
const std::vector<Edge>& EdgeFinder::find(const State& state, const std::vector<int32_t>& candidates) {
    find_held(state, candidates);
    found.resize(held.size());
    size_t end = 0, first = 0;  // `first` of the candidate's edges
    for (const auto [link, person] : held) {
        const double gain = rule.limb_gain(link->affinity, link->length, link->limb, state.scales[size_t(person)]);
        first = end > 0 && found[end - 1].candidate == link->own ? first : end;
        size_t at = end;  // mostly it is a new edge or the last one
        if (end > first && found[end - 1].person == person) at = end - 1;
        if (end > first + 1 && at == end)
            for (size_t one = first; one < end; ++one) at = found[one].person == person ? one : at;
        const bool fresh = at == end;
        Edge& edge = found[at];
        edge = {fresh ? gain : edge.weight + gain, person, link->own, fresh ? 1 : edge.shown + 1};
        end += fresh;
    }
    size_t count = 0;
    for (size_t n = 0; n < end; ++n) {
        const Edge edge = found[n];
        const auto type = size_t(links.types[size_t(edge.candidate)]);
        const int expected = state.held.count_common(size_t(edge.person), rule.beside, type);
        const double weight = rule.edge_weight(edge.weight, expected, edge.shown, responses[edge.candidate]);
        found[count] = {weight, edge.person, edge.candidate, edge.shown};
        count += weight > 0;
    }
    found.resize(count);
    return found;
}

// The candidates' links to what somebody holds. Of candidates that follow each other, the links do, too.
void EdgeFinder::find_held(const State& state, const std::vector<int32_t>& candidates) {
    size_t count = 0;
    for (size_t n = 0, next; n < candidates.size(); n = next) {
        for (next = n + 1; next < candidates.size() && candidates[next] == candidates[next - 1] + 1; ++next) {}
        const Link *link = links.begin(candidates[n]), *const end = links.end(candidates[next - 1]);
        held.resize(count + size_t(end - link) + 1);
        for (; link != end; ++link) {
            const int32_t person = state.owner[size_t(link->other)];
            held[count] = {link, person};
            count += person >= 0;
        }
    }
    held.resize(count);
}

}  // namespace bottomup::grouping
