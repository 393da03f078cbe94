// Which branches of joints two people in contact had better exchange; the derivation is in grouping/exchange.py.
#include <algorithm>
#include <cmath>

#include "grouping.h"

namespace bottomup::grouping {
namespace {

class ExchangeFinder {
   public:
    ExchangeFinder(const Rule& rule_, const Links& links_, const State& state_)
        : rule(rule_), links(links_), state(state_), limbs(size_t(rule_.limb_count())), place(size_t(state_.people()), -1),
          inside_row(place.size(), -1), chosen((rule_.patterns.size() + 63) / 64) {}

    // Adds the exchanges that pay between a person and all others in contact; of two touched people the later one's turn
    // leaves out the earlier.
    void find(int64_t a, const PersonSet& touched, std::vector<Couple>& found) {
        gather(a, touched);
        for (size_t n = 0; n < near.size(); ++n) {
            const int64_t b = near[n];
            place[size_t(b)] = -1;
            double* change = changes.data() + n * limbs;
            if (!may_grow(a, b, change)) continue;
            complete(a, b, change);
            Couple best{std::min(a, b), std::max(a, b), -1, 0};
            choose_pattern(change, best);
            if (best.gain > 0) found.push_back(best);
        }
    }

   private:
    // People in contact with `a`, and for each what F gains by the limbs that would come to show.
    void gather(int64_t a, const PersonSet& touched) {
        near.clear(), changes.clear();
        for (int64_t joint = 0; joint < rule.joints; ++joint) {
            const int32_t candidate = state.row(a)[joint];
            if (candidate < 0) continue;
            for (const Link* link = links.begin(candidate); link != links.end(candidate); ++link) {
                const int64_t b = state.owner[size_t(link->other)];
                if (b < 0 || b == a || (b < a && touched.contains(b))) continue;
                if (place[size_t(b)] < 0) {
                    place[size_t(b)] = int32_t(near.size());
                    near.push_back(b);
                    changes.resize(changes.size() + limbs);
                }
                const double gain = rule.limb_gain(link->affinity, link->length, link->limb, scale_of(a, b));
                changes[size_t(place[size_t(b)]) * limbs + size_t(link->limb)] += gain + rule.missing_limb_cost;
            }
        }
    }

    double scale_of(int64_t a, int64_t b) const {
        return std::fmax(state.scales[size_t(a)], state.scales[size_t(b)]);
    }

    // Whether any limb that loses an end might make F grow, by a bound that is quickly told: most people in contact have
    // far better limbs of their own. What a limb gains within a person grows with the scale that it is judged by.
    bool may_grow(int64_t a, int64_t b, const double* come_to_show) {
        const Inside one = inside_of(a), other = inside_of(b);
        if (one.lacks || other.lacks) return true;
        const double *mine = inside_worth.data() + size_t(inside_row[size_t(a)]) * limbs;
        const double *theirs = inside_worth.data() + size_t(inside_row[size_t(b)]) * limbs;
        bool may = false;
        for (size_t limb = 0; limb < limbs; ++limb) {
            // Both ends are there in at most both people now, and then in none at the least.
            const double most = come_to_show[limb] + rule.missing_limb_cost * double((mine[limb] > 0) + (theirs[limb] > 0));
            may |= come_to_show[limb] > 0 && most > mine[limb] + theirs[limb] - 1e-9;
        }
        return may;
    }

    // What F gains by each limb that loses one end to the other person.
    void complete(int64_t a, int64_t b, double* change) {
        const int32_t *one = state.row(a), *other = state.row(b);
        for (size_t limb = 0; limb < limbs; ++limb) {
            const auto [from, to] = rule.limbs[limb];
            const int now = (one[from] >= 0 && one[to] >= 0) + (other[from] >= 0 && other[to] >= 0);
            const int then = (one[from] >= 0 && other[to] >= 0) + (other[from] >= 0 && one[to] >= 0);
            change[limb] += rule.missing_limb_cost * double(now - then);  // as if no limb showed now
        }
        for (const int64_t person : {a, b}) {
            const Inside inside = inside_of(person);
            for (size_t n = inside.from; n < inside.to; ++n) {
                const Link& link = inside_links[n];
                change[link.limb] -= rule.limb_gain(link.affinity, link.length, link.limb, scale_of(a, b)) +
                                     rule.missing_limb_cost;
            }
        }
    }

    // The limbs that show within a person, looked up once.
    struct Inside {
        size_t from, to;
        bool lacks;  // a limb of which both ends are there does not show, or the scale that limbs are judged by is unknown
    };

    Inside inside_of(int64_t person) {
        int32_t& row = inside_row[size_t(person)];
        if (row >= 0) return insides[size_t(row)];
        row = int32_t(insides.size());
        const size_t from = inside_links.size();
        const int32_t* held = state.row(person);
        const double scale = state.scales[size_t(person)];
        inside_worth.resize(inside_worth.size() + limbs);
        double* worth = inside_worth.data() + size_t(row) * limbs;
        for (int64_t joint = 0; joint < rule.joints; ++joint) {
            if (held[joint] < 0) continue;
            for (const Link* link = links.begin(held[joint]); link != links.middle(held[joint]); ++link) {
                if (state.owner[size_t(link->other)] != person) continue;
                inside_links.push_back(*link);
                worth[link->limb] +=
                    rule.limb_gain(link->affinity, link->length, link->limb, scale) + rule.missing_limb_cost;
            }
        }
        bool lacks = std::isnan(scale) && inside_links.size() > from;
        for (size_t limb = 0; limb < limbs; ++limb)
            lacks |= held[rule.limbs[limb][0]] >= 0 && held[rule.limbs[limb][1]] >= 0 && !(worth[limb] > 0);
        insides.push_back({from, inside_links.size(), lacks});
        return insides.back();
    }

    // The pattern that gains most, the first of equals; rounded, so that patterns that do the same stay equal in
    // whatever order their limbs are summed.
    void choose_pattern(const double* change, Couple& best) {
        std::fill(chosen.begin(), chosen.end(), 0);
        for (size_t limb = 0; limb < limbs; ++limb)
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

    const Rule& rule;
    const Links& links;
    const State& state;
    size_t limbs;
    std::vector<int32_t> place;   // of each person among those near the one in turn, -1 elsewhere
    std::vector<int64_t> near;
    std::vector<double> changes;  // (near, L)
    std::vector<int32_t> inside_row;
    std::vector<Inside> insides;
    std::vector<Link> inside_links;
    std::vector<double> inside_worth;  // (insides, L) what each limb adds to F, 0 if it does not show
    std::vector<uint64_t> chosen;      // patterns, as bits
};

}  // namespace

std::vector<Couple> exchanges(const Rule& rule, const Links& links, const State& state, const PersonSet& touched) {
    ExchangeFinder finder(rule, links, state);
    std::vector<Couple> all;
    for (const int32_t person : touched.members) finder.find(person, touched, all);
    return each_once(std::move(all), state.people());
}

}  // namespace bottomup::grouping
