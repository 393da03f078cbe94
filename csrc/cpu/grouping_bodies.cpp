// Fragments that no limb joins: who belongs together by what whole bodies look like. bottomup/grouping/whole_body.py has
// the formulas, bottomup/grouping/orphans.py the same steps in plain NumPy.
#include <algorithm>
#include <cmath>
#include <limits>

#include "grouping_groups.h"

namespace bottomup::grouping {
namespace {

constexpr double kLeastGain = 1e-9;  // rounding alone is no reason
constexpr int kMostRounds = 3;       // of swaps; hardly any are left for the third

struct Offer {
    double gain;
    int32_t guest, host;
    int32_t time;  // how many mergers there had been
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
          seen(changed.size(), kNone) {}

    void run() {
        for (size_t host = 0; host < changed.size(); ++host) {
            for (const int32_t other : groups.pieces.near.of(host))
                if (may_join(other, int32_t(host))) guests.push_back(other);
            take_offers(int32_t(host));
        }
        std::make_heap(offers.begin(), offers.end(), worse);
        while (!offers.empty()) {
            const Offer best = offers.front();
            std::pop_heap(offers.begin(), offers.end(), worse);
            offers.pop_back();
            if (best.time < changed[size_t(best.guest)] || best.time < changed[size_t(best.host)]) continue;
            groups.join(best.guest, best.host);
            changed[size_t(best.guest)] = changed[size_t(best.host)] = ++time;
            const auto before = std::ptrdiff_t(offers.size());
            look_around(best.host);
            for (auto end = offers.begin() + before; end != offers.end();) std::push_heap(offers.begin(), ++end, worse);
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
            if (gain > kLeastGain) offers.push_back({gain, guest, host, time});
        }
        guests.clear();
    }

    Groups& groups;
    Density& density;
    const int64_t most_joints;
    const double bonus;
    int32_t time = 0;
    std::vector<int32_t> changed;  // of each group the time when it did last
    std::vector<int32_t> seen;     // of each group the time when somebody looked at it last
    std::vector<int32_t> guests, hosts;
    std::vector<Offer> offers;     // a heap, with some that are outdated
    std::vector<Seen> joints;
};

// Small pieces change places with those that other groups have in their stead, the greatest gain first, in each group
// once.
class Swaps {
   public:
    Swaps(Groups& groups_, Density& density_)
        : groups(groups_), density(density_), touched(groups_.pieces.size(), true), seen(touched.size(), kNone),
          firm(groups_.pieces.types.like()) {
        const Pieces& pieces = groups.pieces;
        for (int32_t piece = 0; piece < int32_t(pieces.size()); ++piece)
            if (!pieces[piece].small) firm.add(size_t(groups.group[size_t(piece)]), pieces.types, size_t(piece));
    }

    // Whether there were any.
    bool run() {
        find_pairs();
        evaluate();
        std::sort(offers.begin(), offers.end(), better);
        std::fill(touched.begin(), touched.end(), false);
        for (const Offer& swap : offers) {
            const auto home = size_t(groups.group[size_t(swap.guest)]), host = size_t(groups.group[size_t(swap.host)]);
            if (touched[home] || touched[host]) continue;
            touched[home] = touched[host] = true;
            groups.exchange(swap.guest, swap.host);
        }
        return !offers.empty();
    }

