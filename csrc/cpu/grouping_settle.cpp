// The whole loop of sweeps, mergers and exchanges, as bottomup/grouping/sweep.py, merging.py and exchange.py put it in
// words; here the people keep their numbers from step to step, and what is left of those who are gone goes at the end.
#include <limits>

#include "grouping.h"
#include "grouping_sweep.h"

namespace bottomup::grouping {
namespace {

void exchange(State& state, int64_t one, int64_t other, const std::vector<int32_t>& joints) {
    for (const int32_t joint : joints) {
        int32_t &a = state.row(one)[joint], &b = state.row(other)[joint];
        std::swap(a, b);
        if (a >= 0) state.owner[size_t(a)] = int32_t(one);
        if (b >= 0) state.owner[size_t(b)] = int32_t(other);
    }
}

void measure_all(const Rule& rule, const Links& links, State& state, const PersonSet& people) {
    for (const int32_t person : people.members) state.scales[size_t(person)] = measure(rule, links, state, person);
}

PersonSet both_of(const std::vector<Couple>& couples, int64_t people) {
    PersonSet both(people);
    for (const Couple& couple : couples) both.add(couple.first), both.add(couple.second);
    return both;
}

// Two people who were not touched have nothing to gain from each other: else they would have been.
PersonSet merge_touched(const Rule& rule, const Links& links, State& state, PersonSet touched) {
    PersonSet merged(state.people());
    while (true) {
        const std::vector<Couple> couples = mergers(rule, links, state, touched);
        if (couples.empty()) return merged;
        for (const Couple& couple : couples) state.absorb(couple.first, couple.second);
        touched = both_of(couples, state.people());
        measure_all(rule, links, state, touched);
        merged.add(touched);
    }
}

PersonSet exchange_touched(const Rule& rule, const Links& links, State& state, PersonSet touched, int most_rounds) {
    PersonSet exchanged(state.people());
    for (int round = 0; round < most_rounds; ++round) {
        const std::vector<Couple> couples = exchanges(rule, links, state, touched);
        if (couples.empty()) break;
        for (const Couple& couple : couples)
            exchange(state, couple.first, couple.second, rule.patterns[size_t(couple.pattern)].joints);
        touched = both_of(couples, state.people());
        exchanged.add(touched);
    }
    return exchanged;
}

}  // namespace

void settle(const Rule& rule, const Links& links, const double* responses, State& state, const PersonSet* changed,
            int most_sweeps, int most_rounds) {
    Sweep sweep(rule, links, responses, state);
    std::vector<double> part;  // of F, each person's
    double best = -std::numeric_limits<double>::infinity(), now = 0;
    PersonSet last, pending(state.people());  // who changed since the last sweep began; for merging and exchanging
    for (int64_t person = 0; person < state.people(); ++person)
        if (!changed || changed->contains(person)) pending.add(person);
    for (int round = 0; round < most_sweeps; ++round) {
        const PersonSet& moved = sweep.run(round ? &last : changed);
        pending.add(moved);
        measure_all(rule, links, state, moved);
        const PersonSet merged = merge_touched(rule, links, state, pending);
        pending.add(merged);
        PersonSet exchanged = exchange_touched(rule, links, state, pending, most_rounds);
        measure_all(rule, links, state, exchanged);
        last.clear();
        last.add(moved), last.add(merged), last.add(exchanged);
        pending = std::move(exchanged);
        if (last.empty()) break;
        const auto known = int64_t(part.size());
        part.resize(size_t(state.people()));
        const auto update = [&](int64_t person) {
            now -= part[size_t(person)];
            now += part[size_t(person)] = worth(rule, links, state, responses, person);
        };
        if (known == 0)
            for (int64_t person = 0; person < state.people(); ++person) update(person);
        else
            for (const int32_t person : last.members) update(person);
        if (now <= best + 1e-9) break;
        best = now;
    }
    state.compact();
}

}  // namespace bottomup::grouping
