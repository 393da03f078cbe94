// The assignment between people and candidates: the matching of greatest weight in a sparse bipartite graph, by
// shortest augmenting paths (Kuhn-Munkres with the duals of Jonker and Volgenant, Computing 38, 1987, on lists of
// edges). A pair that is each other's best, and no one else's, is matched outright; only what is contested is searched, and a search never
// leaves its connected component, so the cost follows the contention and not the crowd.
//
// Duals keep row price + person's price >= weight for every edge, with equality for the matched ones, and are 0 for
// those that are unmatched in the end; they stay at least 0. That proves the matching the heaviest.
#include <algorithm>
#include <functional>

#include "assignment.h"

namespace bottomup::grouping {

const std::vector<int32_t>& AssignmentSolver::solve(const std::vector<Edge>& some_edges, int64_t people) {
    edges = some_edges.data();
    const size_t count = some_edges.size();
    start.resize(count + 1);
    size_t rows = 0;
    for (size_t edge = 0; edge < count; ++edge) {  // no branch: how many each candidate has cannot be foreseen
        start[rows] = edge;
        rows += edge == 0 || edges[edge].candidate != edges[edge - 1].candidate;
    }
    start[rows] = count;
    row_price.assign(rows, 0);
    row_edge.assign(rows, -1);
    if (int64_t(price.size()) < people) {
        const auto size = size_t(people);
        price.resize(size), distance.resize(size), reached_from.resize(size);
        row_of.resize(size, -1), reached_by.resize(size, -1);
    }
    for (size_t row = 0; row < rows; ++row) take_best(row);
    for (size_t row = 0; row < rows; ++row)
        if (row_edge[row] < 0) augment(row);
    matched.clear();
    for (const int32_t edge : row_edge)
        if (edge >= 0) matched.push_back(edge);
    for (const Edge& edge : some_edges) price[size_t(edge.person)] = 0, row_of[size_t(edge.person)] = -1;
    return matched;
}

void AssignmentSolver::take_best(size_t row) {
    size_t best = start[row];
    for (size_t edge = best + 1; edge < start[row + 1]; ++edge) {
        const double more = edges[edge].weight - edges[best].weight;
        if (more > 0 || (more == 0 && edges[edge].person < edges[best].person)) best = edge;
    }
    row_price[row] = edges[best].weight;
    int32_t& holder = row_of[size_t(edges[best].person)];
    if (holder < 0) holder = int32_t(row), row_edge[row] = int32_t(best);
}

// Grow a tree of shortest paths from an unmatched row until it reaches a free person, or a row (perhaps this one) that
// is best left unmatched itself; then shift the matching along the path.
void AssignmentSolver::augment(size_t root) {
    heap.clear(), seen.clear();
    double shortest = row_price[root];  // the root stays unmatched
    size_t dropped = root;
    int32_t free_person = -1;
    relax(root, 0);
    while (!heap.empty() && heap.front().first < shortest) {
        const auto [length, person] = heap.front();
        std::pop_heap(heap.begin(), heap.end(), std::greater<>());
        heap.pop_back();
        if (length > distance[size_t(person)]) continue;  // an outdated entry
        if (row_of[size_t(person)] < 0) {
            shortest = length, free_person = person;
            break;
        }
        const auto row = size_t(row_of[size_t(person)]);
        if (length + row_price[row] < shortest) shortest = length + row_price[row], dropped = row;
        relax(row, length);
    }
    update_prices(root, shortest);
    shift(root, dropped, free_person);
    for (const int32_t person : seen) reached_by[size_t(person)] = -1;
}

void AssignmentSolver::relax(size_t row, double length) {
    for (size_t edge = start[row]; edge < start[row + 1]; ++edge) {
        if (int32_t(edge) == row_edge[row]) continue;
        const auto person = size_t(edges[edge].person);
        const double slack = row_price[row] + price[person] - edges[edge].weight;
        const double through = length + std::max(slack, 0.0);  // below 0 only by rounding
        if (reached_by[person] >= 0 && through >= distance[person]) continue;
        if (reached_by[person] < 0) seen.push_back(int32_t(person));
        distance[person] = through;
        reached_by[person] = int32_t(edge);
        reached_from[person] = row;
        heap.emplace_back(through, int32_t(person));
        std::push_heap(heap.begin(), heap.end(), std::greater<>());
    }
}

void AssignmentSolver::update_prices(size_t root, double shortest) {
    row_price[root] = std::max(row_price[root] - shortest, 0.0);
    for (const int32_t person : seen) {
        const double gain = shortest - distance[size_t(person)];
        if (!(gain > 0)) continue;
        price[size_t(person)] += gain;
        double& row = row_price[size_t(row_of[size_t(person)])];
        row = std::max(row - gain, 0.0);
    }
}

// Along the path every person goes to the row that it was reached from.
void AssignmentSolver::shift(size_t root, size_t dropped, int32_t person) {
    if (person < 0) {
        if (dropped == root) return;
        person = edges[size_t(row_edge[dropped])].person;
        row_edge[dropped] = -1;
        row_of[size_t(person)] = -1;
    }
    while (true) {
        const size_t row = reached_from[size_t(person)];
        const int32_t before = row_edge[row];
        row_edge[row] = reached_by[size_t(person)];
        row_of[size_t(person)] = int32_t(row);
        if (row == root) return;
        person = edges[size_t(before)].person;
    }
}

}  // namespace bottomup::grouping
