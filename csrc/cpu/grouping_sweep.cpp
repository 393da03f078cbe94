// The sweep: one assignment between people and candidates for each joint type, from the torso outward.
#include <algorithm>
#include <limits>

#include "grouping.h"

namespace bottomup::grouping {
namespace {

// The edges of one candidate after another; what is counted for each person is kept between calls and wiped after.
class EdgeFinder {
   public:
    EdgeFinder(const Rule& rule_, const Links& links_) : rule(rule_), links(links_) {}

    // Adds the edges that pass between people and a candidate of a type, whose holder does not matter.
    void find(const View& view, int64_t joint, int64_t candidate, Edges& found) {
        if (int64_t(shown.size()) < view.people) shown.resize(size_t(view.people)), gains.resize(size_t(view.people));
        near.clear();
        for (const Link* link = links.begin(candidate); link != links.end(candidate); ++link) {
            const int64_t person = view.owner[link->other];
            if (person < 0) continue;
            if (shown[size_t(person)]++ == 0) near.push_back(person), gains[size_t(person)] = 0;
            gains[size_t(person)] +=
                rule.limb_gain(link->affinity, link->length, link->limb, view.scales[size_t(person)]);
        }
        for (const int64_t person : near) {
            const int64_t* held = view.slots + person * rule.joints;
            int64_t expected = 0;
            for (const int32_t other : rule.neighbours[size_t(joint)]) expected += held[other] >= 0;
            const double weight = rule.edge_weight(gains[size_t(person)], expected, shown[size_t(person)],
                                                   view.responses[size_t(candidate)]);
            shown[size_t(person)] = 0;
            if (!(weight > 0)) continue;
            found.person.push_back(person);
            found.candidate.push_back(candidate);
            found.weight.push_back(weight);
        }
    }

   private:
    const Rule& rule;
    const Links& links;
    std::vector<int32_t> shown;
    std::vector<double> gains;
    std::vector<int64_t> near;
};

// One sweep over a state. A type's assignment falls into components that share no edge, and one without anybody who
// changed since it was solved would be solved the same again: so only the others are.
class Sweep {
   public:
    Sweep(const Rule& rule_, const Links& links_, const double* responses_, State& state_, const bool* changed)
        : rule(rule_), links(links_), responses(responses_), state(state_), finder(rule_, links_), all(!changed),
          people_before(size_t(state_.people())), moved(people_before), dirty(moved.size()), where(size_t(links_.candidates()), kUnseen),
          edges_of(where.size()), previous(where.size(), -1) {
        for (int64_t person = 0; !all && person < state.people(); ++person)
            if (changed[person]) mark(person, dirty);
        // Looking for what half of them have to do with costs more than assigning everything anew.
        all = all || 2 * int64_t(dirty_people.size()) > state.people();
    }

    void run() {
        for (const int32_t joint : rule.order) {
            if (links.members[size_t(joint)].empty()) continue;
            all ? choose_all(joint) : choose_changed(joint);
            solve(joint);
        }
    }

    // Drops the people without anything. The order of the others stays.
    void finish(std::vector<int64_t>& kept, std::vector<char>& moved_people) {
        const auto joints = std::ptrdiff_t(rule.joints);
        std::vector<int64_t> number(size_t(state.people()), -1);
        size_t count = 0;
        for (size_t person = 0; person < number.size(); ++person) {
            const auto row = state.slots.begin() + std::ptrdiff_t(person) * joints;
            if (std::all_of(row, row + joints, [](int64_t candidate) { return candidate < 0; })) continue;
            std::copy(row, row + joints, state.slots.begin() + std::ptrdiff_t(count) * joints);
            state.scales[count] = state.scales[person];
            kept.push_back(person < people_before ? int64_t(person) : -1), moved_people.push_back(moved[person]);
            number[person] = int64_t(count++);
        }
        state.slots.resize(count * size_t(joints)), state.scales.resize(count);
        for (int64_t& owner : state.owner)
            if (owner >= 0) owner = number[size_t(owner)];
    }

