// Fragments that no limb joins: which of them are one person by the pose prior. bottomup/grouping/reference/fragments.py
// has the same steps in plain NumPy.
#include <algorithm>
#include <cmath>
#include <limits>

#include "fragments.h"

#include "fragment_swaps.h"

namespace bottomup::grouping {
namespace {

constexpr int kMostRounds = 3;  // of swaps; hardly any are left for the third

struct Offer {
    double gain;
    int32_t source, target;
    int32_t time;   // how many mergers there had been
    int32_t older;  // the source's one before it, or kNone
};

// The greater gain first, ties by number.
bool better(const Offer& a, const Offer& b) {
    if (a.gain != b.gain) return a.gain > b.gain;
    return a.source != b.source ? a.source < b.source : a.target < b.target;
}

// As an object, which a heap calls in place.
constexpr auto worse = [](const Offer& a, const Offer& b) { return better(b, a); };

// Whole groups join others, the greatest gain first, while there is any.
class Mergers {
   public:
    Mergers(FragmentGroups& groups_, PoseLikelihood& density_, int64_t most_joints_, double bonus_)
        : groups(groups_), density(density_), most_joints(most_joints_), bonus(bonus_), changed(groups_.fragments.size()),
          seen(changed.size(), kNone), latest(changed.size(), kNone) {}

    void run(const Interrupt& poll) {
        for (size_t target = 0; target < changed.size(); ++target) {
            for (const int32_t other : groups.fragments.near.of(target))
                if (may_join(other, int32_t(target))) sources.push_back(other);
            take_offers(int32_t(target));
            poll();
        }
        for (const int32_t offer : latest)
            if (offer != kNone) heap.push_back(best_of(offer));
        std::make_heap(heap.begin(), heap.end(), worse);
        while (!heap.empty()) {
            poll();
            const Offer best = heap.front();
            std::pop_heap(heap.begin(), heap.end(), worse);
            heap.pop_back();
            if (best.time < changed[size_t(best.source)]) continue;
            if (best.time < changed[size_t(best.target)]) {  // what it was the best of is asked for the next
                if (const Offer next = best_of(latest[size_t(best.source)]); next.gain > 0) push(next);
                continue;
            }
            groups.join(best.source, best.target);
            changed[size_t(best.source)] = changed[size_t(best.target)] = ++time;
            const size_t before = offers.size();
            look_around(best.target);
            for (size_t offer = before; offer < offers.size(); ++offer) push(offers[offer]);
        }
    }

   private:
    // It must be small, the other one larger or the earlier of equals, and nothing may bar it.
    bool may_join(int32_t source, int32_t target) const {
        const int32_t small = groups.joints[size_t(source)], large = groups.joints[size_t(target)];
        return (small <= most_joints) & ((large > small) | ((large == small) & (target < source))) &
               !groups.barred.meet(size_t(source), groups.types, size_t(target));
    }

    // Offers between a group and those of which a fragment is near one of its fragments.
    void look_around(int32_t number) {
        targets.clear();
        groups.visit(number, [&](int32_t fragment) {
            for (const int32_t one : groups.fragments.near.of(size_t(fragment))) {
                const int32_t other = groups.group[size_t(one)];
                if (other == number || seen[size_t(other)] == time) continue;
                seen[size_t(other)] = time;
                if (may_join(other, number)) sources.push_back(other);
                if (may_join(number, other)) targets.push_back(other);
            }
        });
        take_offers(number);
        for (const int32_t target : targets) {
            sources.push_back(number);
            take_offers(target);
        }
    }

    // Those that gain, of all sources to one target; after that there are no sources.
    void take_offers(int32_t target) {
        if (sources.empty()) return;
        uint64_t wanted = 0;
        for (const int32_t source : sources) wanted |= groups.known[size_t(source)];
        joints.clear();
        groups.add_joints(target, kNone, joints);
        density.give(joints, wanted);
        const double value = density.of_given();
        for (const int32_t source : sources) {
            joints.clear();
            groups.add_joints(source, kNone, joints);
            const double gain = density.with(joints) - groups.value_of(source, density) - value + bonus;
            if (!(gain > kLeastGain)) continue;
            int32_t& last = latest[size_t(source)];
            offers.push_back({gain, source, target, time, last});
            last = int32_t(offers.size()) - 1;
        }
        sources.clear();
    }

    // The source's best that still stands, of this one and its older ones; without any, one that gains nothing.
    Offer best_of(int32_t offer) const {
        Offer best{0, 0, 0, 0, kNone};
        for (; offer != kNone; offer = offers[size_t(offer)].older) {
            const Offer& one = offers[size_t(offer)];
            const bool stands = one.time >= changed[size_t(one.source)] && one.time >= changed[size_t(one.target)];
            if (stands && better(one, best)) best = one;
        }
        return best;
    }

    void push(const Offer& offer) {
        heap.push_back(offer);
        std::push_heap(heap.begin(), heap.end(), worse);
    }

    FragmentGroups& groups;
    PoseLikelihood& density;
    const int64_t most_joints;
    const double bonus;
    int32_t time = 0;
    std::vector<int32_t> changed;  // of each group the time when it did last
    std::vector<int32_t> seen;     // of each group the time when it was looked at last
    std::vector<int32_t> sources, targets;
    std::vector<Offer> offers;     // all that were ever made
    std::vector<int32_t> latest;   // of each source in `offers`
    std::vector<Offer> heap;       // of each source the best, and later ones; some no longer stand
    std::vector<ObservedJoint> joints;
};

// The median of the heights that are known, the lower one of two in the middle; 0 if none is.
double typical_height(const std::vector<double>& heights) {
    std::vector<double> known;
    for (const double height : heights)
        if (height > 0 && std::isfinite(height)) known.push_back(height);
    if (known.empty()) return 0;
    const auto middle = known.begin() + std::ptrdiff_t((known.size() - 1) / 2);
    std::nth_element(known.begin(), middle, known.end());
    return *middle;
}

// Area of the box around all joints of people, in cells.
double spanned_area(const State& state, const double* xy) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    double low[2] = {kInfinity, kInfinity}, high[2] = {-kInfinity, -kInfinity};
    for (size_t candidate = 0; candidate < state.person_of.size(); ++candidate) {
        if (state.person_of[candidate] < 0) continue;
        for (size_t axis = 0; axis < 2; ++axis) {
            low[axis] = std::min(low[axis], xy[2 * candidate + axis]);
            high[axis] = std::max(high[axis], xy[2 * candidate + axis]);
        }
    }
    return low[0] > high[0] ? 1 : (high[0] - low[0] + 1) * (high[1] - low[1] + 1);
}

}  // namespace

std::vector<int64_t> attach_fragments(const GroupingModel& model, const PosePrior& body, const State& state,
                                      const double* xy, const Interrupt& poll) {
    const FragmentOptions& options = model.fragments;
    const double height = typical_height(state.heights);
    const FragmentSet fragments(model, body, state, xy, height > 0 ? options.max_joints : 0, height);
    FragmentGroups groups(fragments);
    if (fragments.any_small) {
        PoseLikelihood density(body, height, options.height_spread);
        Mergers(groups, density, options.max_joints, std::log(options.odds * spanned_area(state, xy))).run(poll);
        FragmentSwaps swaps(groups, density);
        for (int round = 0; round < kMostRounds && swaps.run(); ++round) poll();
    }
    return {groups.group.begin(), groups.group.end()};
}

}  // namespace bottomup::grouping
