// Which branches of joints two people in contact had better exchange; the derivation is in grouping/exchange.py.
#include <algorithm>
#include <cmath>

#include "merge.h"

namespace bottomup::grouping {

std::vector<Couple> CoupleFinder::exchanges(const PersonSet& touched) {
    find_contacts(touched);
    sort_contacts();
    std::vector<Couple> couples;
    for (const Contact *from = contacts.data(), *end = from + contacts.size(), *to; from != end; from = to) {
        const double scale = scale_of(from->first, from->second);
        bool may = is_open(from->first, from->second);
        for (to = from; to != end && to->first == from->first && to->second == from->second; ++to)
            may = may || may_pay(*to, scale);
        if (!may) continue;
        measure(from, to);
        Couple best{from->first, from->second, -1, 0};
        choose_pattern(best);
        if (best.gain > 0) couples.push_back(best);
    }
    return each_once(std::move(couples), state.people());
}

// Whether F might grow by a limb of either person that is missing, or nobody knows how high they are.
bool CoupleFinder::is_open(int32_t first, int32_t second) const {
    const auto a = size_t(first), b = size_t(second);
    return within.unsure[a] | within.unsure[b] | within.missing.exceed(a, within.touched, b) |
           within.missing.exceed(b, within.touched, a);
}

// Whether F might grow by a limb that comes to show: most people in contact have far better limbs of their own. What these
// add grows with the height that they are judged by.
bool CoupleFinder::may_pay(const Contact& contact, double scale) const {
    const auto limb = size_t(contact.limb);
    const auto [from, to] = rule.limbs[limb];
    const int32_t *one = state.row(contact.first), *other = state.row(contact.second);
    // If both have both ends two limbs may come to show, and one of them adds at least half of it.
    const double times = (one[from] | one[to] | other[from] | other[to]) >= 0 ? 2 : 1;
    const double least = within.stay(contact.first, limb) + within.stay(contact.second, limb) - 1e-9;
    return times * contact.affinity > least &&
           times * rule.limb_gain(contact.affinity, contact.length, contact.limb, scale) > least;
}

// `from` to `to` are all limbs between two people.
void CoupleFinder::measure(const Contact* from, const Contact* to) {
    const int64_t a = from->first, b = from->second;
    const int32_t *one = state.row(a), *other = state.row(b);
    const double scale = scale_of(a, b);
    const auto worth = [&](float affinity, float length, size_t limb) {
        return rule.limb_gain(affinity, length, int32_t(limb), scale) + rule.missing_limb_cost;
    };
    std::fill(change.begin(), change.end(), 0);
    for (; from != to; ++from) change[size_t(from->limb)] += worth(from->affinity, from->length, size_t(from->limb));
    for (int64_t joint = 0; joint < rule.joints; ++joint) surplus[size_t(joint)] = (one[joint] >= 0) - (other[joint] >= 0);
    for (size_t limb = 0; limb < change.size(); ++limb) {
        // How many limbs there are now more than afterwards, as if none showed now.
        const auto [start, end] = rule.limbs[limb];
        change[limb] += rule.missing_limb_cost * double(surplus[size_t(start)] * surplus[size_t(end)]);
    }
    for (const int64_t person : {a, b})
        within.shown.visit(size_t(person), [&](size_t limb) {
            const auto& [affinity, length] = within.limb(person, limb);
            change[limb] -= worth(affinity, length, limb);
        });
}

// The pattern that gains most, the first of equals; rounded, so that patterns that do the same stay equal in
// whatever order their limbs are summed.
void CoupleFinder::choose_pattern(Couple& best) {
    std::fill(chosen.begin(), chosen.end(), 0);
    for (size_t limb = 0; limb < change.size(); ++limb)
        for (size_t word = 0; change[limb] > 0 && word < chosen.size(); ++word)
            chosen[word] |= rule.patterns_with[limb][word];
    double most = 0;
    for (size_t word = 0; word < chosen.size(); ++word) {
        for (uint64_t bits = chosen[word]; bits != 0; bits &= bits - 1) {
            const Pattern& pattern = rule.patterns[64 * word + size_t(lowest_bit(bits))];
            double total = 0;
            for (const int32_t limb : pattern.limbs) total += change[limb];
            if (!(total > most)) continue;
            const double rounded = std::nearbyint(total * 1e9) / 1e9;
            if (rounded > best.gain) best.gain = most = rounded, best.pattern = pattern.index;
        }
    }
}

}  // namespace bottomup::grouping
