// How likely joints are as those of one person: log_density of bottomup/grouping/reference/pose_prior.py, which has the
// formulas.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bottomup::grouping {

// What bodies look like, lengths in heights of the person; see bottomup/grouping/pose_prior.py. Joints that the model
// does not know are left out, the others are numbered anew.
struct PosePrior {
    static constexpr int32_t kMost = 64;  // known joints, so that a set of them is a word of bits

    // known (K,), mean (K, 2), covariance (2K, 2K), x and y of each joint in turn.
    PosePrior(const std::vector<char>& known, const std::vector<double>& mean, const std::vector<double>& covariance);

    int32_t joints = 0;
    std::vector<int32_t> number;  // (K,) -1 for what the model does not know
    std::vector<double> mean;     // (joints, 2)
    // (joints, 2 joints, 2 joints) for each joint the covariance of the places of all relative to it.
    std::vector<double> relative;
};

// A joint that the model knows, by its number there, and its place in cells.
struct ObservedJoint {
    int32_t joint;
    double x, y;
};

// Once some joints are given, what others add to them is told by the few rows and columns of these alone: the first
// steps of a Cholesky factorisation are the same for all of them. What is needed is kept between calls.
class PoseLikelihood {
   public:
    PoseLikelihood(const PosePrior& body, double height, double spread);

    // log_density of some joints, each once; at least one.
    double of(const std::vector<ObservedJoint>& seen);

    // From now on these joints, at least one, are given. `wanted`: those that `with` may be asked about, as bits.
    void give(const std::vector<ObservedJoint>& seen, uint64_t wanted);
    // log_density of those that are given, and of those and some more.
    double of_given() const { return value_of(given, pivots / 2); }
    double with(const std::vector<ObservedJoint>& seen);

   private:
    // What the joints so far say: the sums of y y, y w and w w that reference/pose_prior.py calls a, b and c, and det C.
    struct Sums {
        double a, b, c, det, log_det;  // of the determinant a factor and the logarithm of the rest

        // What a row says that has nothing more to do with those above. Returns the inverse of its variance.
        double add(double variance, double w, double y);
    };

    // Rows and columns: x and y of each joint, relative to the first; then a column of means and one of places.
    struct Table {
        std::vector<double> cells;
        size_t width = 0;

        double* row(size_t number) { return cells.data() + number * width; }
        const double* row(size_t number) const { return cells.data() + number * width; }
        void reshape(size_t rows) {
            width = rows + 2;
            if (cells.size() < rows * width) cells.resize(rows * width);
        }
    };

    void fill(const std::vector<ObservedJoint>& seen, uint64_t wanted, Table& table);
    void eliminate(Table& table, size_t rows, size_t steps, Sums& sums) const;
    double with_one(const ObservedJoint& one) const;
    double value_of(const Sums& sums, size_t others) const;

    const PosePrior& body;
    const double height, prior, log_area, log_spread;
    Table table, corner;
    Sums given{};
    size_t pivots = 0;              // rows of what is given
    ObservedJoint origin{};
    std::vector<int32_t> axes;  // of each row the model's
    std::vector<size_t> place;  // of each joint the row of its x
    std::vector<size_t> rows;   // in `table` of those that `with` was asked about
};

}  // namespace bottomup::grouping
