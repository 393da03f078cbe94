// The assignment between people and candidates: the matching of greatest weight in a sparse bipartite graph, by
// shortest augmenting paths (Kuhn-Munkres with the duals of Jonker and Volgenant, Computing 38, 1987, on lists of
// edges). Whoever is the best of nobody else is matched outright; only what is contested is searched, and a search never
// leaves its connected component, so the cost follows the contention and not the crowd.
#include <algorithm>
#include <limits>
#include <queue>

#include "grouping.h"

namespace bottomup::grouping {
namespace {

// Edges listed by row; rows are the side with fewer members, columns the other.
struct Table {
    std::vector<int64_t> start;
    std::vector<int32_t> column;
    std::vector<double> weight;
    std::vector<int64_t> edge;
};

// Numbers members 0, 1, ... in rising order; `number` has -1 where there is none.
std::vector<int32_t> number_members(const std::vector<int64_t>& members, int64_t limit, int32_t& count) {
    std::vector<int32_t> number(size_t(limit), -1);
    for (const int64_t member : members) number[size_t(member)] = 0;
    count = 0;
    for (int32_t& n : number)
        if (n == 0) n = count++;
    return number;
}

Table list_by_row(const std::vector<int64_t>& row_member, const std::vector<int32_t>& row_number, int32_t rows,
                  const std::vector<int64_t>& column_member, const std::vector<int32_t>& column_number,
                  const std::vector<double>& weight) {
    Table table;
    table.start.assign(size_t(rows) + 1, 0);
    table.column.resize(weight.size()), table.weight.resize(weight.size()), table.edge.resize(weight.size());
    for (const int64_t member : row_member) ++table.start[size_t(row_number[size_t(member)]) + 1];
    for (int32_t row = 0; row < rows; ++row) table.start[size_t(row) + 1] += table.start[size_t(row)];
    std::vector<int64_t> next(table.start.begin(), table.start.end() - 1);
    for (size_t n = 0; n < weight.size(); ++n) {
        const auto at = size_t(next[size_t(row_number[size_t(row_member[n])])]++);
        table.column[at] = column_number[size_t(column_member[n])];
        table.weight[at] = weight[n];
        table.edge[at] = int64_t(n);
    }
    return table;
}

// Duals keep row_price + column_price >= weight for every edge, with equality for the matched ones, and are 0 for
// whoever is unmatched when all is done; both stay at least 0. That proves the matching the heaviest.
class Matching {
   public:
    Matching(const Table& table_, int32_t rows, int32_t columns)
        : table(table_), row_price(size_t(rows)), column_price(size_t(columns)), row_edge(size_t(rows), -1),
          column_row(size_t(columns), -1), distance(size_t(columns)), reached_by(size_t(columns), -1),
          reached_from(size_t(columns)) {}

    std::vector<int64_t> solve() {
        const auto rows = int32_t(row_edge.size());
        for (int32_t row = 0; row < rows; ++row) take_best(row);
        for (int32_t row = 0; row < rows; ++row)
            if (row_edge[size_t(row)] < 0) augment(row);
        std::vector<int64_t> matched;
        for (const int64_t at : row_edge)
            if (at >= 0) matched.push_back(table.edge[size_t(at)]);
        std::sort(matched.begin(), matched.end());
        return matched;
    }

   private:
    using Reached = std::pair<double, int32_t>;  // distance, column: ties by index

    void take_best(int32_t row) {
        int64_t best = table.start[size_t(row)];
        for (int64_t at = best + 1; at < table.start[size_t(row) + 1]; ++at) {
            const double more = table.weight[size_t(at)] - table.weight[size_t(best)];
            if (more > 0 || (more == 0 && table.column[size_t(at)] < table.column[size_t(best)])) best = at;
        }
        row_price[size_t(row)] = table.weight[size_t(best)];
        int32_t& holder = column_row[size_t(table.column[size_t(best)])];
        if (holder < 0) holder = row, row_edge[size_t(row)] = best;
    }

