// One Kuhn-Munkres assignment between people and the candidates of one joint type; bottomup/grouping/assignment.py calls
// it for a list of edges, bottomup/grouping/reference/assignment.py says the same by SciPy's dense solver.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "edges.h"

namespace bottomup::grouping {

// The one-to-one matching of greatest total weight; no one has to be matched. Memory is kept between calls.
class AssignmentSolver {
   public:
    // The matching's edges by their index, candidate by candidate, as the edges must be listed. The people are any
    // numbers from 0 to below `people`, weights positive.
    const std::vector<int32_t>& solve(const std::vector<Edge>& edges, int64_t people);

   private:
    using Reached = std::pair<double, int32_t>;  // distance, person: ties by index

    void take_best(size_t row);
    void augment(size_t root);
    void relax(size_t row, double length);
    void update_prices(size_t root, double shortest);
    void shift(size_t root, size_t dropped, int32_t person);

    const Edge* edges = nullptr;
    std::vector<size_t> start;  // of each row's edges; a row is a candidate
    std::vector<double> row_price;
    std::vector<int32_t> row_edge;        // by which a row is matched, or -1
    std::vector<double> price, distance;  // of each person
    std::vector<int32_t> row_of;          // the row that a person is matched to, or -1
    std::vector<int32_t> reached_by;      // the edge by which the tree reached a person, or -1
    std::vector<size_t> reached_from;     // the row that this edge leaves
    std::vector<int32_t> seen;            // people that the tree reached
    std::vector<Reached> heap;
    std::vector<int32_t> matched;
};

}  // namespace bottomup::grouping
