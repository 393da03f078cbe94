// The loop of sweeps, mergers and exchanges, as bottomup/grouping/reference/optimize.py has it; here people keep their
// numbers from step to step, and those without members are dropped at the end.
#include <algorithm>
#include <cmath>
#include <limits>

#include "optimize.h"

#include "fragments.h"
#include "merge.h"
#include "shared_peaks.h"
#include "sweep.h"

namespace bottomup::grouping {
namespace {

PersonSet people_of(const std::vector<Move>& moves, int64_t people) {
    PersonSet both(people);
    for (const Move& move : moves) both.add(move.first), both.add(move.second);
    return both;
}

// Members and heights of all people when a round began.
class Snapshot {
   public:
    void take(const State& state) { members = state.members, heights = state.heights; }

    bool is_same(const State& state, int32_t person) const {
        if (size_t(person) >= heights.size()) return state.types_of.empty(size_t(person));
        const int32_t* now = state.row(person);
        if (!std::equal(now, now + state.joints, members.begin() + person * state.joints)) return false;
        const double before = heights[size_t(person)], height = state.heights[size_t(person)];
        return state.types_of.empty(size_t(person)) || before == height || (std::isnan(before) && std::isnan(height));
    }

   private:
    std::vector<int32_t> members;
    std::vector<double> heights;
};

// Two people neither of which is dirty have nothing to gain from each other.
PersonSet merge_dirty(MoveFinder& finder, State& state, HeldLimbs& held_limbs, PersonSet dirty, const Interrupt& poll) {
    PersonSet merged(state.people());
    while (true) {
        poll();
        const std::vector<Move> moves = finder.mergers(dirty);
        if (moves.empty()) return merged;
        for (const Move& move : moves) state.merge_people(move.first, move.second);
        dirty = people_of(moves, state.people());
        held_limbs.measure(state, dirty);
        merged.add(dirty);
    }
}

PersonSet exchange_dirty(const GroupingModel& model, MoveFinder& finder, State& state, HeldLimbs& held_limbs,
                         PersonSet dirty, const Interrupt& poll) {
    PersonSet exchanged(state.people());
    for (int round = 0; round < model.max_exchange_rounds; ++round) {
        poll();
        const std::vector<Move> moves = finder.exchanges(dirty);
        if (moves.empty()) break;
        for (const Move& move : moves) state.exchange(move.first, move.second, model.patterns[size_t(move.pattern)].joints);
        dirty = people_of(moves, state.people());
        held_limbs.update(state, dirty);
        exchanged.add(dirty);
    }
    held_limbs.tell_heights(state, exchanged);
    return exchanged;
}

}  // namespace

void optimize(const GroupingModel& model, const Links& links, const double* responses, State& state,
              const Interrupt& poll) {
    Sweep sweep(model, links, responses, state);
    HeldLimbs held_limbs(model, links, state);
    MoveFinder finder(model, links, state, held_limbs);
    std::vector<double> part;  // of F, each person's
    double best = -std::numeric_limits<double>::infinity(), now = 0;
    Snapshot before;
    // People that changed since the last sweep began, and since merging and exchanging last came by.
    PersonSet changed(state.people()), pending(state.people());
    for (int64_t person = 0; person < state.people(); ++person) pending.add(person);
    for (int round = 0; round < model.max_sweeps; ++round) {
        poll();
        before.take(state);
        const PersonSet& moved = sweep.run(round ? &changed : nullptr, poll);
        held_limbs.measure(state, moved);
        pending.add(moved);
        const PersonSet merged = merge_dirty(finder, state, held_limbs, pending, poll);
        pending.add(merged);
        const PersonSet exchanged = exchange_dirty(model, finder, state, held_limbs, pending, poll);
        changed.clear(), pending.clear();
        for (const PersonSet* some : {&moved, &merged, &exchanged})
            for (const int32_t person : some->list)
                if (!before.is_same(state, person)) changed.add(person);
        for (const int32_t person : exchanged.list)
            if (changed.contains(person)) pending.add(person);
        if (changed.empty()) break;
        const auto sum = [&](int64_t person) {
            now -= part[size_t(person)];
            now += part[size_t(person)] = held_limbs.worth(state, responses, person);
        };
        const bool first = part.empty();
        part.resize(size_t(state.people()));
        if (first)
            for (int64_t person = 0; person < state.people(); ++person) sum(person);
        else
            for (const int32_t person : changed.list) sum(person);
        if (now <= best + 1e-9) break;
        best = now;
    }
    state.compact();
}

std::vector<int32_t> duplicate_shared_peaks(const GroupingModel& model, const Links& links, const double* responses,
                                            State& state, const Interrupt& poll) {
    const std::vector<SharedPeak> shared = share_peaks(model, links, state, responses, poll);
    PersonSet sharers(state.people());
    for (const SharedPeak& peak : shared) {
        state.members[size_t(peak.person * model.joints + links.types[size_t(peak.candidate)])] = peak.candidate;
        sharers.add(peak.person);
    }
    measure(model, links, state, sharers);  // as if the original were theirs: a duplicate has the same links
    std::vector<int32_t> originals;
    for (const SharedPeak& peak : shared) {
        originals.push_back(peak.candidate);
        state.person_of.push_back(-1);
        state.assign(peak.person, links.types[size_t(peak.candidate)], int32_t(state.person_of.size()) - 1);
    }
    return originals;
}

std::vector<int32_t> group(const GroupingModel& model, const Links& links, const PosePrior& prior, const double* responses,
                           const double* xy, State& state, const Interrupt& poll) {
    optimize(model, links, responses, state, poll);
    measure(model, links, state, state.merge_groups(attach_fragments(model, prior, state, xy, poll).data()));
    state.compact();
    return duplicate_shared_peaks(model, links, responses, state, poll);
}

}  // namespace bottomup::grouping