   private:
    enum : int8_t { kUnseen = 0, kSeen = 1, kChosen = 2 };

    void mark(int64_t person, std::vector<char>& flags) {
        if (&flags == &moved) moved[size_t(person)] = 1;
        if (dirty[size_t(person)]) return;
        dirty[size_t(person)] = 1;
        dirty_people.push_back(person);
    }

    int64_t& slot(int64_t person, int64_t joint) { return state.slots[size_t(person * rule.joints + joint)]; }

    // Every candidate of the type is assigned anew.
    void choose_all(int64_t joint) {
        const View view = state.view(responses);
        edges.clear();
        chosen.clear();
        for (const int32_t candidate : links.members[size_t(joint)]) {
            chosen.push_back(candidate);
            finder.find(view, joint, candidate, edges);
        }
    }

    // Those that an edge, or a chain of edges, joins to somebody who changed.
    void choose_changed(int64_t joint) {
        const View view = state.view(responses);
        found.clear(), seen.clear(), chosen.clear(), people.clear();
        near.resize(size_t(state.people()));
        for (const int64_t person : dirty_people) visit(person);
        for (size_t n = 0; n < people.size(); ++n) {
            const int64_t person = people[n], own = slot(person, joint);
            if (own >= 0) look_at(view, joint, own), choose(own);
            for (const int32_t beside : rule.neighbours[size_t(joint)]) {
                const int64_t held = slot(person, beside);
                if (held < 0) continue;
                for (const Link* link = links.begin(held); link != links.end(held); ++link) {
                    if (links.types[size_t(link->other)] != joint || where[size_t(link->other)] == kChosen) continue;
                    look_at(view, joint, link->other);
                    const auto [from, to] = edges_of[size_t(link->other)];
                    for (int64_t edge = from; edge < to; ++edge)
                        if (found.person[size_t(edge)] == person) choose(link->other);
                }
            }
        }
        std::sort(chosen.begin(), chosen.end());
        edges.clear();
        for (const int64_t candidate : chosen) {
            const auto [from, to] = edges_of[size_t(candidate)];
            for (int64_t edge = from; edge < to; ++edge) edges.add(found, size_t(edge));
        }
        for (const int64_t candidate : seen) where[size_t(candidate)] = kUnseen;
        for (const int64_t person : people) near[size_t(person)] = 0;
    }

    void visit(int64_t person) {
        if (near[size_t(person)]) return;
        near[size_t(person)] = 1;
        people.push_back(person);
    }

    void look_at(const View& view, int64_t joint, int64_t candidate) {
        if (where[size_t(candidate)] != kUnseen) return;
        where[size_t(candidate)] = kSeen;
        seen.push_back(candidate);
        const auto from = int64_t(found.person.size());
        finder.find(view, joint, candidate, found);
        edges_of[size_t(candidate)] = {from, int64_t(found.person.size())};
    }

    void choose(int64_t candidate) {
        if (where[size_t(candidate)] == kChosen) return;
        where[size_t(candidate)] = kChosen;
        chosen.push_back(candidate);
        const auto [from, to] = edges_of[size_t(candidate)];
        for (int64_t edge = from; edge < to; ++edge) visit(found.person[size_t(edge)]);
        if (state.owner[size_t(candidate)] >= 0) visit(state.owner[size_t(candidate)]);
    }

