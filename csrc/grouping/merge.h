// Moves: two people merge, or exchange joints.
#pragma once

#include <cstdint>
#include <vector>

#include "held_limbs.h"
#include "links.h"

namespace bottomup::grouping {

struct Move {
    int64_t first, second, pattern;
    double gain;
};

// The best of some moves, each person in one of them at most.
std::vector<Move> choose_disjoint(std::vector<Move>&& moves, int64_t people);

// The moves that raise F, the best first, each person at most once. Two people neither of whom is dirty are
// left out. Memory is kept between calls.
class MoveFinder {
   public:
    MoveFinder(const GroupingModel& model, const Links& links, const State& state, const HeldLimbs& held_limbs);

    std::vector<Move> mergers(const PersonSet& dirty);    // merge.cpp
    std::vector<Move> exchanges(const PersonSet& dirty);  // exchange.cpp

   private:
    // A limb between two people, `first` having the lower number.
    struct CrossLimb {
        int32_t first, second, limb;
        float affinity, length;
    };

    void find_cross_limbs(const PersonSet& dirty);
    void find_among_all(const PersonSet& dirty);
    void find_around(const PersonSet& dirty);
    void sort_cross_limbs();

    double height_of(int64_t a, int64_t b) const;
    bool is_open(int32_t first, int32_t second) const;
    bool may_pay(const CrossLimb& cross_limb, double height) const;
    void measure(const CrossLimb* from, const CrossLimb* to);
    void choose_pattern(Move& best);

    const GroupingModel& model;
    const Links& links;
    const State& state;
    const HeldLimbs& held_limbs;
    std::vector<CrossLimb> found;  // so many first ones; there is room for more
    size_t count = 0;
    std::vector<CrossLimb> cross_limbs;  // the same, sorted
    std::vector<int32_t> by_first, by_second, order;  // places to sort them by
    std::vector<char> flags;        // of each person, after one for -1
    std::vector<int32_t> surplus;   // (K,) of how many more joints of a type the first of two people has
    std::vector<double> change;     // (L,) what F gains by each limb that loses one end to the other person
    std::vector<uint64_t> chosen;   // patterns, as bits
};

}  // namespace bottomup::grouping
