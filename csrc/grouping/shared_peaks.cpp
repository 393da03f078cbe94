// Joints of two people within one peak. bottomup/grouping/reference/shared_peaks.py has the same steps in plain NumPy.
#include <algorithm>

#include "shared_peaks.h"

namespace bottomup::grouping {
namespace {

struct Offer {
    double weight;
    SharedPeak peak;
    int32_t version;  // how often the person had been asked before
};

// The greater weight first, ties by number.
bool better(const Offer& a, const Offer& b) {
    if (a.weight != b.weight) return a.weight > b.weight;
    return a.peak.person != b.peak.person ? a.peak.person < b.peak.person : a.peak.candidate < b.peak.candidate;
}

// As an object, which a heap calls in place.
constexpr auto worse = [](const Offer& a, const Offer& b) { return better(b, a); };

class Sharing {
   public:
    Sharing(const GroupingModel& model_, const Links& links_, const State& state_, const double* responses_)
        : model(model_), links(links_), state(state_), responses(responses_), sharing(model_.sharing),
          members(state_.members), shared(size_t(state_.people())), versions(shared.size()), taken(state_.person_of.size()),
          gains(taken.size()), shown(taken.size()) {}

    std::vector<SharedPeak> share(const Interrupt& poll) {
        std::vector<SharedPeak> chosen;
        const std::vector<char> may = may_share();
        for (int64_t person = 0; person < state.people(); ++person)
            if (may[size_t(person)]) offer(int32_t(person));
        while (!offers.empty()) {
            poll();
            const Offer first = offers.front();
            std::pop_heap(offers.begin(), offers.end(), worse);
            offers.pop_back();
            const SharedPeak best = first.peak;
            if (taken[size_t(best.candidate)] || first.version != versions[size_t(best.person)]) continue;
            row(best.person)[links.types[size_t(best.candidate)]] = best.candidate;
            taken[size_t(best.candidate)] = true;
            ++shared[size_t(best.person)];
            chosen.push_back(best);
            // What both of them have now may lead them to other joints; earlier offers of theirs no longer stand.
            for (const int32_t person : {best.person, state.person_of[size_t(best.candidate)]}) {
                ++versions[size_t(person)];
                offer(person);
            }
        }
        return chosen;
    }

   private:
    int32_t* row(int32_t person) { return members.data() + person * model.joints; }

    // Which people might take some peak, by what the limbs to all others' joints of a type would gain at most. All pairs in one go,
    // without a branch for each.
    std::vector<char> may_share() const {
        const int64_t people = state.people();
        std::vector<double> most(size_t((people + 1) * model.joints));  // the last for links within a person
        const auto look = [&](int32_t held, int32_t other, float affinity) {
            const int32_t a = state.person_of[size_t(held)], b = state.person_of[size_t(other)];
            const int64_t person = (a >= 0) & (b >= 0) & (a != b) ? a : people;
            most[size_t(person * model.joints + links.types[size_t(other)])] += affinity;
        };
        for (const Pair& pair : links.pairs)
            look(pair.own, pair.other, pair.affinity), look(pair.other, pair.own, pair.affinity);
        std::vector<char> may(static_cast<size_t>(people));
        const double least = sharing.peak_cost - model.person_cost - 1e-9;  // a response adds no more than person_cost
        for (int64_t person = 0; person < people; ++person)
            for (int64_t joint = 0; joint < model.joints; ++joint)
                may[size_t(person)] |=
                    (state.row(person)[joint] < 0) & (most[size_t(person * model.joints + joint)] > least);
        return may;
    }

    // Offers of one person for each peak that a limb joins to its joints.
    void offer(int32_t person) {
        const int32_t* held = row(person);
        const int64_t size = std::count_if(held, held + model.joints, [](int32_t candidate) { return candidate >= 0; });
        if (size < sharing.min_joints || size == model.joints) return;
        if (double(shared[size_t(person)] + 1) > sharing.max_share * double(size + 1)) return;
        near.clear();
        for (int64_t joint = 0; joint < model.joints; ++joint) {
            if (held[joint] < 0) continue;
            for (const Link* link = links.begin(held[joint]); link != links.end(held[joint]); ++link) {
                const auto candidate = size_t(link->other);
                const int32_t owner = state.person_of[candidate];
                if (owner < 0 || taken[candidate] || held[links.types[candidate]] >= 0) continue;
                if (shown[candidate]++ == 0) near.push_back(link->other), gains[candidate] = 0;
                const double gain =
                    model.limb_gain(link->affinity, link->length, link->limb, state.heights[size_t(person)]);
                gains[candidate] += row(owner)[joint] == held[joint] ? sharing.limb_factor * gain : gain;
            }
        }
        for (const int32_t candidate : near) {
            int64_t expected = 0;
            for (const int32_t other : model.neighbours[size_t(links.types[size_t(candidate)])])
                expected += held[other] >= 0;
            const double weight =
                model.edge_weight(gains[size_t(candidate)], expected, shown[size_t(candidate)], responses[candidate]);
            shown[size_t(candidate)] = 0;
            if (!(weight > sharing.peak_cost)) continue;
            offers.push_back({weight, {person, candidate}, versions[size_t(person)]});
            std::push_heap(offers.begin(), offers.end(), worse);
        }
    }

    const GroupingModel& model;
    const Links& links;
    const State& state;
    const double* responses;
    const SharingOptions sharing;
    std::vector<int32_t> members;   // of all people, with what is shared
    std::vector<int32_t> shared;    // how many of others' peaks each person has taken
    std::vector<int32_t> versions;  // how often each person was asked again
    std::vector<bool> taken;        // of each candidate, whether two people have it
    std::vector<double> gains;      // of each candidate for the person that is asked
    std::vector<int32_t> shown, near;
    std::vector<Offer> offers;
};

}  // namespace

std::vector<SharedPeak> share_peaks(const GroupingModel& model, const Links& links, const State& state,
                                    const double* responses, const Interrupt& poll) {
    return Sharing(model, links, state, responses).share(poll);
}

}  // namespace bottomup::grouping
