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

void release(const Rule& rule, const Links& links, int64_t joint, State& state) {
    for (const int32_t candidate : links.members[size_t(joint)]) state.owner[size_t(candidate)] = -1;
    for (int64_t person = 0; person < state.people(); ++person) state.slots[size_t(person * rule.joints + joint)] = -1;
}

void hold(const Rule& rule, int64_t person, int64_t joint, int64_t candidate, State& state) {
    state.owner[size_t(candidate)] = person;
    state.slots[size_t(person * rule.joints + joint)] = candidate;
}

void open_people(const Rule& rule, const Links& links, const double* responses, int64_t joint, State& state) {
    for (const int32_t candidate : links.members[size_t(joint)]) {
        if (state.owner[size_t(candidate)] >= 0 || !(responses[candidate] > rule.person_cost)) continue;
        state.slots.resize(state.slots.size() + size_t(rule.joints), -1);
        state.scales.push_back(std::numeric_limits<double>::quiet_NaN());
        hold(rule, state.people() - 1, joint, candidate, state);
    }
}

void compact(const Rule& rule, State& state) {
    const auto joints = size_t(rule.joints);
    std::vector<int64_t> number(size_t(state.people()), -1);
    size_t count = 0;
    for (size_t person = 0; person < number.size(); ++person) {
        const auto row = state.slots.begin() + std::ptrdiff_t(person * joints);
        if (std::all_of(row, row + std::ptrdiff_t(joints), [](int64_t candidate) { return candidate < 0; })) continue;
        std::copy(row, row + std::ptrdiff_t(joints), state.slots.begin() + std::ptrdiff_t(count * joints));
        state.scales[count] = state.scales[person];
        number[person] = int64_t(count++);
    }
    state.slots.resize(count * joints), state.scales.resize(count);
    for (int64_t& owner : state.owner)
        if (owner >= 0) owner = number[size_t(owner)];
}

// Whether two ways of holding candidates are the same but for the people's numbers.
bool same_groups(const std::vector<int64_t>& before, int64_t people_before, const State& after) {
    if (people_before < after.people()) return false;
    std::vector<int64_t> now(size_t(people_before), -1), then(size_t(after.people()), -1);
    for (size_t candidate = 0; candidate < before.size(); ++candidate) {
        const int64_t old = before[candidate], fresh = after.owner[candidate];
        if (old < 0 && fresh < 0) continue;
        if (old < 0 || fresh < 0) return false;
        if (now[size_t(old)] < 0 && then[size_t(fresh)] < 0) now[size_t(old)] = fresh, then[size_t(fresh)] = old;
        if (now[size_t(old)] != fresh || then[size_t(fresh)] != old) return false;
    }
    return true;
}

}  // namespace

Edges edges(const Rule& rule, const Links& links, const View& view, int64_t joint) {
    EdgeFinder finder(rule, links);
    Edges found;
    for (const int32_t candidate : links.members[size_t(joint)]) finder.find(view, joint, candidate, found);
    return found;
}

// Returns whether anybody holds anything else than before. People without anything are dropped at the end only: they
// have no edges, and the order of the others is the same.
bool sweep(const Rule& rule, const Links& links, const double* responses, State& state) {
    const std::vector<int64_t> before = state.owner;
    const int64_t people_before = state.people();
    EdgeFinder finder(rule, links);
    Edges found;
    for (const int32_t joint : rule.order) {
        if (links.members[size_t(joint)].empty()) continue;
        release(rule, links, joint, state);
        found.person.clear(), found.candidate.clear(), found.weight.clear();
        const View view = state.view(responses);
        for (const int32_t candidate : links.members[size_t(joint)]) finder.find(view, joint, candidate, found);
        for (const int64_t edge : match(found, state.people(), links.candidates()))
            hold(rule, found.person[size_t(edge)], joint, found.candidate[size_t(edge)], state);
        open_people(rule, links, responses, joint, state);
    }
    compact(rule, state);
    return !same_groups(before, people_before, state);
}

std::vector<int64_t> shareable(const Rule& rule, const Links& links, const View& view, int64_t sharing_joints,
                               double cost) {
    std::vector<bool> large(size_t(view.people));
    for (int64_t person = 0; person < view.people; ++person) {
        const int64_t* held = view.slots + person * rule.joints;
        large[size_t(person)] =
            std::count_if(held, held + rule.joints, [](int64_t candidate) { return candidate >= 0; }) >= sharing_joints;
    }
    EdgeFinder finder(rule, links);
    std::vector<int64_t> wanted;
    Edges found;
    for (int64_t joint = 0; joint < rule.joints; ++joint)
        for (const int32_t candidate : links.members[size_t(joint)]) {
            if (view.owner[candidate] < 0) continue;
            found.person.clear(), found.candidate.clear(), found.weight.clear();
            finder.find(view, joint, candidate, found);
            for (size_t n = 0; n < found.person.size(); ++n) {
                const int64_t person = found.person[n];
                if (!large[size_t(person)] || view.slots[person * rule.joints + joint] >= 0) continue;
                if (!(found.weight[n] > cost)) continue;
                wanted.push_back(candidate);
                break;
            }
        }
    return wanted;
}

}  // namespace bottomup::grouping
