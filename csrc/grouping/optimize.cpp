// The whole loop of sweeps, mergers and exchanges, as bottomup/grouping/sweep.py, merging.py and exchange.py put it in
// words; here the people keep their numbers from step to step, and what is left of those who are gone goes at the end.
#include <algorithm>
#include <cmath>
#include <limits>

#include "merge.h"
#include "sweep.h"

namespace bottomup::grouping {
namespace {

PersonSet both_of(const std::vector<Couple>& couples, int64_t people) {
    PersonSet both(people);
    for (const Couple& couple : couples) both.add(couple.first), both.add(couple.second);
    return both;
}

// What everybody held, and how high they were, when a round began.
class Snapshot {
   public:
    void take(const State& state) { slots = state.slots, heights = state.scales; }

    bool is_same(const State& state, int32_t person) const {
        if (size_t(person) >= heights.size()) return state.held.empty(size_t(person));
        const int32_t* now = state.row(person);
        if (!std::equal(now, now + state.joints, slots.begin() + person * state.joints)) return false;
        const double before = heights[size_t(person)], height = state.scales[size_t(person)];
        return state.held.empty(size_t(person)) || before == height || (std::isnan(before) && std::isnan(height));
    }

   private:
    std::vector<int32_t> slots;
    std::vector<double> heights;
};

// Two people who were not touched have nothing to gain from each other: else they would have been.
PersonSet merge_touched(CoupleFinder& finder, State& state, Within& within, PersonSet touched) {
    PersonSet merged(state.people());
    while (true) {
        const std::vector<Couple> couples = finder.mergers(touched);
        if (couples.empty()) return merged;
        for (const Couple& couple : couples) state.absorb(couple.first, couple.second);
        touched = both_of(couples, state.people());
        within.measure(state, touched);
        merged.add(touched);
    }
}

PersonSet exchange_touched(const Rule& rule, CoupleFinder& finder, State& state, Within& within, PersonSet touched,
                           int most_rounds) {
    PersonSet exchanged(state.people());
    for (int round = 0; round < most_rounds; ++round) {
        const std::vector<Couple> couples = finder.exchanges(touched);
        if (couples.empty()) break;
        for (const Couple& couple : couples)
            state.exchange(couple.first, couple.second, rule.patterns[size_t(couple.pattern)].joints);
        touched = both_of(couples, state.people());
        within.look(state, touched);
        exchanged.add(touched);
    }
    within.tell_heights(state, exchanged);
    return exchanged;
}

}  // namespace

void settle(const Rule& rule, const Links& links, const double* responses, State& state, int most_sweeps,
            int most_rounds) {
    Sweep sweep(rule, links, responses, state);
    Within within(rule, links, state);
    CoupleFinder finder(rule, links, state, within);
    std::vector<double> part;  // of F, each person's
    double best = -std::numeric_limits<double>::infinity(), now = 0;
    Snapshot before;
    // Who changed since the last sweep began, and since merging and exchanging last came by.
    PersonSet changed(state.people()), pending(state.people());
    for (int64_t person = 0; person < state.people(); ++person) pending.add(person);
    for (int round = 0; round < most_sweeps; ++round) {
        before.take(state);
        const PersonSet& moved = sweep.run(round ? &changed : nullptr);
        within.measure(state, moved);
        pending.add(moved);
        const PersonSet merged = merge_touched(finder, state, within, pending);
        pending.add(merged);
        const PersonSet exchanged = exchange_touched(rule, finder, state, within, pending, most_rounds);
        changed.clear(), pending.clear();
        for (const PersonSet* some : {&moved, &merged, &exchanged})
            for (const int32_t person : some->members)
                if (!before.is_same(state, person)) changed.add(person);
        for (const int32_t person : exchanged.members)
            if (changed.contains(person)) pending.add(person);
        if (changed.empty()) break;
        const auto sum = [&](int64_t person) {
            now -= part[size_t(person)];
            now += part[size_t(person)] = within.worth(state, responses, person);
        };
        const bool first = part.empty();
        part.resize(size_t(state.people()));
        if (first)
            for (int64_t person = 0; person < state.people(); ++person) sum(person);
        else
            for (const int32_t person : changed.members) sum(person);
        if (now <= best + 1e-9) break;
        best = now;
    }
    state.compact();
}

std::vector<int32_t> group(const Rule& rule, const Links& links, const WholeBody& body, const double* responses,
                           const double* xy, State& state, int most_sweeps, int most_rounds, const OrphanRule& orphans,
                           const SharingRule& sharing) {
    settle(rule, links, responses, state, most_sweeps, most_rounds);
    measure(rule, links, state, state.unite(attach(rule, body, state, xy, orphans).data()));
    state.compact();
    const std::vector<SharedPeak> shared = share(rule, links, state, responses, sharing);
    PersonSet sharers(state.people());
    for (const SharedPeak& peak : shared) {
        state.slots[size_t(peak.person * rule.joints + links.types[size_t(peak.candidate)])] = peak.candidate;
        sharers.add(peak.person);
    }
    measure(rule, links, state, sharers);  // as if the original were theirs: a twin has the same links
    std::vector<int32_t> originals;
    for (const SharedPeak& peak : shared) {
        originals.push_back(peak.candidate);
        state.owner.push_back(-1);
        state.hold(peak.person, links.types[size_t(peak.candidate)], int32_t(state.owner.size()) - 1);
    }
    return originals;
}

}  // namespace bottomup::grouping
