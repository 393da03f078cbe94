// Which branches of joints two people in contact had better exchange; the derivation is in grouping/exchange.py.
#include <algorithm>
#include <cmath>

#include "grouping_couples.h"

namespace bottomup::grouping {
namespace {

const Pair* pair_between(const Links& links, int32_t own, int32_t other, size_t limb) {
    if (own < 0 || other < 0) return nullptr;
    for (const Link *link = links.begin(own), *end = links.middle(own); link != end; ++link)
        if (link->other == other && size_t(link->limb) == limb) return link;
    return nullptr;
}

}  // namespace

std::vector<Couple> CoupleFinder::exchanges(const PersonSet& touched) {
    find_contacts(touched);
    contacts.erase(std::remove_if(contacts.begin(), contacts.end(), [&](const Contact& one) { return !may_pay(one); }),
                   contacts.end());
    sort_contacts();
    std::vector<Couple> found;
    for (size_t n = 0; n < contacts.size(); ++n) {
        const int32_t a = contacts[n].first, b = contacts[n].second;
        if (n > 0 && contacts[n - 1].first == a && contacts[n - 1].second == b) continue;
        measure(a, b);
        Couple best{a, b, -1, 0};
        choose_pattern(best);
        if (best.gain > 0) found.push_back(best);
    }
    return each_once(std::move(found), state.people());
}

// Whether F might grow by a limb that comes to show, or by one of either person that is missing: most people in contact
// have far better limbs of their own. What these add grows with the height that they are judged by.
bool CoupleFinder::may_pay(const Contact& contact) const {
    const auto a = size_t(contact.first), b = size_t(contact.second), limb = size_t(contact.limb);
    if (within.unsure[a] | within.unsure[b] | within.missing.exceed(a, within.touched, b) |
        within.missing.exceed(b, within.touched, a))
        return true;
    const auto [from, to] = rule.limbs[limb];
    const int32_t *one = state.row(contact.first), *other = state.row(contact.second);
    // If both have both ends two limbs may come to show, and one of them adds at least half of it.
    const double times = (one[from] | one[to] | other[from] | other[to]) >= 0 ? 2 : 1;
    const double least = within.stay(contact.first, limb) + within.stay(contact.second, limb) - 1e-9;
    const double scale = scale_of(contact.first, contact.second);
    return times * contact.affinity > least &&
           times * rule.limb_gain(contact.affinity, contact.length, contact.limb, scale) > least;
}

void CoupleFinder::measure(int64_t a, int64_t b) {
    const int32_t *one = state.row(a), *other = state.row(b);
    const double scale = scale_of(a, b);
    const auto worth = [&](float affinity, float length, size_t limb) {
        return rule.limb_gain(affinity, length, int32_t(limb), scale) + rule.missing_limb_cost;
    };
    for (size_t limb = 0; limb < change.size(); ++limb) {
        const auto [from, to] = rule.limbs[limb];
        const int now = (one[from] >= 0 && one[to] >= 0) + (other[from] >= 0 && other[to] >= 0);
        const int then = (one[from] >= 0 && other[to] >= 0) + (other[from] >= 0 && one[to] >= 0);
        double sum = 0;
        if (then > 0) {
            for (const Pair* pair : {pair_between(links, one[from], other[to], limb),
                                     pair_between(links, other[from], one[to], limb)})
                if (pair) sum += worth(pair->affinity, pair->length, limb);
        }
        sum += rule.missing_limb_cost * double(now - then);  // as if no limb showed now
        for (const int64_t person : {a, b})
            if (const auto& [affinity, length] = within.limb(person, limb); length >= 0)
                sum -= worth(affinity, length, limb);
        change[limb] = sum;
    }
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
