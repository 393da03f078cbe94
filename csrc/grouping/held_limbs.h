// The limbs that show within each person, kept beside the state so that nobody has to look for them among all pairs.
#pragma once

#include "model.h"

namespace bottomup::grouping {

class Within {
   public:
    // Of everybody, at the heights that the state has.
    Within(const Rule& rule, const Links& links, const State& state);

    // After some people's joints changed; `measure` tells their heights anew as well.
    void look(const State& state, const PersonSet& people);
    void measure(State& state, const PersonSet& people);
    // Those of people who were looked at.
    void tell_heights(State& state, const PersonSet& people);

    // What a person adds to F.
    double worth(const State& state, const double* responses, int64_t person) const;

    struct Limb {
        float affinity, length;
    };
    // One that shows.
    const Limb& limb(int64_t person, size_t number) const { return limbs[size_t(person) * count + number]; }
    // What F loses if the ends of a limb get apart: what it adds, less than 0 if it is missing or far too long.
    double stay(int64_t person, size_t number) const { return stays[size_t(person) * count + number]; }

    // Of each person the limbs that show, those with one end or both, and those with both that cost something.
    Sets shown, touched, missing;
    std::vector<char> unsure;  // whose limbs are weighed without a height: no bound of what they are worth at one

   private:
    void find(const State& state, const PersonSet& people);
    void find_all(const State& state);
    void weigh(const State& state, int64_t person);

    const Rule& rule;
    const Links& links;
    const size_t count;
    std::vector<Limb> limbs;    // (P + 1, L), the last row for whatever is nobody's
    std::vector<double> stays;  // (P, L)
};

// Tells some people's heights anew.
void measure(const Rule& rule, const Links& links, State& state, const PersonSet& people);

}  // namespace bottomup::grouping
