// Mergers of two people.
#include "merge.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace bottomup::grouping {
namespace {

// Limbs that the joints of two people together would have, one end each.
int64_t limbs_between(const GroupingModel& model, const State& state, int64_t a, int64_t b) {
    const int32_t *one = state.row(a), *other = state.row(b);
    int64_t count = 0;
    for (const auto& limb : model.limbs)
        count += (one[limb[0]] >= 0 && other[limb[1]] >= 0) || (other[limb[0]] >= 0 && one[limb[1]] >= 0);
    return count;
}

}  // namespace

MoveFinder::MoveFinder(const GroupingModel& model_, const Links& links_, const State& state_, const HeldLimbs& held_limbs_)
    : model(model_), links(links_), state(state_), held_limbs(held_limbs_), surplus(size_t(model_.joints)),
      change(model_.limbs.size()), chosen((model_.patterns.size() + 63) / 64) {}

// The larger body decides how long a limb may be: a fragment of few joints does not know its height.
double MoveFinder::height_of(int64_t a, int64_t b) const {
    return std::fmax(state.heights[size_t(a)], state.heights[size_t(b)]);
}

void MoveFinder::find_cross_limbs(const PersonSet& dirty) {
    if (16 * int64_t(dirty.list.size()) > state.people())
        find_among_all(dirty);
    else
        find_around(dirty);
}

// All pairs in one go, without a branch for each: few join two people.
void MoveFinder::find_among_all(const PersonSet& dirty) {
    flags.assign(size_t(state.people()) + 1, false);  // whether each is dirty; the first for -1
    for (const int32_t person : dirty.list) flags[size_t(person) + 1] = true;
    const auto pairs = int32_t(links.pairs.size());
    if (order.size() <= links.pairs.size()) order.resize(links.pairs.size() + 1);
    count = 0;
    for (int32_t n = 0; n < pairs; ++n) {
        const Pair& pair = links.pairs[size_t(n)];
        const int32_t a = state.person_of[size_t(pair.own)], b = state.person_of[size_t(pair.other)];
        order[count] = n;
        count += (a != b) & (std::min(a, b) >= 0) & (flags[size_t(a + 1)] | flags[size_t(b + 1)]);
    }
    if (found.size() < count) found.resize(count);
    for (size_t n = 0; n < count; ++n) {
        const Pair& pair = links.pairs[size_t(order[n])];
        const int32_t a = state.person_of[size_t(pair.own)], b = state.person_of[size_t(pair.other)];
        found[n] = {std::min(a, b), std::max(a, b), pair.limb, pair.affinity, pair.length};
    }
}

// The same by the joints of people that are dirty.
void MoveFinder::find_around(const PersonSet& dirty) {
    count = 0;
    for (const int32_t a : dirty.list)
        for (int64_t joint = 0; joint < model.joints; ++joint) {
            const int32_t candidate = state.row(a)[joint];
            if (candidate < 0) continue;
            const Link *link = links.begin(candidate), *const end = links.end(candidate);
            if (found.size() <= count + size_t(end - link)) found.resize(2 * (count + size_t(end - link)) + 1);
            for (; link != end; ++link) {
                const int32_t b = state.person_of[size_t(link->other)];
                found[count] = {std::min(a, b), std::max(a, b), link->limb, link->affinity, link->length};
                // Of two that are dirty the one with the lower number finds it.
                count += (b >= 0) & (b != a) && !(b < a && dirty.contains(b));
            }
        }
}

// Those of the same two people side by side, otherwise in their order: by the second, then by the first.
void MoveFinder::sort_cross_limbs() {
    const auto people = size_t(state.people());
    by_first.assign(people, 0), by_second.assign(people, 0);
    for (size_t n = 0; n < count; ++n) ++by_first[size_t(found[n].first)], ++by_second[size_t(found[n].second)];
    int32_t first = 0, second = 0;
    for (size_t person = 0; person < people; ++person) {  // from numbers to places
        first += std::exchange(by_first[person], first);
        second += std::exchange(by_second[person], second);
    }
    if (order.size() < count) order.resize(count);
    cross_limbs.resize(count);
    for (size_t n = 0; n < count; ++n) order[size_t(by_second[size_t(found[n].second)]++)] = int32_t(n);
    for (size_t n = 0; n < count; ++n) {
        const CrossLimb& next = found[size_t(order[n])];
        cross_limbs[size_t(by_first[size_t(next.first)]++)] = next;
    }
}

std::vector<Move> MoveFinder::mergers(const PersonSet& dirty) {
    find_cross_limbs(dirty);
    size_t apart = 0;  // without a joint type that both have
    for (size_t n = 0; n < count; ++n) {
        const CrossLimb cross_limb = found[n];
        found[apart] = cross_limb;
        apart += !state.types_of.meet(size_t(cross_limb.first), state.types_of, size_t(cross_limb.second));
    }
    count = apart;
    sort_cross_limbs();
    std::vector<Move> moves;
    for (size_t n = 0, next; n < count; n = next) {
        const int32_t a = cross_limbs[n].first, b = cross_limbs[n].second;
        double gain = 0;
        for (next = n; next < count && cross_limbs[next].first == a && cross_limbs[next].second == b; ++next) {
            const CrossLimb& one = cross_limbs[next];
            gain += model.limb_gain(one.affinity, one.length, one.limb, height_of(a, b));
        }
        const int64_t expected = limbs_between(model, state, a, b);
        gain += model.person_cost - model.missing_limb_cost * double(expected - int64_t(next - n));
        if (gain > 0) moves.push_back({a, b, -1, gain});
    }
    return choose_disjoint(std::move(moves), state.people());
}

// The best first, ties by index; of those whom a better move has, none.
std::vector<Move> choose_disjoint(std::vector<Move>&& moves, int64_t people) {
    std::sort(moves.begin(), moves.end(), [](const Move& a, const Move& b) {
        if (a.gain != b.gain) return a.gain > b.gain;
        return a.first != b.first ? a.first < b.first : a.second < b.second;
    });
    PersonSet dirty(people);
    std::vector<Move> chosen;
    for (const Move& move : moves) {
        if (dirty.contains(move.first) || dirty.contains(move.second)) continue;
        dirty.add(move.first), dirty.add(move.second);
        chosen.push_back(move);
    }
    return chosen;
}

}  // namespace bottomup::grouping
