// Fragments in groups, each of which is to become one person.
#pragma once

#include <limits>

#include "fragment_set.h"

namespace bottomup::grouping {

constexpr int32_t kNone = -1;
constexpr double kLeastGain = 1e-9;  // rounding alone is no reason

// At first every fragment is a group of its own, of the same number.
class FragmentGroups {
   public:
    explicit FragmentGroups(const FragmentSet& fragments);

    // Calls `visit(fragment)` for the fragments of a group.
    template <class Visit>
    void visit(int32_t number, Visit visit) const {
        for (int32_t fragment = first[size_t(number)]; fragment != kNone; fragment = next[size_t(fragment)])
            visit(fragment);
    }

    int32_t first_of(int32_t number) const { return first[size_t(number)]; }
    int32_t next_of(int32_t fragment) const { return next[size_t(fragment)]; }

    bool alone(int32_t fragment) const {
        return first[size_t(group[size_t(fragment)])] == fragment && next[size_t(fragment)] == kNone;
    }

    // Adds those that the model knows, but for those of one fragment, if any.
    void add_joints(int32_t number, int32_t without, std::vector<ObservedJoint>& to) const {
        visit(number, [&](int32_t fragment) {
            if (fragment != without) fragments.add_joints(fragment, to);
        });
    }

    // log_density of a group, kept until the group changes.
    double value_of(int32_t number, PoseLikelihood& density);

    // One takes over all fragments of another.
    void join(int32_t source, int32_t target);

    // Each joins the group that the other one was in.
    void exchange(int32_t one, int32_t other);

    const FragmentSet& fragments;
    std::vector<int32_t> group;   // of each fragment
    std::vector<int32_t> joints;  // how many each group has; this, `known` and `barred` only until the first exchange
    std::vector<uint64_t> known;  // those of them that the model knows
    BitSets types, barred;        // which they are, and which keep others from being the same person

   private:
    int32_t& link_to(int32_t fragment);  // where it is named in its group's list

    std::vector<int32_t> first, next;  // of each group, of each fragment; kNone at the end
    std::vector<double> values;        // NaN until it is asked for
    std::vector<ObservedJoint> all;
};

}  // namespace bottomup::grouping
