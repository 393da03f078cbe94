// Joints of two people within one peak: who may have a joint that somebody else holds. bottomup/grouping/shared.py says
// which, and has the same steps in plain NumPy.
#include <algorithm>

#include "model.h"

namespace bottomup::grouping {
namespace {

struct Offer {
    double weight;
    SharedPeak peak;
};

// The greater weight first, ties by number.
bool better(const Offer& a, const Offer& b) {
    if (a.weight != b.weight) return a.weight > b.weight;
    return a.peak.person != b.peak.person ? a.peak.person < b.peak.person : a.peak.candidate < b.peak.candidate;
}

class Sharing {
   public:
    Sharing(const Rule& rule_, const Links& links_, const State& state_, const double* responses_,
            const SharingRule& sharing_)
        : rule(rule_), links(links_), state(state_), responses(responses_), sharing(sharing_), slots(state_.slots),
          shared(size_t(state_.people())), taken(state_.owner.size()), gains(taken.size()), shown(taken.size()) {}

    std::vector<SharedPeak> share() {
        std::vector<SharedPeak> chosen;
        const std::vector<char> may = who_may_share();
        for (int64_t person = 0; person < state.people(); ++person)
            if (may[size_t(person)]) offer(int32_t(person));
        while (!offers.empty()) {
            const SharedPeak best = std::min_element(offers.begin(), offers.end(), better)->peak;
            const int32_t owner = state.owner[size_t(best.candidate)];
            row(best.person)[links.types[size_t(best.candidate)]] = best.candidate;
            taken[size_t(best.candidate)] = true;
            ++shared[size_t(best.person)];
            chosen.push_back(best);
            const auto old = [&](const Offer& one) {
                return one.peak.candidate == best.candidate || one.peak.person == best.person || one.peak.person == owner;
            };
            offers.erase(std::remove_if(offers.begin(), offers.end(), old), offers.end());
            offer(best.person), offer(owner);
        }
        return chosen;
    }

   private:
    int32_t* row(int32_t person) { return slots.data() + person * rule.joints; }

    // Who might take some peak, by what the limbs to all others' joints of a type would gain at most. All pairs in one go,
    // without a branch for each.
    std::vector<char> who_may_share() const {
        const int64_t people = state.people();
        std::vector<double> most(size_t((people + 1) * rule.joints));  // the last for nobody
        const auto look = [&](int32_t held, int32_t other, float affinity) {
            const int32_t a = state.owner[size_t(held)], b = state.owner[size_t(other)];
            const int64_t person = (a >= 0) & (b >= 0) & (a != b) ? a : people;
            most[size_t(person * rule.joints + links.types[size_t(other)])] += affinity;
        };
        for (const Pair& pair : links.pairs)
            look(pair.own, pair.other, pair.affinity), look(pair.other, pair.own, pair.affinity);
        std::vector<char> may(static_cast<size_t>(people));
        const double least = sharing.cost - rule.person_cost - 1e-9;  // a response adds no more than person_cost
        for (int64_t person = 0; person < people; ++person)
            for (int64_t joint = 0; joint < rule.joints; ++joint)
                may[size_t(person)] |= (state.row(person)[joint] < 0) & (most[size_t(person * rule.joints + joint)] > least);
        return may;
    }

    // What one person would take now, of each peak that a limb joins to its joints.
    void offer(int32_t person) {
        const int32_t* held = row(person);
        const int64_t size = std::count_if(held, held + rule.joints, [](int32_t candidate) { return candidate >= 0; });
        if (size < sharing.joints || size == rule.joints) return;
        if (double(shared[size_t(person)] + 1) > sharing.limit * double(size + 1)) return;
        near.clear();
        for (int64_t joint = 0; joint < rule.joints; ++joint) {
            if (held[joint] < 0) continue;
            for (const Link* link = links.begin(held[joint]); link != links.end(held[joint]); ++link) {
                const auto candidate = size_t(link->other);
                const int32_t owner = state.owner[candidate];
                if (owner < 0 || taken[candidate] || held[links.types[candidate]] >= 0) continue;
                if (shown[candidate]++ == 0) near.push_back(link->other), gains[candidate] = 0;
                const double gain =
                    rule.limb_gain(link->affinity, link->length, link->limb, state.scales[size_t(person)]);
                gains[candidate] += row(owner)[joint] == held[joint] ? sharing.same_limb * gain : gain;
            }
        }
        for (const int32_t candidate : near) {
            int64_t expected = 0;
            for (const int32_t other : rule.neighbours[size_t(links.types[size_t(candidate)])]) expected += held[other] >= 0;
            const double weight =
                rule.edge_weight(gains[size_t(candidate)], expected, shown[size_t(candidate)], responses[candidate]);
            shown[size_t(candidate)] = 0;
            if (weight > sharing.cost) offers.push_back({weight, {person, candidate}});
        }
    }

    const Rule& rule;
    const Links& links;
    const State& state;
    const double* responses;
    const SharingRule sharing;
    std::vector<int32_t> slots;   // of everybody, with what is shared
    std::vector<int32_t> shared;  // how many of others' peaks each person has taken
    std::vector<bool> taken;      // of each candidate, whether two people have it
    std::vector<double> gains;    // of each candidate for the person that is asked
    std::vector<int32_t> shown, near;
    std::vector<Offer> offers;
};

}  // namespace

std::vector<SharedPeak> share(const Rule& rule, const Links& links, const State& state, const double* responses,
                              const SharingRule& sharing) {
    return Sharing(rule, links, state, responses, sharing).share();
}

}  // namespace bottomup::grouping
