// The edges between people and candidates of one joint type: what F gains if the person takes the candidate.
#include "grouping.h"

namespace bottomup::grouping {

// In steps with few branches, since nobody can foretell what the next link leads to.
const std::vector<Edge>& EdgeFinder::find(const State& state, const std::vector<int32_t>& candidates) {
    find_held(state, candidates);
    found.resize(held.size());
    size_t end = 0;
    Edge last{0, -1, -1, 0};
    for (const auto [link, person] : held) {
        const double gain = rule.limb_gain(link->affinity, link->length, link->limb, state.scales[size_t(person)]);
        const bool again = last.candidate == link->own && last.person == person;
        last = {again ? last.weight + gain : gain, person, link->own, again ? last.shown + 1 : 1};
        end += !again;
        found[end - 1] = last;
    }
    found.resize(end);
    unite();
    size_t count = 0;
    for (const Edge& edge : found) {
        const auto type = size_t(links.types[size_t(edge.candidate)]);
        const int expected = state.held.count_common(size_t(edge.person), rule.beside, type);
        const double weight = rule.edge_weight(edge.weight, expected, edge.shown, responses[edge.candidate]);
        found[count] = {weight, edge.person, edge.candidate, edge.shown};
        count += weight > 0;
    }
    found.resize(count);
    return found;
}

// The candidates' links to what somebody holds.
void EdgeFinder::find_held(const State& state, const std::vector<int32_t>& candidates) {
    size_t count = 0;
    for (const int32_t candidate : candidates) count += size_t(links.end(candidate) - links.begin(candidate));
    held.resize(count + 1);
    count = 0;
    for (const int32_t candidate : candidates)
        for (const Link *link = links.begin(candidate), *end = links.end(candidate); link != end; ++link) {
            const int32_t person = state.owner[size_t(link->other)];
            held[count] = {link, person};
            count += person >= 0;
        }
    held.resize(count);
}

// Edges of a candidate to one person that others came between.
void EdgeFinder::unite() {
    size_t count = 0;
    for (size_t n = 0; n < found.size(); ++n) {
        const Edge edge = found[n];
        size_t same = count;
        if (count >= 2 && found[count - 2].candidate == edge.candidate)
            for (size_t one = count; one-- > 0 && found[one].candidate == edge.candidate;)
                if (found[one].person == edge.person) same = one;
        if (same < count)
            found[same].weight += edge.weight, found[same].shown += edge.shown;
        else
            found[count++] = edge;
    }
    found.resize(count);
}

}  // namespace bottomup::grouping
