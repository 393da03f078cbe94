// The limbs that show within each person, kept beside the state so that they need not be looked for among all pairs.
#pragma once

#include <cstdint>
#include <vector>

#include "heights.h"
#include "links.h"
#include "state.h"

namespace bottomup::grouping {

class HeldLimbs {
   public:
    // Of all people, at the heights that the state has.
    HeldLimbs(const GroupingModel& model, const Links& links, const State& state);

    // After some people's joints changed; `measure` tells their heights anew as well.
    void update(const State& state, const PersonSet& people);
    void measure(State& state, const PersonSet& people);
    // Heights of people that were updated.
    void tell_heights(State& state, const PersonSet& people);

    // What a person adds to F.
    double worth(const State& state, const double* responses, int64_t person) const;

    struct Limb {
        float affinity, length;
    };
    // One that shows.
    const Limb& limb(int64_t person, size_t number) const { return limbs[size_t(person) * count + number]; }
    // What F loses if the ends of a limb get apart: what it adds, less than 0 if it is missing or far too long.
    double cut_loss(int64_t person, size_t number) const { return cut_losses[size_t(person) * count + number]; }

    // Of each person the limbs that show, those with one end or both, and those with both that cost something.
    BitSets shown, touched, missing;
    std::vector<char> unsure;  // whose limbs are weighed without a height: no bound of what they are worth at one

   private:
    void find(const State& state, const PersonSet& people);
    void find_all(const State& state);
    void weigh(const State& state, int64_t person);

    const GroupingModel& model;
    const Links& links;
    const size_t count;
    std::vector<Limb> limbs;    // (P + 1, L), the last row for links between two people
    std::vector<double> cut_losses;  // (P, L)
};

}  // namespace bottomup::grouping
