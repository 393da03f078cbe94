// Small pieces change places with those that other groups have in their stead, the greatest gain first, in each group
// once.
#pragma once

#include "fragment_groups.h"

namespace bottomup::grouping {

class Swaps {
   public:
    Swaps(Groups& groups, Density& density);

    // Whether there were any.
    bool run();

   private:
    struct Pair {
        int32_t one, other;  // the lower number first
        int32_t older;       // the one's pair before it, or kNone
    };

    struct Swap {
        double gain;
        int32_t one, other;
    };

    void find_pairs();
    void add(int32_t one, int32_t other);
    void find_around();
    int32_t in_stead(int32_t piece, int32_t host) const;
    bool bars_rest(int32_t piece, int32_t number, int32_t without) const;
    void evaluate();

    Groups& groups;
    Density& density;
    PersonSet touched;            // groups in the round before; at first all
    PersonSet around;             // pieces that may have come to have a pair
    Sets firm;                    // of each group the joints of pieces that are not small, which stay there
    std::vector<char> alone;      // of each group, whether it is a single piece
    std::vector<int32_t> seen;    // of each group the piece that looked at it last
    std::vector<int32_t> latest;  // of each piece the pair in which it is the one
    std::vector<int32_t> hosts;
    std::vector<Pair> pairs;
    std::vector<std::pair<int32_t, int32_t>> places;
    Lists pairs_of;  // of each piece
    std::vector<double> gains;
    std::vector<Swap> swaps;
    std::vector<Seen> rest, joints;
};

}  // namespace bottomup::grouping