   private:
    // Pieces that may change places. Of two groups that nobody touched in the round before no pair gains: it would have
    // been taken.
    void find_pairs() {
        const Pieces& pieces = groups.pieces;
        pairs.clear();
        std::fill(seen.begin(), seen.end(), kNone);
        for (int32_t piece = 0; piece < int32_t(pieces.size()); ++piece) {
            if (!pieces[piece].small) continue;
            const int32_t home = groups.group[size_t(piece)];
            hosts.resize(pieces.size());
            size_t count = 0;  // of groups that have something in its stead, mostly none: found without a branch for each
            for (const int32_t one : pieces.near.of(size_t(piece))) {
                const int32_t host = groups.group[size_t(one)];
                hosts[count] = host;
                count += (host != home) & (touched[size_t(home)] | touched[size_t(host)]) &
                         pieces.barred.meet(size_t(piece), groups.types, size_t(host)) &
                         !pieces.barred.meet(size_t(piece), firm, size_t(host));
            }
            for (size_t n = 0; n < count; ++n) {
                const int32_t host = hosts[n];
                if (seen[size_t(host)] == piece) continue;
                seen[size_t(host)] = piece;
                const int32_t other = in_stead(piece, host);
                // Two who are alone would only change numbers.
                if (other == kNone || (groups.alone(piece) && groups.alone(other))) continue;
                if (!fits(other, home, piece)) continue;
                pairs.emplace_back(std::min(piece, other), std::max(piece, other));
            }
        }
        std::sort(pairs.begin(), pairs.end());
        pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
    }

    // The one piece of a group that keeps another from joining it.
    int32_t in_stead(int32_t piece, int32_t host) const {
        const Pieces& pieces = groups.pieces;
        int32_t found = kNone;
        bool single = true;
        groups.visit(host, [&](int32_t member) {
            if (!pieces.barred.meet(size_t(piece), pieces.types, size_t(member))) return;
            single &= found == kNone;
            found = member;
        });
        return single ? found : kNone;
    }

    // Whether nothing bars a piece from a group without one of its pieces.
    bool fits(int32_t piece, int32_t number, int32_t without) const {
        bool fit = true;
        groups.visit(number, [&](int32_t member) {
            fit &= member == without || !groups.pieces.barred.meet(size_t(piece), groups.pieces.types, size_t(member));
        });
        return fit;
    }

    // What each pair gains. All that may come in a piece's stead are looked at together.
    void evaluate() {
        const Pieces& pieces = groups.pieces;
        gains.clear(), places.clear();
        for (size_t n = 0; n < pairs.size(); ++n) {
            const auto [one, other] = pairs[n];
            gains.push_back(-groups.value_of(groups.group[size_t(one)], density) -
                            groups.value_of(groups.group[size_t(other)], density));
            places.emplace_back(one, n), places.emplace_back(other, n);
        }
        pairs_of.assign(pieces.size(), places);
        for (int32_t piece = 0; piece < int32_t(pieces.size()); ++piece) {
            const auto mine = pairs_of.of(size_t(piece));
            if (mine.first == mine.last) continue;
            const auto other = [&](int32_t n) {
                return pairs[size_t(n)].first == piece ? pairs[size_t(n)].second : pairs[size_t(n)].first;
            };
            uint64_t wanted = 0;
            for (const int32_t n : mine) wanted |= pieces[other(n)].known;
            rest.clear();
            groups.add_joints(groups.group[size_t(piece)], piece, rest);
            if (!rest.empty()) density.give(rest, wanted);
            for (const int32_t n : mine) {
                joints.clear();
                pieces.add_joints(other(n), joints);
                gains[size_t(n)] += rest.empty() ? density.of(joints) : density.with(joints);
            }
        }
        offers.clear();
        for (size_t n = 0; n < pairs.size(); ++n) {
            // Rounded, so that swaps that lead to the same bodies stay equal in whatever order the sums are taken.
            const double gain = std::nearbyint(gains[n] * 1e9) / 1e9;
            if (gain > kLeastGain) offers.push_back({gain, pairs[n].first, pairs[n].second, 0});
        }
    }

    Groups& groups;
    Density& density;
    std::vector<char> touched;  // groups in the round before; at first all
    std::vector<int32_t> seen;  // of each group the piece that looked at it last
    std::vector<int32_t> hosts;
    Sets firm;                  // of each group the joints of pieces that are not small, which stay there
    std::vector<std::pair<int32_t, int32_t>> pairs, places;
    std::vector<double> gains;
    Lists pairs_of;  // of each piece
    std::vector<Offer> offers;
    std::vector<Seen> rest, joints;
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
