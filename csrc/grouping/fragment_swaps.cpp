#include "fragment_swaps.h"

#include <algorithm>
#include <cmath>

namespace bottomup::grouping {

FragmentSwaps::FragmentSwaps(FragmentGroups& groups_, PoseLikelihood& density_)
    : groups(groups_), density(density_), touched(int64_t(groups_.fragments.size())), around(touched),
      firm(groups_.fragments.types.like()), alone(groups_.fragments.size()), seen(alone.size(), kNone), latest(seen),
      targets(alone.size()) {
    const FragmentSet& fragments = groups.fragments;
    for (int32_t fragment = 0; fragment < int32_t(fragments.size()); ++fragment) {
        if (!fragments[fragment].small) firm.add(size_t(groups.group[size_t(fragment)]), fragments.types, size_t(fragment));
        touched.add(fragment), around.add(fragment);
    }
}

bool FragmentSwaps::run() {
    find_pairs();
    evaluate();
    std::sort(swaps.begin(), swaps.end(), [](const Swap& a, const Swap& b) {
        if (a.gain != b.gain) return a.gain > b.gain;
        return a.one != b.one ? a.one < b.one : a.other < b.other;
    });
    touched.clear();
    for (const Swap& swap : swaps) {
        const int32_t home = groups.group[size_t(swap.one)], target = groups.group[size_t(swap.other)];
        if (touched.contains(home) || touched.contains(target)) continue;
        touched.add(home), touched.add(target);
        groups.exchange(swap.one, swap.other);
    }
    find_around();
    return !swaps.empty();
}

// Fragments that may change places. Of two groups that were not touched in the round before no pair gains: it would have
// been taken.
void FragmentSwaps::find_pairs() {
    const FragmentSet& fragments = groups.fragments;
    pairs.clear();
    std::fill(seen.begin(), seen.end(), kNone), std::fill(latest.begin(), latest.end(), kNone);
    for (int32_t fragment = 0; fragment < int32_t(fragments.size()); ++fragment)
        alone[size_t(groups.group[size_t(fragment)])] = groups.alone(fragment);
    for (const int32_t fragment : around.list) {
        if (!fragments[fragment].small) continue;
        const int32_t home = groups.group[size_t(fragment)];
        const bool single = alone[size_t(home)];
        size_t count = 0;  // of groups that have something in its stead, mostly none: found without a branch for each
        for (const int32_t one : fragments.near.of(size_t(fragment))) {
            const int32_t target = groups.group[size_t(one)];
            targets[count] = target;
            // Two who are alone would only change numbers.
            count += (target != home) & !(single & alone[size_t(target)]) &
                     (touched.has[size_t(home)] | touched.has[size_t(target)]) &
                     fragments.barred.meet(size_t(fragment), groups.types, size_t(target)) &
                     !fragments.barred.meet(size_t(fragment), firm, size_t(target));
        }
        for (size_t n = 0; n < count; ++n) {
            const int32_t target = targets[n];
            if (seen[size_t(target)] == fragment) continue;
            seen[size_t(target)] = fragment;
            const int32_t other = in_stead(fragment, target);
            if (other != kNone && !bars_rest(other, home, fragment))
                add(std::min(fragment, other), std::max(fragment, other));
        }
    }
}

// A pair that may have been found from the other side before.
void FragmentSwaps::add(int32_t one, int32_t other) {
    int32_t& last = latest[size_t(one)];
    for (int32_t n = last; n != kNone; n = pairs[size_t(n)].older)
        if (pairs[size_t(n)].other == other) return;
    pairs.push_back({one, other, last});
    last = int32_t(pairs.size()) - 1;
}

// The fragments of groups that were touched, and those near them.
void FragmentSwaps::find_around() {
    around.clear();
    for (const int32_t number : touched.list)
        groups.visit(number, [&](int32_t fragment) {
            around.add(fragment);
            for (const int32_t one : groups.fragments.near.of(size_t(fragment))) around.add(one);
        });
}

// The one fragment of a group that keeps another from joining it. No two fragments of a group share a type.
int32_t FragmentSwaps::in_stead(int32_t fragment, int32_t target) const {
    const FragmentSet& fragments = groups.fragments;
    int32_t member = groups.first_of(target);
    while (!fragments.barred.meet(size_t(fragment), fragments.types, size_t(member))) member = groups.next_of(member);
    return bars_rest(fragment, target, member) ? kNone : member;
}

// Whether anything bars a fragment from a group without one of its fragments.
bool FragmentSwaps::bars_rest(int32_t fragment, int32_t number, int32_t without) const {
    const BitSets& types = groups.fragments.types;
    return groups.fragments.barred.meet_rest(size_t(fragment), groups.types, size_t(number), types, size_t(without));
}

// What each pair gains. All that may come in a fragment's stead are looked at together.
void FragmentSwaps::evaluate() {
    const FragmentSet& fragments = groups.fragments;
    gains.clear(), places.clear();
    for (size_t n = 0; n < pairs.size(); ++n) {
        const auto [one, other, older] = pairs[n];
        gains.push_back(-groups.value_of(groups.group[size_t(one)], density) -
                        groups.value_of(groups.group[size_t(other)], density));
        places.emplace_back(one, n), places.emplace_back(other, n);
    }
    pairs_of.assign(fragments.size(), places);
    for (int32_t fragment = 0; fragment < int32_t(fragments.size()); ++fragment) {
        const auto mine = pairs_of.of(size_t(fragment));
        if (mine.first == mine.last) continue;
        const auto other = [&](int32_t n) {
            return pairs[size_t(n)].one == fragment ? pairs[size_t(n)].other : pairs[size_t(n)].one;
        };
        uint64_t wanted = 0;
        for (const int32_t n : mine) wanted |= fragments[other(n)].known;
        rest.clear();
        groups.add_joints(groups.group[size_t(fragment)], fragment, rest);
        if (!rest.empty()) density.give(rest, wanted);
        for (const int32_t n : mine) {
            joints.clear();
            fragments.add_joints(other(n), joints);
            gains[size_t(n)] += rest.empty() ? density.of(joints) : density.with(joints);
        }
    }
    swaps.clear();
    for (size_t n = 0; n < pairs.size(); ++n) {
        // Rounded, so that swaps that lead to the same bodies stay equal in whatever order the sums are taken.
        const double gain = std::nearbyint(gains[n] * 1e9) / 1e9;
        if (gain > kLeastGain) swaps.push_back({gain, pairs[n].one, pairs[n].other});
    }
}

}  // namespace bottomup::grouping
