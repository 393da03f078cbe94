// Fragments of one person: who merges with whom.
#include "merge.h"

#include <algorithm>
#include <cmath>

namespace bottomup::grouping {
namespace {

// Limbs that the joints of two people together would have, one end each.
int64_t limbs_between(const Rule& rule, const State& state, int64_t a, int64_t b) {
    const int32_t *one = state.row(a), *other = state.row(b);
    int64_t count = 0;
    for (const auto& limb : rule.limbs)
        count += (one[limb[0]] >= 0 && other[limb[1]] >= 0) || (other[limb[0]] >= 0 && one[limb[1]] >= 0);
    return count;
}

}  // namespace

CoupleFinder::CoupleFinder(const Rule& rule_, const Links& links_, const State& state_, const Within& within_)
    : rule(rule_), links(links_), state(state_), within(within_), surplus(size_t(rule_.joints)),
      change(rule_.limbs.size()), chosen((rule_.patterns.size() + 63) / 64) {}

// The larger body decides how long a limb may be: a fragment of few joints does not know its scale.
double CoupleFinder::scale_of(int64_t a, int64_t b) const {
    return std::fmax(state.scales[size_t(a)], state.scales[size_t(b)]);
}

void CoupleFinder::find_contacts(const PersonSet& touched) {
    if (16 * int64_t(touched.members.size()) > state.people())
        find_among_all(touched);
    else
        find_around(touched);
}

// All pairs in one go, without a branch for each: few join two people.
void CoupleFinder::find_among_all(const PersonSet& touched) {
    flags.assign(size_t(state.people()) + 1, false);  // whether each is touched; the first for nobody, -1
    for (const int32_t person : touched.members) flags[size_t(person) + 1] = true;
    const auto pairs = int32_t(links.pairs.size());
    if (order.size() <= links.pairs.size()) order.resize(links.pairs.size() + 1);
    count = 0;
    for (int32_t n = 0; n < pairs; ++n) {
        const Pair& pair = links.pairs[size_t(n)];
        const int32_t a = state.owner[size_t(pair.own)], b = state.owner[size_t(pair.other)];
        order[count] = n;
        count += (a != b) & (std::min(a, b) >= 0) & (flags[size_t(a + 1)] | flags[size_t(b + 1)]);
    }
    if (found.size() < count) found.resize(count);
    for (size_t n = 0; n < count; ++n) {
        const Pair& pair = links.pairs[size_t(order[n])];
        const int32_t a = state.owner[size_t(pair.own)], b = state.owner[size_t(pair.other)];
        found[n] = {std::min(a, b), std::max(a, b), pair.limb, pair.affinity, pair.length};
    }
}

// The same by the joints of those who are touched.
void CoupleFinder::find_around(const PersonSet& touched) {
    count = 0;
    for (const int32_t a : touched.members)
        for (int64_t joint = 0; joint < rule.joints; ++joint) {
            const int32_t candidate = state.row(a)[joint];
            if (candidate < 0) continue;
            const Link *link = links.begin(candidate), *const end = links.end(candidate);
            if (found.size() <= count + size_t(end - link)) found.resize(2 * (count + size_t(end - link)) + 1);
            for (; link != end; ++link) {
                const int32_t b = state.owner[size_t(link->other)];
                found[count] = {std::min(a, b), std::max(a, b), link->limb, link->affinity, link->length};
                // Of two who are touched the one with the lower number finds it.
                count += (b >= 0) & (b != a) && !(b < a && touched.contains(b));
            }
        }
}

// Those of the same two people side by side, otherwise in their order: by the second, then by the first.
void CoupleFinder::sort_contacts() {
    const auto people = size_t(state.people());
    by_first.assign(people, 0), by_second.assign(people, 0);
    for (size_t n = 0; n < count; ++n) ++by_first[size_t(found[n].first)], ++by_second[size_t(found[n].second)];
    int32_t first = 0, second = 0;
    for (size_t person = 0; person < people; ++person) {  // from numbers to places
        first += std::exchange(by_first[person], first);
        second += std::exchange(by_second[person], second);
    }
    if (order.size() < count) order.resize(count);
    contacts.resize(count);
    for (size_t n = 0; n < count; ++n) order[size_t(by_second[size_t(found[n].second)]++)] = int32_t(n);
    for (size_t n = 0; n < count; ++n) {
        const Contact& next = found[size_t(order[n])];
        contacts[size_t(by_first[size_t(next.first)]++)] = next;
    }
}

std::vector<Couple> CoupleFinder::mergers(const PersonSet& touched) {
    find_contacts(touched);
    size_t apart = 0;  // without a joint type that both have
    for (size_t n = 0; n < count; ++n) {
        const Contact contact = found[n];
        found[apart] = contact;
        apart += !state.held.meet(size_t(contact.first), state.held, size_t(contact.second));
    }
    count = apart;
    sort_contacts();
    std::vector<Couple> couples;
    for (size_t n = 0, next; n < count; n = next) {
        const int32_t a = contacts[n].first, b = contacts[n].second;
        double gain = 0;
        for (next = n; next < count && contacts[next].first == a && contacts[next].second == b; ++next) {
            const Contact& one = contacts[next];
            gain += rule.limb_gain(one.affinity, one.length, one.limb, scale_of(a, b));
        }
        const int64_t expected = limbs_between(rule, state, a, b);
        gain += rule.person_cost - rule.missing_limb_cost * double(expected - int64_t(next - n));
        if (gain > 0) couples.push_back({a, b, -1, gain});
    }
    return each_once(std::move(couples), state.people());
}

// The best first, ties by index; of those whom a better couple has, none.
std::vector<Couple> each_once(std::vector<Couple>&& couples, int64_t people) {
    std::sort(couples.begin(), couples.end(), [](const Couple& a, const Couple& b) {
        if (a.gain != b.gain) return a.gain > b.gain;
        return a.first != b.first ? a.first < b.first : a.second < b.second;
    });
    PersonSet touched(people);
    std::vector<Couple> chosen;
    for (const Couple& couple : couples) {
        if (touched.contains(couple.first) || touched.contains(couple.second)) continue;
        touched.add(couple.first), touched.add(couple.second);
        chosen.push_back(couple);
    }
    return chosen;
}

}  // namespace bottomup::grouping
