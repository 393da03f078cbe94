#include "fragment_swaps.h"

#include <algorithm>
#include <cmath>

namespace bottomup::grouping {

Swaps::Swaps(Groups& groups_, Density& density_)
    : groups(groups_), density(density_), touched(int64_t(groups_.pieces.size())), around(touched),
      firm(groups_.pieces.types.like()), alone(groups_.pieces.size()), seen(alone.size(), kNone), latest(seen),
      hosts(alone.size()) {
    const Pieces& pieces = groups.pieces;
    for (int32_t piece = 0; piece < int32_t(pieces.size()); ++piece) {
        if (!pieces[piece].small) firm.add(size_t(groups.group[size_t(piece)]), pieces.types, size_t(piece));
        touched.add(piece), around.add(piece);
    }
}

bool Swaps::run() {
    find_pairs();
    evaluate();
    std::sort(swaps.begin(), swaps.end(), [](const Swap& a, const Swap& b) {
        if (a.gain != b.gain) return a.gain > b.gain;
        return a.one != b.one ? a.one < b.one : a.other < b.other;
    });
    touched.clear();
    for (const Swap& swap : swaps) {
        const int32_t home = groups.group[size_t(swap.one)], host = groups.group[size_t(swap.other)];
        if (touched.contains(home) || touched.contains(host)) continue;
        touched.add(home), touched.add(host);
        groups.exchange(swap.one, swap.other);
    }
    find_around();
    return !swaps.empty();
}

// Pieces that may change places. Of two groups that nobody touched in the round before no pair gains: it would have
// been taken.
void Swaps::find_pairs() {
    const Pieces& pieces = groups.pieces;
    pairs.clear();
    std::fill(seen.begin(), seen.end(), kNone), std::fill(latest.begin(), latest.end(), kNone);
    for (int32_t piece = 0; piece < int32_t(pieces.size()); ++piece)
        alone[size_t(groups.group[size_t(piece)])] = groups.alone(piece);
    for (const int32_t piece : around.members) {
        if (!pieces[piece].small) continue;
        const int32_t home = groups.group[size_t(piece)];
        const bool single = alone[size_t(home)];
        size_t count = 0;  // of groups that have something in its stead, mostly none: found without a branch for each
        for (const int32_t one : pieces.near.of(size_t(piece))) {
            const int32_t host = groups.group[size_t(one)];
            hosts[count] = host;
            // Two who are alone would only change numbers.
            count += (host != home) & !(single & alone[size_t(host)]) &
                     (touched.has[size_t(home)] | touched.has[size_t(host)]) &
                     pieces.barred.meet(size_t(piece), groups.types, size_t(host)) &
                     !pieces.barred.meet(size_t(piece), firm, size_t(host));
        }
        for (size_t n = 0; n < count; ++n) {
            const int32_t host = hosts[n];
            if (seen[size_t(host)] == piece) continue;
            seen[size_t(host)] = piece;
            const int32_t other = in_stead(piece, host);
            if (other != kNone && !bars_rest(other, home, piece)) add(std::min(piece, other), std::max(piece, other));
        }
    }
}

// A pair that may have been found from the other side before.
void Swaps::add(int32_t one, int32_t other) {
    int32_t& last = latest[size_t(one)];
    for (int32_t n = last; n != kNone; n = pairs[size_t(n)].older)
        if (pairs[size_t(n)].other == other) return;
    pairs.push_back({one, other, last});
    last = int32_t(pairs.size()) - 1;
}

// The pieces of groups that were touched, and those near them.
void Swaps::find_around() {
    around.clear();
    for (const int32_t number : touched.members)
        groups.visit(number, [&](int32_t piece) {
            around.add(piece);
            for (const int32_t one : groups.pieces.near.of(size_t(piece))) around.add(one);
        });
}

// The one piece of a group that keeps another from joining it. No two pieces of a group share a type.
int32_t Swaps::in_stead(int32_t piece, int32_t host) const {
    const Pieces& pieces = groups.pieces;
    int32_t member = groups.first_of(host);
    while (!pieces.barred.meet(size_t(piece), pieces.types, size_t(member))) member = groups.next_of(member);
    return bars_rest(piece, host, member) ? kNone : member;
}

// Whether anything bars a piece from a group without one of its pieces.
bool Swaps::bars_rest(int32_t piece, int32_t number, int32_t without) const {
    const Sets& types = groups.pieces.types;
    return groups.pieces.barred.meet_rest(size_t(piece), groups.types, size_t(number), types, size_t(without));
}

// What each pair gains. All that may come in a piece's stead are looked at together.
void Swaps::evaluate() {
    const Pieces& pieces = groups.pieces;
    gains.clear(), places.clear();
    for (size_t n = 0; n < pairs.size(); ++n) {
        const auto [one, other, older] = pairs[n];
        gains.push_back(-groups.value_of(groups.group[size_t(one)], density) -
                        groups.value_of(groups.group[size_t(other)], density));
        places.emplace_back(one, n), places.emplace_back(other, n);
    }
    pairs_of.assign(pieces.size(), places);
    for (int32_t piece = 0; piece < int32_t(pieces.size()); ++piece) {
        const auto mine = pairs_of.of(size_t(piece));
        if (mine.first == mine.last) continue;
        const auto other = [&](int32_t n) {
            return pairs[size_t(n)].one == piece ? pairs[size_t(n)].other : pairs[size_t(n)].one;
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
    swaps.clear();
    for (size_t n = 0; n < pairs.size(); ++n) {
        // Rounded, so that swaps that lead to the same bodies stay equal in whatever order the sums are taken.
        const double gain = std::nearbyint(gains[n] * 1e9) / 1e9;
        if (gain > kLeastGain) swaps.push_back({gain, pairs[n].one, pairs[n].other});
    }
}

}  // namespace bottomup::grouping
