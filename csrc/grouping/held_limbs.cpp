#include "held_limbs.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bottomup::grouping {
HeldLimbs::HeldLimbs(const GroupingModel& model_, const Links& links_, const State& state)
    : shown(model_.limb_count()), touched(shown), missing(shown), model(model_), links(links_), count(model_.limbs.size()) {
    PersonSet all(state.people());
    for (int64_t person = 0; person < state.people(); ++person) all.add(person);
    update(state, all);
}

void HeldLimbs::update(const State& state, const PersonSet& people) {
    find(state, people);
    for (const int32_t person : people.list) weigh(state, person);
}

void HeldLimbs::measure(State& state, const PersonSet& people) {
    find(state, people);
    tell_heights(state, people);
}

void HeldLimbs::tell_heights(State& state, const PersonSet& people) {
    Height height(model.height_ratio);
    for (const int32_t person : people.list) {
        height.clear();
        shown.visit(size_t(person),
                    [&](size_t number) { height.add(limb(person, number).length, model.max_limb_length[number]); });
        state.heights[size_t(person)] = height.get();
        weigh(state, person);
    }
}

void HeldLimbs::find(const State& state, const PersonSet& people) {
    const auto size = size_t(state.people());
    if (size > unsure.size()) {
        const size_t room = size + size / 8;  // for those that come later
        shown.resize(int64_t(room) + 1), touched.resize(int64_t(room)), missing.resize(int64_t(room));
        unsure.resize(room), limbs.resize((room + 1) * count), cut_losses.resize(room * count);
    }
    if (2 * people.list.size() > size) return find_all(state);
    // Without a branch for each link: those that lead to another person go to the last row.
    const size_t none = unsure.size();
    for (const int32_t person : people.list) {
        const int32_t* held = state.row(person);
        shown.clear(size_t(person));
        state.types_of.visit(size_t(person), [&](size_t joint) {
            for (const Link *link = links.begin(held[joint]), *end = links.middle(held[joint]); link != end; ++link) {
                const bool mine = held[links.types[size_t(link->other)]] == link->other;
                const size_t row = mine ? size_t(person) : none;
                shown.add(row, link->limb);
                limbs[row * count + size_t(link->limb)] = {link->affinity, link->length};
            }
        });
    }
}

// All pairs in one go, without a branch for each.
void HeldLimbs::find_all(const State& state) {
    const size_t none = unsure.size();
    for (size_t person = 0; person < none; ++person) shown.clear(person);
    for (const Pair& pair : links.pairs) {
        const int32_t person_of = state.person_of[size_t(pair.own)];
        const size_t person = person_of >= 0 && state.person_of[size_t(pair.other)] == person_of ? size_t(person_of) : none;
        shown.add(person, pair.limb);
        limbs[person * count + size_t(pair.limb)] = {pair.affinity, pair.length};
    }
}

void HeldLimbs::weigh(const State& state, int64_t person) {
    const auto set = size_t(person);
    const double height = state.heights[set];
    double* mine = cut_losses.data() + set * count;
    std::fill(mine, mine + count, 0.0);
    touched.clear(set), missing.clear(set);
    state.types_of.visit(set, [&](size_t joint) {
        missing.add_common(set, touched, set, model.limbs_at, joint);
        touched.add(set, model.limbs_at, joint);
    });
    missing.remove(set, shown, set);
    missing.visit(set, [&](size_t number) { mine[number] = -model.missing_limb_cost; });
    shown.visit(set, [&](size_t number) {
        const Limb& one = limb(person, number);
        mine[number] = model.limb_gain(one.affinity, one.length, int32_t(number), height);
        if (mine[number] < 0) missing.add(set, int32_t(number));
    });
    unsure[set] = std::isnan(height) && !shown.empty(set);
}

double HeldLimbs::worth(const State& state, const double* responses, int64_t person) const {
    if (state.types_of.empty(size_t(person))) return 0;
    double sum = -model.person_cost;
    state.types_of.visit(size_t(person), [&](size_t joint) { sum += responses[state.row(person)[joint]]; });
    for (size_t number = 0; number < count; ++number) sum += cut_loss(person, number);
    return sum;
}

}  // namespace bottomup::grouping