    // Release what was chosen, assign it, and let those whom nobody takes be people of their own where that pays.
    void solve(int64_t joint) {
        for (const int64_t candidate : chosen) {
            int64_t& owner = state.owner[size_t(candidate)];
            previous[size_t(candidate)] = owner;
            if (owner >= 0) slot(owner, joint) = -1;
            owner = -1;
        }
        for (const int64_t edge : matcher.match(edges, state.people()))
            hold(edges.person[size_t(edge)], joint, edges.candidate[size_t(edge)]);
        for (const int64_t candidate : chosen) {
            int64_t& owner = state.owner[size_t(candidate)];
            const int64_t before = previous[size_t(candidate)];
            if (owner < 0 && responses[candidate] > rule.person_cost) stand_alone(before, joint, candidate);
            if (owner == before) continue;
            if (owner >= 0) mark(owner, moved);
            if (before >= 0) mark(before, moved);
        }
    }

    void hold(int64_t person, int64_t joint, int64_t candidate) {
        state.owner[size_t(candidate)] = person;
        slot(person, joint) = candidate;
    }

    // As a new person, or as the one that had nothing else before.
    void stand_alone(int64_t before, int64_t joint, int64_t candidate) {
        if (before >= 0) {
            const int64_t* held = state.slots.data() + before * rule.joints;
            if (std::all_of(held, held + rule.joints, [](int64_t other) { return other < 0; })) {
                state.scales[size_t(before)] = std::numeric_limits<double>::quiet_NaN();
                return hold(before, joint, candidate);
            }
        }
        state.slots.resize(state.slots.size() + size_t(rule.joints), -1);
        state.scales.push_back(std::numeric_limits<double>::quiet_NaN());
        moved.push_back(0), dirty.push_back(0);
        hold(state.people() - 1, joint, candidate);
    }

    const Rule& rule;
    const Links& links;
    const double* responses;
    State& state;
    EdgeFinder finder;
    Matcher matcher;
    bool all;
    const size_t people_before;
    std::vector<char> moved, dirty;  // of each person: holds anything else than before; that, or changed before already
    std::vector<int64_t> dirty_people;
    std::vector<int8_t> where;                             // of each candidate, kUnseen between types
    std::vector<std::pair<int64_t, int64_t>> edges_of;     // of each candidate seen, in `found`
    std::vector<int64_t> previous, chosen, seen, people;   // previous holders; candidates; people of the components
    std::vector<char> near;                                // whether a person is among those
    Edges edges, found;
};

int64_t count_held(const int64_t* held, int64_t joints) {
    return std::count_if(held, held + joints, [](int64_t candidate) { return candidate >= 0; });
}

}  // namespace

Edges edges(const Rule& rule, const Links& links, const View& view, int64_t joint) {
    EdgeFinder finder(rule, links);
    Edges found;
    for (const int32_t candidate : links.members[size_t(joint)]) finder.find(view, joint, candidate, found);
    return found;
}

void sweep(const Rule& rule, const Links& links, const double* responses, State& state, const bool* changed,
           std::vector<int64_t>& kept, std::vector<char>& moved) {
    Sweep sweep(rule, links, responses, state, changed);
    sweep.run();
    sweep.finish(kept, moved);
}

std::vector<int64_t> shareable(const Rule& rule, const Links& links, const View& view, int64_t sharing_joints,
                               double cost) {
    EdgeFinder finder(rule, links);
    std::vector<bool> asked(size_t(links.candidates()));
    std::vector<int64_t> wanted;
    Edges found;
    for (int64_t person = 0; person < view.people; ++person) {
        const int64_t* held = view.slots + person * rule.joints;
        if (count_held(held, rule.joints) < sharing_joints) continue;
        for (int64_t joint = 0; joint < rule.joints; ++joint) {
            if (held[joint] >= 0) continue;
            for (const int32_t beside : rule.neighbours[size_t(joint)]) {
                if (held[beside] < 0) continue;
                for (const Link* link = links.begin(held[beside]); link != links.end(held[beside]); ++link) {
                    const int64_t candidate = link->other;
                    if (links.types[size_t(candidate)] != joint || view.owner[candidate] < 0) continue;
                    if (asked[size_t(candidate)]) continue;
                    found.clear();
                    finder.find(view, joint, candidate, found);
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
