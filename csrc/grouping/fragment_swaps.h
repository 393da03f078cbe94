// Small fragments change places with those that other groups have in their stead, the greatest gain first, in each group
// once.
#pragma once

#include "fragment_groups.h"

namespace bottomup::grouping {

class FragmentSwaps {
   public:
    FragmentSwaps(FragmentGroups& groups, PoseLikelihood& density);

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
    int32_t in_stead(int32_t fragment, int32_t target) const;
    bool bars_rest(int32_t fragment, int32_t number, int32_t without) const;
    void evaluate();

    FragmentGroups& groups;
    PoseLikelihood& density;
    PersonSet touched;            // groups in the round before; at first all
    PersonSet around;             // fragments that may have come to have a pair
    BitSets firm;                    // of each group the joints of fragments that are not small, which stay there
    std::vector<char> alone;      // of each group, whether it is a single fragment
    std::vector<int32_t> seen;    // of each group the fragment that looked at it last
    std::vector<int32_t> latest;  // of each fragment the pair in which it is the one
    std::vector<int32_t> targets;
    std::vector<Pair> pairs;
    std::vector<std::pair<int32_t, int32_t>> places;
    CsrLists pairs_of;  // of each fragment
    std::vector<double> gains;
    std::vector<Swap> swaps;
    std::vector<ObservedJoint> rest, joints;
};

}  // namespace bottomup::grouping
