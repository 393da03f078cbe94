// Sweeps over one state; what they need is kept from one to the next.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "assignment.h"
#include "edges.h"
#include "interrupt.h"
#include "links.h"
#include "state.h"

namespace bottomup::grouping {

// A type's assignment falls into components that share no edge, and one all of whose edges are as they were when it was
// solved would be solved the same again: so only the others are.
class Sweep {
   public:
    Sweep(const GroupingModel& model, const Links& links, const double* responses, State& state);

    // One sweep. `changed`: people that did since the last one began, or null to assign everything anew. Returns people
    // that have other candidates than before, perhaps none now.
    const PersonSet& run(const PersonSet* changed, const Interrupt& poll);

   private:
    // Of a candidate: its edges are yet to be found, or are known.
    enum : int8_t { kUnseen = 0, kFresh, kSeen, kChosen };

    bool is_few(const std::vector<int32_t>& some) const;
    void take_stale(int32_t joint, const PersonSet& among);
    void choose_changed(int64_t joint);
    void look_around(int32_t person, int64_t joint);
    void look_at(int32_t candidate);
    bool is_reached(int32_t candidate) const;
    void choose(int32_t candidate);
    void solve(int64_t joint, const std::vector<int32_t>& candidates, const std::vector<Edge>& edges);
    void stand_alone(int32_t before, int64_t joint, int32_t candidate);

    const GroupingModel& model;
    const Links& links;
    const double* responses;
    State& state;
    EdgeFinder finder;
    AssignmentSolver solver;
    PersonSet moved, people;     // with other candidates than before; of the components that are solved
    int64_t people_there = 0;    // with candidates when the sweep began
    BitSets stale;               // of each person the types whose edges may have changed since they were assigned
    std::vector<int8_t> where;   // of each candidate, kUnseen between types
    std::vector<std::pair<int32_t, int32_t>> edges_of;  // of each candidate seen, in `found`
    std::vector<int32_t> chosen, seen, previous;        // candidates; holders of those that are assigned
    std::vector<Edge> found, edges;
};

}  // namespace bottomup::grouping