    // Grow a tree of shortest paths from an unmatched row until it reaches a free column, or a row (perhaps this one)
    // that is best left unmatched itself; then shift the matching along the path.
    void augment(int32_t root) {
        queue = {};
        seen.clear();
        double shortest = row_price[size_t(root)];  // the root stays unmatched
        int32_t dropped = root, free_column = -1;
        relax(root, 0);
        while (!queue.empty() && queue.top().first < shortest) {
            const auto [length, column] = queue.top();
            queue.pop();
            if (length > distance[size_t(column)]) continue;  // an outdated entry
            const int32_t row = column_row[size_t(column)];
            if (row < 0) {
                shortest = length, free_column = column;
                break;
            }
            if (length + row_price[size_t(row)] < shortest) shortest = length + row_price[size_t(row)], dropped = row;
            relax(row, length);
        }
        update_prices(root, shortest);
        shift(root, dropped, free_column);
        for (const int32_t column : seen) reached_by[size_t(column)] = -1;
    }

    void relax(int32_t row, double length) {
        for (int64_t at = table.start[size_t(row)]; at < table.start[size_t(row) + 1]; ++at) {
            if (at == row_edge[size_t(row)]) continue;
            const auto column = size_t(table.column[size_t(at)]);
            const double slack = row_price[size_t(row)] + column_price[column] - table.weight[size_t(at)];
            const double through = length + std::max(slack, 0.0);  // below 0 only by rounding
            if (reached_by[column] >= 0 && through >= distance[column]) continue;
            if (reached_by[column] < 0) seen.push_back(int32_t(column));
            distance[column] = through;
            reached_by[column] = at;
            reached_from[column] = row;
            queue.emplace(through, int32_t(column));
        }
    }

    void update_prices(int32_t root, double shortest) {
        row_price[size_t(root)] = std::max(row_price[size_t(root)] - shortest, 0.0);
        for (const int32_t column : seen) {
            const double gain = shortest - distance[size_t(column)];
            if (!(gain > 0)) continue;
            column_price[size_t(column)] += gain;
            double& price = row_price[size_t(column_row[size_t(column)])];
            price = std::max(price - gain, 0.0);
        }
    }

    // Along the path every column goes to the row that it was reached from.
    void shift(int32_t root, int32_t dropped, int32_t column) {
        if (column < 0) {
            if (dropped == root) return;
            column = table.column[size_t(row_edge[size_t(dropped)])];
            row_edge[size_t(dropped)] = -1;
        }
        while (true) {
            const int32_t row = reached_from[size_t(column)];
            const int64_t before = row_edge[size_t(row)];
            row_edge[size_t(row)] = reached_by[size_t(column)];
            column_row[size_t(column)] = row;
            if (row == root) return;
            column = table.column[size_t(before)];
        }
    }

    const Table& table;
    std::vector<double> row_price, column_price;
    std::vector<int64_t> row_edge;    // place in the table of the edge that a row is matched by
    std::vector<int32_t> column_row;  // the row that a column is matched to
    std::vector<double> distance;
    std::vector<int64_t> reached_by;    // place in the table of the edge by which the tree reached a column, and
    std::vector<int32_t> reached_from;  // the row that it leaves
    std::vector<int32_t> seen;          // columns that the tree reached
    std::priority_queue<Reached, std::vector<Reached>, std::greater<>> queue;
};

}  // namespace

std::vector<int64_t> match(const Edges& edges, int64_t people, int64_t candidates) {
    int32_t rows = 0, columns = 0;
    const std::vector<int32_t> person = number_members(edges.person, people, rows);
    const std::vector<int32_t> candidate = number_members(edges.candidate, candidates, columns);
    const bool by_person = rows <= columns;
    if (!by_person) std::swap(rows, columns);
    const Table table =
        by_person ? list_by_row(edges.person, person, rows, edges.candidate, candidate, edges.weight)
                  : list_by_row(edges.candidate, candidate, rows, edges.person, person, edges.weight);
    return Matching(table, rows, columns).solve();
}

}  // namespace bottomup::grouping
