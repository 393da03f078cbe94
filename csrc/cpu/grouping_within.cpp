#include "grouping_within.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bottomup::grouping {
namespace {

using Limb = Within::Limb;

constexpr Limb kNone{0, -1};

// The limbs that show between the joints of one row of slots.
void look_at(const Rule& rule, const Links& links, const int32_t* held, Limb* shown) {
    std::fill(shown, shown + rule.limbs.size(), kNone);
    for (int64_t joint = 0; joint < rule.joints; ++joint) {
        if (held[joint] < 0) continue;
        for (const Link *link = links.begin(held[joint]), *end = links.middle(held[joint]); link != end; ++link)
            if (held[links.types[size_t(link->other)]] == link->other)
                shown[link->limb] = {link->affinity, link->length};
    }
}

double height_of(const Rule& rule, const Limb* shown) {
    constexpr double kLowest = -std::numeric_limits<double>::infinity();
    double longest = kLowest, second = kLowest;
    int count = 0;
    for (size_t number = 0; number < rule.limbs.size(); ++number) {
        const double height = shown[number].length / rule.limb_reach[number];
        const bool known = height >= 0;  // else it does not show, or nobody knows how long it can be
        const double one = known ? height : kLowest;
        second = std::max(second, std::min(longest, one));
        longest = std::max(longest, one);
        count += known;
    }
    if (count == 0) return std::numeric_limits<double>::quiet_NaN();
    return count >= 3 ? second : longest;
}

}  // namespace

Within::Within(const Rule& rule_, const Links& links_, const State& state)
    : touched(rule_.limb_count()), missing(rule_.limb_count()), rule(rule_), links(links_), limbs(rule_.limbs.size()) {
    PersonSet everybody(state.people());
    for (int64_t person = 0; person < state.people(); ++person) everybody.add(person);
    look(state, everybody);
}

void Within::look(const State& state, const PersonSet& people) {
    const auto count = size_t(state.people());
    if (count > unsure.size()) {
        const size_t room = count + count / 8;  // for those who come later
        touched.resize(int64_t(room)), missing.resize(int64_t(room)), unsure.resize(room);
        shown.resize((room + 1) * limbs), stays.resize(room * limbs);
    }
    if (2 * people.members.size() > count) {
        look_at_all(state);
    } else {
        for (const int32_t person : people.members)
            look_at(rule, links, state.row(person), shown.data() + size_t(person) * limbs);
    }
    for (const int32_t person : people.members) weigh(state, person);
}

// All pairs in one go, without a branch for each.
void Within::look_at_all(const State& state) {
    std::fill(shown.begin(), shown.end(), kNone);
    const auto nobody = int32_t(unsure.size());
    for (const Pair& pair : links.pairs) {
        const int32_t owner = state.owner[size_t(pair.own)];
        const int32_t person = owner >= 0 && state.owner[size_t(pair.other)] == owner ? owner : nobody;
        shown[size_t(person) * limbs + size_t(pair.limb)] = {pair.affinity, pair.length};
    }
}

void Within::weigh(const State& state, int64_t person) {
    const auto set = size_t(person);
    const int32_t* held = state.row(person);
    const double scale = state.scales[set];
    const Limb* mine = shown.data() + set * limbs;
    double* worth = stays.data() + set * limbs;
    bool some = false, long_ones = false;
    for (size_t first = 0; first < limbs; first += 64) {
        uint64_t ends = 0, lacks = 0;
        for (size_t number = first; number < std::min(first + 64, limbs); ++number) {
            const bool from = held[rule.limbs[number][0]] >= 0, to = held[rule.limbs[number][1]] >= 0;
            const bool shows = mine[number].length >= 0, lack = from & to & !shows;
            ends |= uint64_t(from | to) << (number - first), lacks |= uint64_t(lack) << (number - first);
            some |= shows, long_ones |= rule.is_long(mine[number].length, int32_t(number), scale);
            worth[number] = double(mine[number].affinity) - rule.missing_limb_cost * lack;
        }
        touched.set_word(set, first / 64, ends), missing.set_word(set, first / 64, lacks);
    }
    if (long_ones)
        for (size_t number = 0; number < limbs; ++number)
            if (rule.is_long(mine[number].length, int32_t(number), scale))
                worth[number] = rule.limb_gain(mine[number].affinity, mine[number].length, int32_t(number), scale);
    unsure[set] = some && std::isnan(scale);
}

void Within::measure(State& state, const PersonSet& people) {
    for (const int32_t person : people.members) {
        state.scales[size_t(person)] = height_of(rule, shown.data() + size_t(person) * limbs);
        weigh(state, person);
    }
}

double Within::worth(const State& state, const double* responses, int64_t person) const {
    if (state.held.empty(size_t(person))) return 0;
    double sum = -rule.person_cost;
    for (int64_t joint = 0; joint < rule.joints; ++joint) {
        const int32_t candidate = state.row(person)[joint];
        if (candidate >= 0) sum += responses[candidate];
    }
    for (size_t number = 0; number < limbs; ++number) sum += stay(person, number);
    return sum;
}

void measure(const Rule& rule, const Links& links, State& state, const PersonSet& people) {
    std::vector<Limb> shown(rule.limbs.size());
    for (const int32_t person : people.members) {
        look_at(rule, links, state.row(person), shown.data());
        state.scales[size_t(person)] = height_of(rule, shown.data());
    }
}

}  // namespace bottomup::grouping
