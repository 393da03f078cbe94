// The people that limbs have put together, as fragments of those that they may become.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "model.h"
#include "pose_prior.h"
#include "state.h"

namespace bottomup::grouping {

// Numbers in lists, one list after the other.
struct CsrLists {
    struct Span {
        const int32_t *first, *last;
        const int32_t* begin() const { return first; }
        const int32_t* end() const { return last; }
        bool empty() const { return first == last; }
    };

    // From (list, number) pairs; the numbers of a list keep their order.
    void assign(size_t lists, const std::vector<std::pair<int32_t, int32_t>>& pairs);
    std::pair<int32_t, int32_t> range(size_t list) const { return {start[list], start[list + 1]}; }
    Span of(size_t list) const { return {numbers.data() + start[list], numbers.data() + start[list + 1]}; }

   private:
    std::vector<int32_t> start, numbers;
};

struct Fragment {
    std::array<double, 2> low, high;  // its box
    double height;                    // as far as it is known, at least the typical one
    uint64_t known;                   // joints by their numbers in the model, as bits
    int32_t joints;  // how many it has; 0 if the model knows none of them: then nothing tells where it belongs
    bool small;
};

class FragmentSet {
   public:
    // `most_joints` of small ones, and the height that is typical.
    FragmentSet(const GroupingModel& model, const PosePrior& body, const State& state, const double* xy,
                int64_t most_joints, double height);

    size_t size() const { return fragments.size(); }
    const Fragment& operator[](int32_t fragment) const { return fragments[size_t(fragment)]; }
    // Adds those that the model knows.
    void add_joints(int32_t fragment, std::vector<ObservedJoint>& to) const {
        to.insert(to.end(), seen.begin() + first[size_t(fragment)], seen.begin() + first[size_t(fragment) + 1]);
    }

    BitSets types, barred;  // which each has; which keep others from being the same person
    // Of each those no farther from it than the taller one's height, one of the two being small. Where the other one is
    // not, and bars it, no group could take it in, so that is left out.
    CsrLists near;
    bool any_small = false;

   private:
    void find_near(double height);
    void leave_alone();

    std::vector<Fragment> fragments;
    std::vector<ObservedJoint> seen;  // fragment by fragment
    std::vector<int32_t> first;  // of each fragment; at the end that of one more
};

}  // namespace bottomup::grouping
