// Edges of the person-joint graph for one joint type.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "links.h"
#include "state.h"

namespace bottomup::grouping {

// Edges of the person-joint graph for one joint type, candidate by candidate.
struct Edge {
    double weight;
    int32_t person, candidate;
    int32_t shown;  // limbs that the candidate would have
};

// Finds the edges that pass between people and candidates, whichever person has these now. Memory is kept between calls.
class EdgeFinder {
   public:
    EdgeFinder(const GroupingModel& model_, const Links& links_, const double* responses_)
        : model(model_), links(links_), responses(responses_) {}

    const std::vector<Edge>& find(const State& state, const std::vector<int32_t>& candidates);

   private:
    struct Held {
        const Link* link;
        int32_t person;
        double gain;
    };

    void weigh_held(const State& state);
    void find_held(const State& state, const std::vector<int32_t>& candidates);

    const GroupingModel& model;
    const Links& links;
    const double* responses;
    std::vector<Held> held;         // links to what people hold, and what they gain
    std::vector<int32_t> too_long;  // which of these are
    // Of each person the edge that was found last, and of which candidate it is, counted as they were looked at.
    std::vector<std::pair<uint64_t, int32_t>> last_edge;
    uint64_t looked_at = 0;
    std::vector<Edge> found;
};

}  // namespace bottomup::grouping
