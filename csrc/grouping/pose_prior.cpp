#include "pose_prior.h"

#include "../cpu/simd/bits.h"

#include <algorithm>
#include <cmath>

namespace bottomup::grouping {
namespace {

constexpr double kTwoPi = 6.283185307179586;
constexpr double kSmall = 1e-100;  // determinants below it go on as logarithms, before they are too small for a double

// Takes what two rows say out of two others, by these shares, in so many pairs of columns.
inline void take_out(const double* __restrict one, const double* __restrict other, std::array<double, 2> of_x,
                     std::array<double, 2> of_y, size_t pairs, double* __restrict x, double* __restrict y) {
    for (size_t s = 0; s < 2 * pairs; ++s) {
        x[s] = (x[s] - of_x[0] * one[s]) - of_x[1] * other[s];
        y[s] = (y[s] - of_y[0] * one[s]) - of_y[1] * other[s];
    }
}

}  // namespace

PosePrior::PosePrior(const std::vector<char>& known, const std::vector<double>& all_means,
                     const std::vector<double>& covariance)
    : number(known.size(), -1) {
    std::vector<size_t> axes;  // of `covariance`
    for (size_t joint = 0; joint < known.size(); ++joint) {
        if (!known[joint]) continue;
        number[joint] = joints++;
        for (const size_t axis : {2 * joint, 2 * joint + 1}) axes.push_back(axis), mean.push_back(all_means[axis]);
    }
    relative.reserve(size_t(joints) * axes.size() * axes.size());
    const auto at = [&](size_t r, size_t s) { return covariance[axes[r] * 2 * known.size() + axes[s]]; };
    for (size_t origin = 0; origin < axes.size(); origin += 2)
        for (size_t r = 0; r < axes.size(); ++r)
            for (size_t s = 0; s < axes.size(); ++s) {
                const size_t r0 = origin + r % 2, s0 = origin + s % 2;
                relative.push_back(at(r, s) - at(r, s0) - at(r0, s) + at(r0, s0));
            }
}

PoseLikelihood::PoseLikelihood(const PosePrior& body_, double height_, double spread)
    : body(body_), height(height_), prior(1 / (spread * spread)), log_area(std::log(kTwoPi * height_ * height_)),
      log_spread(std::log(spread)), place(size_t(body_.joints)) {}

void PoseLikelihood::fill(const std::vector<ObservedJoint>& seen, uint64_t wanted, Table& into) {
    axes.clear();
    for (size_t n = 1; n < seen.size(); ++n) axes.push_back(2 * seen[n].joint), axes.push_back(2 * seen[n].joint + 1);
    const size_t known = axes.size();
    for (; wanted != 0; wanted &= wanted - 1) {
        const int joint = lowest_bit(wanted);
        place[size_t(joint)] = axes.size();
        axes.push_back(2 * joint), axes.push_back(2 * joint + 1);
    }
    const size_t rows = axes.size(), all = 2 * size_t(body.joints);
    into.reshape(rows);
    const double* from = body.relative.data() + size_t(seen[0].joint) * all * all;
    for (size_t r = 0; r < rows; ++r) {
        double* row = into.row(r);
        const double* covariance = from + size_t(axes[r]) * all;
        for (size_t s = r - r % 2; s < rows; s += 2) {
            const double* both = covariance + axes[s];
            const double x = both[0], y = both[1];
            row[s] = x, row[s + 1] = y;
        }
        row[rows] = body.mean[size_t(axes[r])] - body.mean[size_t(2 * seen[0].joint) + r % 2];
        row[rows + 1] = 0;
        if (r < known) {
            const ObservedJoint &one = seen[1 + r / 2], &first = seen[0];
            row[rows + 1] = (r % 2 == 0 ? one.x - first.x : one.y - first.y) / height;
        }
    }
}

inline double PoseLikelihood::Sums::add(double variance, double w, double y) {
    const double inverse = 1 / variance;
    a += y * y * inverse, b += y * w * inverse, c += w * w * inverse;
    det *= variance;
    if (det < kSmall) log_det += std::log(det), det = 1;
    return inverse;
}

// The first steps of a factorisation C = L D L', on the upper triangle; each takes what one row says out of those below.
// The rows come in pairs, x and y of a joint, and what both of a pair say is taken out of another pair at once.
void PoseLikelihood::eliminate(Table& of, size_t rows, size_t steps, Sums& sums) const {
    const size_t width = of.width;
    for (size_t step = 0; step < steps; step += 2) {
        const double* __restrict one = of.row(step);
        double* __restrict other = of.row(step + 1);
        const double first = sums.add(one[step], one[rows], one[rows + 1]), share = one[step + 1] * first;
        for (size_t s = step + 1; s < width; ++s) other[s] -= share * one[s];
        const double second = sums.add(other[step + 1], other[rows], other[rows + 1]);
        for (size_t r = step + 2; r < rows; r += 2) {
            take_out(one + r, other + r, {one[r] * first, other[r] * second}, {one[r + 1] * first, other[r + 1] * second},
                     (width - r) / 2, of.row(r) + r, of.row(r + 1) + r);
        }
    }
}

// Of one joint and so many others.
double PoseLikelihood::value_of(const Sums& sums, size_t others) const {
    if (others == 0) return 0;
    const auto [a, b, c, det, log_det] = sums;
    const double power = 2 * double(others) + 1, q = (b + std::sqrt(b * b + 4 * a * power)) / (2 * a);
    const double peak = power * std::log(q) - 0.5 * (a * q * q - 2 * b * q + c);
    return peak - 0.5 * (std::log((a * q * q + power) * det) + log_det) - double(others) * log_area - log_spread;
}

double PoseLikelihood::of(const std::vector<ObservedJoint>& seen) {
    if (seen.size() < 2) return 0;
    fill(seen, 0, corner);
    Sums sums{prior, prior, prior, 1, 0};
    eliminate(corner, axes.size(), axes.size(), sums);
    return value_of(sums, axes.size() / 2);
}

void PoseLikelihood::give(const std::vector<ObservedJoint>& seen, uint64_t wanted) {
    fill(seen, wanted, table);
    origin = seen[0];
    pivots = 2 * (seen.size() - 1);
    given = {prior, prior, prior, 1, 0};
    eliminate(table, axes.size(), pivots, given);
}

double PoseLikelihood::with(const std::vector<ObservedJoint>& seen) {
    if (seen.size() == 1) return with_one(seen[0]);
    rows.clear();
    for (const ObservedJoint& one : seen) rows.push_back(place[size_t(one.joint)]), rows.push_back(rows.back() + 1);
    const size_t count = rows.size(), mean = table.width - 2;
    corner.reshape(count);
    for (size_t r = 0; r < count; ++r) {
        double* row = corner.row(r);
        for (size_t s = r - r % 2; s < count; ++s) {
            const auto [upper, later] = std::minmax(rows[r], rows[s]);
            row[s] = table.row(upper)[later];
        }
        const double* from = table.row(rows[r]);
        const ObservedJoint& one = seen[r / 2];
        row[count] = from[mean];
        row[count + 1] = from[mean + 1] + (r % 2 == 0 ? one.x - origin.x : one.y - origin.y) / height;
    }
    Sums sums = given;
    eliminate(corner, count, count, sums);
    return value_of(sums, (pivots + count) / 2);
}

// `with` and `eliminate` of two rows.
double PoseLikelihood::with_one(const ObservedJoint& one) const {
    const size_t x = place[size_t(one.joint)], y = x + 1, mean = table.width - 2;
    const double *above = table.row(x), *below = table.row(y);
    Sums sums = given;
    const double w = above[mean], place_x = above[mean + 1] + (one.x - origin.x) / height;
    const double place_y = below[mean + 1] + (one.y - origin.y) / height;
    const double share = above[y] * sums.add(above[x], w, place_x);
    sums.add(below[y] - share * above[y], below[mean] - share * w, place_y - share * place_x);
    return value_of(sums, pivots / 2 + 1);
}

}  // namespace bottomup::grouping
