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
          inside_row(size_t(state_.people()), -1) {}

    // Adds the exchanges that pay between a person and all others in contact; of two touched people the later one's turn
    // leaves out the earlier.
    void find(int64_t a, const PersonSet& touched, std::vector<Couple>& found) {
        gather(a, touched);
        for (size_t n = 0; n < near.size(); ++n) {
            const int64_t b = near[n];
            double* change = changes.data() + n * limbs;
            const double scale = std::fmax(state.scales[size_t(a)], state.scales[size_t(b)]);
            take_away_inside(a, scale, change);
            take_away_inside(b, scale, change);
            Couple best{std::min(a, b), std::max(a, b), -1, 0};
            choose_pattern(change, best);
            if (best.gain > 0) found.push_back(best);
            place[size_t(b)] = -1;
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
                    add_expected(a, b);
                }
                const double gain = rule.limb_gain(link->affinity, link->length, link->limb,
                                                   std::fmax(state.scales[size_t(a)], state.scales[size_t(b)]));
                changes[size_t(place[size_t(b)]) * limbs + size_t(link->limb)] += gain + rule.missing_limb_cost;
            }
        }
    }

    // As if no limb showed: the cost of those that both have now, less that of those that would then be expected.
    void add_expected(int64_t a, int64_t b) {
        const int32_t *one = state.row(a), *other = state.row(b);
        for (const auto& [from, to] : rule.limbs) {
            const int now = (one[from] >= 0 && one[to] >= 0) + (other[from] >= 0 && other[to] >= 0);
            const int then = (one[from] >= 0 && other[to] >= 0) + (other[from] >= 0 && one[to] >= 0);
            changes.push_back(rule.missing_limb_cost * double(now - then));
        }
    }

    void take_away_inside(int64_t person, double scale, double* change) {
        const auto [from, to] = inside(person);
        for (size_t n = from; n < to; ++n) {
            const Link& link = inside_links[n];
            change[link.limb] -=
                rule.limb_gain(link.affinity, link.length, link.limb, scale) + rule.missing_limb_cost;
        }
    }

    // The limbs that show within a person, looked up once.
    std::pair<size_t, size_t> inside(int64_t person) {
        int32_t& row = inside_row[size_t(person)];
        if (row < 0) {
            row = int32_t(inside_range.size());
            const size_t from = inside_links.size();
            for (int64_t joint = 0; joint < rule.joints; ++joint) {
                const int32_t candidate = state.row(person)[joint];
                if (candidate < 0) continue;
                for (const Link* link = links.begin(candidate); link != links.middle(candidate); ++link)
                    if (state.owner[size_t(link->other)] == person) inside_links.push_back(*link);
            }
            inside_range.emplace_back(from, inside_links.size());
        }
        return inside_range[size_t(row)];
    }

    // The pattern that gains most, the first of equals; rounded, so that patterns that do the same stay equal in
    // whatever order their limbs are summed.
    void choose_pattern(const double* change, Couple& best) const {
        uint64_t growing = 0;
        for (size_t limb = 0; limb < limbs; ++limb)
            if (change[limb] > 0) growing |= uint64_t(1) << (limb % 64);
        if (growing == 0) return;
        double most = 0;
        for (const Pattern& pattern : rule.patterns) {
            if (!(pattern.bits & growing)) continue;
            double total = 0;
            for (const int32_t limb : pattern.limbs) total += change[limb];
            if (!(total > most)) continue;
            const double rounded = std::nearbyint(total * 1e9) / 1e9;
            if (rounded > best.gain) best.gain = most = rounded, best.pattern = pattern.index;
        }
    }

    const Rule& rule;
    const Links& links;
    const State& state;
    size_t limbs;
    std::vector<int32_t> place;    // of each person among those near the one in turn, -1 elsewhere
    std::vector<int64_t> near;
    std::vector<double> changes;   // (near, L)
    std::vector<int32_t> inside_row;
    std::vector<std::pair<size_t, size_t>> inside_range;
    std::vector<Link> inside_links;
};

}  // namespace

std::vector<Couple> exchanges(const Rule& rule, const Links& links, const State& state, const PersonSet& touched) {
    ExchangeFinder finder(rule, links, state);
    std::vector<Couple> all;
    for (const int32_t person : touched.members) finder.find(person, touched, all);
    return each_once(std::move(all), state.people());
}

}  // namespace bottomup::grouping
