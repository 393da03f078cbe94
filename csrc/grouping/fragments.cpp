// Fragments that no limb joins: who belongs together by what whole bodies look like. bottomup/grouping/pose_prior.py has
// the formulas, bottomup/grouping/orphans.py the same steps in plain NumPy.
#include <algorithm>
#include <cmath>
#include <limits>

#include "fragment_swaps.h"

namespace bottomup::grouping {
namespace {

constexpr int kMostRounds = 3;  // of swaps; hardly any are left for the third

struct Offer {
    double gain;
    int32_t guest, host;
    int32_t time;   // how many mergers there had been
    int32_t older;  // the guest's one before it, or kNone
};

// The greater gain first, ties by number.
bool better(const Offer& a, const Offer& b) {
    if (a.gain != b.gain) return a.gain > b.gain;
    return a.guest != b.guest ? a.guest < b.guest : a.host < b.host;
}

// As an object, which a heap calls in place.
constexpr auto worse = [](const Offer& a, const Offer& b) { return better(b, a); };

// Whole groups join others, the greatest gain first, while there is any.
class Mergers {
   public:
    Mergers(Groups& groups_, Density& density_, int64_t most_joints_, double bonus_)
        : groups(groups_), density(density_), most_joints(most_joints_), bonus(bonus_), changed(groups_.pieces.size()),
          seen(changed.size(), kNone), latest(changed.size(), kNone) {}

    void run() {
        for (size_t host = 0; host < changed.size(); ++host) {
            for (const int32_t other : groups.pieces.near.of(host))
                if (may_join(other, int32_t(host))) guests.push_back(other);
            take_offers(int32_t(host));
        }
        for (const int32_t offer : latest)
            if (offer != kNone) heap.push_back(best_of(offer));
        std::make_heap(heap.begin(), heap.end(), worse);
        while (!heap.empty()) {
            const Offer best = heap.front();
            std::pop_heap(heap.begin(), heap.end(), worse);
            heap.pop_back();
            if (best.time < changed[size_t(best.guest)]) continue;
            if (best.time < changed[size_t(best.host)]) {  // what it was the best of is asked for the next
                if (const Offer next = best_of(latest[size_t(best.guest)]); next.gain > 0) push(next);
                continue;
            }
            groups.join(best.guest, best.host);
            changed[size_t(best.guest)] = changed[size_t(best.host)] = ++time;
            const size_t before = offers.size();
            look_around(best.host);
            for (size_t offer = before; offer < offers.size(); ++offer) push(offers[offer]);
        }
    }

   private:
    // It must be small, the other one larger or the earlier of equals, and nothing may bar it.
    bool may_join(int32_t guest, int32_t host) const {
        const int32_t small = groups.joints[size_t(guest)], large = groups.joints[size_t(host)];
        return (small <= most_joints) & ((large > small) | ((large == small) & (host < guest))) &
               !groups.barred.meet(size_t(guest), groups.types, size_t(host));
    }

    // Offers between a group and those of which a piece is near one of its pieces.
    void look_around(int32_t number) {
        hosts.clear();
        groups.visit(number, [&](int32_t piece) {
            for (const int32_t one : groups.pieces.near.of(size_t(piece))) {
                const int32_t other = groups.group[size_t(one)];
                if (other == number || seen[size_t(other)] == time) continue;
                seen[size_t(other)] = time;
                if (may_join(other, number)) guests.push_back(other);
                if (may_join(number, other)) hosts.push_back(other);
            }
        });
        take_offers(number);
        for (const int32_t host : hosts) {
            guests.push_back(number);
            take_offers(host);
        }
    }

    // Those that gain, of all guests to one host; after that there are no guests.
    void take_offers(int32_t host) {
        if (guests.empty()) return;
        uint64_t wanted = 0;
        for (const int32_t guest : guests) wanted |= groups.known[size_t(guest)];
        joints.clear();
        groups.add_joints(host, kNone, joints);
        density.give(joints, wanted);
        const double value = density.of_given();
        for (const int32_t guest : guests) {
            joints.clear();
            groups.add_joints(guest, kNone, joints);
            const double gain = density.with(joints) - groups.value_of(guest, density) - value + bonus;
            if (!(gain > kLeastGain)) continue;
            int32_t& last = latest[size_t(guest)];
            offers.push_back({gain, guest, host, time, last});
            last = int32_t(offers.size()) - 1;
        }
        guests.clear();
    }

    // The guest's best that still stands, of this one and its older ones; without any, one that gains nothing.
    Offer best_of(int32_t offer) const {
        Offer best{0, 0, 0, 0, kNone};
        for (; offer != kNone; offer = offers[size_t(offer)].older) {
            const Offer& one = offers[size_t(offer)];
            const bool stands = one.time >= changed[size_t(one.guest)] && one.time >= changed[size_t(one.host)];
            if (stands && better(one, best)) best = one;
        }
        return best;
    }

    void push(const Offer& offer) {
        heap.push_back(offer);
        std::push_heap(heap.begin(), heap.end(), worse);
    }

    Groups& groups;
    Density& density;
    const int64_t most_joints;
    const double bonus;
    int32_t time = 0;
    std::vector<int32_t> changed;  // of each group the time when it did last
    std::vector<int32_t> seen;     // of each group the time when somebody looked at it last
    std::vector<int32_t> guests, hosts;
    std::vector<Offer> offers;     // all that were ever made
    std::vector<int32_t> latest;   // of each guest in `offers`
    std::vector<Offer> heap;       // of each guest the best, and later ones; some no longer stand
    std::vector<Seen> joints;
};

// The median of the heights that are known, the lower one of two in the middle; 0 if none is.
double typical_height(const std::vector<double>& scales) {
    std::vector<double> known;
    for (const double height : scales)
        if (height > 0 && std::isfinite(height)) known.push_back(height);
    if (known.empty()) return 0;
    const auto middle = known.begin() + std::ptrdiff_t((known.size() - 1) / 2);
    std::nth_element(known.begin(), middle, known.end());
    return *middle;
}

// Of the box around all joints that somebody holds, in cells.
double spanned_area(const State& state, const double* xy) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    double low[2] = {kInfinity, kInfinity}, high[2] = {-kInfinity, -kInfinity};
    for (size_t candidate = 0; candidate < state.owner.size(); ++candidate) {
        if (state.owner[candidate] < 0) continue;
        for (size_t axis = 0; axis < 2; ++axis) {
            low[axis] = std::min(low[axis], xy[2 * candidate + axis]);
            high[axis] = std::max(high[axis], xy[2 * candidate + axis]);
        }
    }
    return low[0] > high[0] ? 1 : (high[0] - low[0] + 1) * (high[1] - low[1] + 1);
}

}  // namespace

std::vector<int64_t> attach(const Rule& rule, const WholeBody& body, const State& state, const double* xy,
                            const OrphanRule& orphans) {
    const double height = typical_height(state.scales);
    const Pieces pieces(rule, body, state, xy, height > 0 ? orphans.joints : 0, height);
    Groups groups(pieces);
    if (pieces.any_small) {
        Density density(body, height, orphans.height_spread);
        Mergers(groups, density, orphans.joints, std::log(orphans.odds * spanned_area(state, xy))).run();
        Swaps swaps(groups, density);
        for (int round = 0; round < kMostRounds && swaps.run(); ++round) {}
    }
    return {groups.group.begin(), groups.group.end()};
}

}  // namespace bottomup::grouping
