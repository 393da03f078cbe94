#include "held_limbs.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bottomup::grouping {
namespace {

// Calls `visit(link)` for the limbs that show between the joints of one row of slots.
template <class Visit>
void visit_limbs(const Rule& rule, const Links& links, const int32_t* held, Visit visit) {
    for (int64_t joint = 0; joint < rule.joints; ++joint) {
        if (held[joint] < 0) continue;
        for (const Link *link = links.begin(held[joint]), *end = links.middle(held[joint]); link != end; ++link)
            if (held[links.types[size_t(link->other)]] == link->other) visit(*link);
    }
}

// A person's height by the limbs: the longest for its kind, the second longest of three or more, which counts no more than
// `ratio` times the median (the upper one of two).
class Height {
   public:
    explicit Height(double ratio_) : ratio(ratio_) {}

    void add(double length, double reach) {
        const double height = length / reach;
        if (!(height >= 0)) return;  // nobody knows how long it can be
        second = std::max(second, std::min(longest, height));
        longest = std::max(longest, height);
        all.push_back(height);
    }
    double get() {
        if (all.empty()) return std::numeric_limits<double>::quiet_NaN();
        if (all.size() < 3) return longest;
        const auto upper = [&](double height) { return ratio * height >= second; };
        const auto middle = all.begin() + std::ptrdiff_t(all.size() / 2);
        if (std::count_if(all.begin(), all.end(), upper) >= all.end() - middle) return second;  // so for nearly everybody
        std::nth_element(all.begin(), middle, all.end());
        return ratio * *middle;
    }
    void clear() { all.clear(), longest = second = -std::numeric_limits<double>::infinity(); }

   private:
    const double ratio;
    double longest = -std::numeric_limits<double>::infinity(), second = longest;
    std::vector<double> all;
};

}  // namespace

Within::Within(const Rule& rule_, const Links& links_, const State& state)
    : shown(rule_.limb_count()), touched(shown), missing(shown), rule(rule_), links(links_), count(rule_.limbs.size()) {
    PersonSet everybody(state.people());
    for (int64_t person = 0; person < state.people(); ++person) everybody.add(person);
    look(state, everybody);
}

void Within::look(const State& state, const PersonSet& people) {
    find(state, people);
    for (const int32_t person : people.members) weigh(state, person);
}

void Within::measure(State& state, const PersonSet& people) {
    find(state, people);
    tell_heights(state, people);
}

void Within::tell_heights(State& state, const PersonSet& people) {
    Height height(rule.height_ratio);
    for (const int32_t person : people.members) {
        height.clear();
        shown.visit(size_t(person),
                    [&](size_t number) { height.add(limb(person, number).length, rule.limb_reach[number]); });
        state.scales[size_t(person)] = height.get();
        weigh(state, person);
    }
}

void Within::find(const State& state, const PersonSet& people) {
    const auto size = size_t(state.people());
    if (size > unsure.size()) {
        const size_t room = size + size / 8;  // for those who come later
        shown.resize(int64_t(room) + 1), touched.resize(int64_t(room)), missing.resize(int64_t(room));
        unsure.resize(room), limbs.resize((room + 1) * count), stays.resize(room * count);
    }
    if (2 * people.members.size() > size) return find_all(state);
    // Without a branch for each link: those that lead to anybody else go to nobody's row.
    const size_t nobody = unsure.size();
    for (const int32_t person : people.members) {
        const int32_t* held = state.row(person);
        shown.clear(size_t(person));
        state.held.visit(size_t(person), [&](size_t joint) {
            for (const Link *link = links.begin(held[joint]), *end = links.middle(held[joint]); link != end; ++link) {
                const bool mine = held[links.types[size_t(link->other)]] == link->other;
                const size_t row = mine ? size_t(person) : nobody;
                shown.add(row, link->limb);
                limbs[row * count + size_t(link->limb)] = {link->affinity, link->length};
            }
        });
    }
}

// All pairs in one go, without a branch for each.
void Within::find_all(const State& state) {
    const size_t nobody = unsure.size();
    for (size_t person = 0; person < nobody; ++person) shown.clear(person);
    for (const Pair& pair : links.pairs) {
        const int32_t owner = state.owner[size_t(pair.own)];
        const size_t person = owner >= 0 && state.owner[size_t(pair.other)] == owner ? size_t(owner) : nobody;
        shown.add(person, pair.limb);
        limbs[person * count + size_t(pair.limb)] = {pair.affinity, pair.length};
    }
}

void Within::weigh(const State& state, int64_t person) {
    const auto set = size_t(person);
    const double scale = state.scales[set];
    double* mine = stays.data() + set * count;
    std::fill(mine, mine + count, 0.0);
    touched.clear(set), missing.clear(set);
    state.held.visit(set, [&](size_t joint) {
        missing.add_common(set, touched, set, rule.limbs_at, joint);
        touched.add(set, rule.limbs_at, joint);
    });
    missing.remove(set, shown, set);
    missing.visit(set, [&](size_t number) { mine[number] = -rule.missing_limb_cost; });
    shown.visit(set, [&](size_t number) {
        const Limb& one = limb(person, number);
        mine[number] = rule.limb_gain(one.affinity, one.length, int32_t(number), scale);
        if (mine[number] < 0) missing.add(set, int32_t(number));
    });
    unsure[set] = std::isnan(scale) && !shown.empty(set);
}

double Within::worth(const State& state, const double* responses, int64_t person) const {
    if (state.held.empty(size_t(person))) return 0;
    double sum = -rule.person_cost;
    state.held.visit(size_t(person), [&](size_t joint) { sum += responses[state.row(person)[joint]]; });
    for (size_t number = 0; number < count; ++number) sum += stay(person, number);
    return sum;
}

void measure(const Rule& rule, const Links& links, State& state, const PersonSet& people) {
    Height height(rule.height_ratio);
    for (const int32_t person : people.members) {
        height.clear();
        visit_limbs(rule, links, state.row(person),
                    [&](const Link& link) { height.add(link.length, rule.limb_reach[size_t(link.limb)]); });
        state.scales[size_t(person)] = height.get();
    }
}

}  // namespace bottomup::grouping
