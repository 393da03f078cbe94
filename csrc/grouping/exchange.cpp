// Exchanges of branches of joints between two people; bottomup/grouping/reference/exchange.py has the derivation.
#include <algorithm>
#include <cmath>

#include "merge.h"

namespace bottomup::grouping {

std::vector<Move> MoveFinder::exchanges(const PersonSet& dirty) {
    find_cross_limbs(dirty);
    sort_cross_limbs();
    std::vector<Move> moves;
    for (const CrossLimb *from = cross_limbs.data(), *end = from + cross_limbs.size(), *to; from != end; from = to) {
        const double height = height_of(from->first, from->second);
        bool may = is_open(from->first, from->second);
        for (to = from; to != end && to->first == from->first && to->second == from->second; ++to)
            may = may || may_pay(*to, height);
        if (!may) continue;
        measure(from, to);
        Move best{from->first, from->second, -1, 0};
        choose_pattern(best);
        if (best.gain > 0) moves.push_back(best);
    }
    return choose_disjoint(std::move(moves), state.people());
}

// Whether F might grow by a limb of either person that is missing, or their heights are unknown.
bool MoveFinder::is_open(int32_t first, int32_t second) const {
    const auto a = size_t(first), b = size_t(second);
    return held_limbs.unsure[a] | held_limbs.unsure[b] | held_limbs.missing.exceed(a, held_limbs.touched, b) |
           held_limbs.missing.exceed(b, held_limbs.touched, a);
}

// Whether F might grow by a limb that comes to show: most people in contact have far better limbs of their own. What these
// add grows with the height that they are judged by.
bool MoveFinder::may_pay(const CrossLimb& cross_limb, double height) const {
    const auto limb = size_t(cross_limb.limb);
    const auto [from, to] = model.limbs[limb];
    const int32_t *one = state.row(cross_limb.first), *other = state.row(cross_limb.second);
    // If both have both ends two limbs may come to show, and one of them adds at least half of it.
    const double times = (one[from] | one[to] | other[from] | other[to]) >= 0 ? 2 : 1;
    const double least = held_limbs.cut_loss(cross_limb.first, limb) + held_limbs.cut_loss(cross_limb.second, limb) - 1e-9;
    return times * cross_limb.affinity > least &&
           times * model.limb_gain(cross_limb.affinity, cross_limb.length, cross_limb.limb, height) > least;
}

// `from` to `to` are all limbs between two people.
void MoveFinder::measure(const CrossLimb* from, const CrossLimb* to) {
    const int64_t a = from->first, b = from->second;
    const int32_t *one = state.row(a), *other = state.row(b);
    const double height = height_of(a, b);
    const auto worth = [&](float affinity, float length, size_t limb) {
        return model.limb_gain(affinity, length, int32_t(limb), height) + model.missing_limb_cost;
    };
    std::fill(change.begin(), change.end(), 0);
    for (; from != to; ++from) change[size_t(from->limb)] += worth(from->affinity, from->length, size_t(from->limb));
    for (int64_t joint = 0; joint < model.joints; ++joint) surplus[size_t(joint)] = (one[joint] >= 0) - (other[joint] >= 0);
    for (size_t limb = 0; limb < change.size(); ++limb) {
        // How many limbs there are now more than afterwards, as if none showed now.
        const auto [start, end] = model.limbs[limb];
        change[limb] += model.missing_limb_cost * double(surplus[size_t(start)] * surplus[size_t(end)]);
    }
    for (const int64_t person : {a, b})
        held_limbs.shown.visit(size_t(person), [&](size_t limb) {
            const auto& [affinity, length] = held_limbs.limb(person, limb);
            change[limb] -= worth(affinity, length, limb);
        });
}

// The pattern that gains most, the first of equals; rounded, so that patterns that do the same stay equal in
// whatever order their limbs are summed.
void MoveFinder::choose_pattern(Move& best) {
    std::fill(chosen.begin(), chosen.end(), 0);
    for (size_t limb = 0; limb < change.size(); ++limb)
        for (size_t word = 0; change[limb] > 0 && word < chosen.size(); ++word)
            chosen[word] |= model.patterns_with[limb][word];
    double most = 0;
    for (size_t word = 0; word < chosen.size(); ++word) {
        for (uint64_t bits = chosen[word]; bits != 0; bits &= bits - 1) {
            const Pattern& pattern = model.patterns[64 * word + size_t(lowest_bit(bits))];
            double total = 0;
            for (const int32_t limb : pattern.limbs) total += change[limb];
            if (!(total > most)) continue;
            const double rounded = std::nearbyint(total * 1e9) / 1e9;
            if (rounded > best.gain) best.gain = most = rounded, best.pattern = pattern.index;
        }
    }
}

}  // namespace bottomup::grouping
