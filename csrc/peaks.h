// Arithmetic of one heatmap cell: is it a peak, and where does the peak lie between cells?
// Mirrored in bottomup/kernels/peaks.py (the NumPy twin).
#pragma once

#include <cfloat>
#include <cmath>

#include "common.h"

namespace bottomup {

enum class CellKind { not_a_peak, strict_peak, plateau };

// Compares a cell with its up to eight neighbours. `value(row, column)` reads the heatmap.
// plateau: no neighbour is higher but at least one is equal, so the whole plateau has to be looked at.
template <class Value>
BOTTOMUP_HD CellKind classify(Value value, int64_t row, int64_t column, int64_t height, int64_t width) {
    const float here = value(row, column);
    bool tied = false;
    for (int64_t r = row > 0 ? row - 1 : 0; r <= row + 1 && r < height; ++r) {
        for (int64_t c = column > 0 ? column - 1 : 0; c <= column + 1 && c < width; ++c) {
            const float other = value(r, c);
            if (other > here) return CellKind::not_a_peak;
            tied = tied || (other == here && (r != row || c != column));
        }
    }
    return tied ? CellKind::plateau : CellKind::strict_peak;
}

struct AxisFit {
    float offset;     // of the top from the cell's centre, in cells, within -0.5 .. 0.5
    float curvature;  // of the logarithm; for a Gaussian 1 / sigma^2
};

// By how much the logarithm falls from a cell to the one beside it. Values below a hundredth of the cell's (networks
// produce even negative ones) count as a hundredth.
constexpr float kMaxFall = 4.6051702f;

BOTTOMUP_HD float log_fall(float here, float beside) {
    return beside > here * 0.01f ? logf(here) - logf(beside) : kMaxFall;
}

// Fits a parabola to the logarithm of three values in a row, which is exact for a Gaussian.
BOTTOMUP_HD AxisFit fit_axis(float before, float here, float after) {
    const float fall_before = log_fall(here, before), fall_after = log_fall(here, after);
    const float curvature = fall_before + fall_after;
    return {curvature > 1e-12f ? 0.5f * (fall_before - fall_after) / curvature : 0.0f, curvature};
}

struct CellFit {
    float x, y;        // refined position, in cells
    float curvature;   // mean over the two axes
};

// Refined position of one cell. On the border, where a neighbour is missing, an axis is left at the centre
// and the curvature is that of the other axis.
template <class Value>
BOTTOMUP_HD CellFit fit_cell(Value value, int64_t row, int64_t column, int64_t height, int64_t width) {
    const float here = value(row, column);
    CellFit fit{float(column), float(row), 0.0f};
    if (!(here > 0.0f)) return fit;
    int axes = 0;
    if (column > 0 && column + 1 < width) {
        const AxisFit axis = fit_axis(value(row, column - 1), here, value(row, column + 1));
        fit.x += axis.offset;
        fit.curvature += axis.curvature;
        ++axes;
    }
    if (row > 0 && row + 1 < height) {
        const AxisFit axis = fit_axis(value(row - 1, column), here, value(row + 1, column));
        fit.y += axis.offset;
        fit.curvature += axis.curvature;
        ++axes;
    }
    if (axes > 0) fit.curvature /= float(axes);
    return fit;
}

// Standard deviation, in cells, of the Gaussian that has this log-curvature; kept within what a peak on a
// grid can tell.
constexpr float kMinExtent = 0.25f;
constexpr float kMaxExtent = 8.0f;

BOTTOMUP_HD float extent_from_curvature(float curvature) {
    const float lowest = 1.0f / (kMaxExtent * kMaxExtent);
    if (!(curvature > lowest)) return kMaxExtent;
    const float extent = 1.0f / sqrtf(curvature);
    return extent < kMinExtent ? kMinExtent : extent;
}

BOTTOMUP_HD bool is_finite(float value) { return value >= -FLT_MAX && value <= FLT_MAX; }

}  // namespace bottomup
