// Arithmetic of one heatmap cell: is it a peak, and where does the peak lie between cells?
// bottomup/kernels/reference/peaks.py is its specification.
#pragma once

#include <cfloat>
#include <cmath>

#include "common.h"

namespace bottomup {

struct PeakCriteria {
    float threshold;   // lowest value of a peak
    int64_t upsample;  // the heatmaps are looked at as if upsampled by this factor
};

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

// Natural logarithm of a positive normal number by the series of 2 artanh((m - 1) / (m + 1)), m the mantissa within
// sqrt(1/2) .. sqrt(2), where five terms are exact to a float. Plain arithmetic, so that loops over it vectorise and host
// and device agree.
BOTTOMUP_HD float natural_log(float value) {
    const uint32_t bits = bit_cast<uint32_t>(value);
    const int32_t exponent = int32_t(bits - 0x3f3504f3u) >> 23;  // 0x3f3504f3 is sqrt(1/2)
    const float mantissa = bit_cast<float>(bits - (uint32_t(exponent) << 23));
    const float s = (mantissa - 1.0f) / (mantissa + 1.0f), q = s * s;
    const float series = 1.0f + q * (1.0f / 3 + q * (1.0f / 5 + q * (1.0f / 7 + q * (1.0f / 9))));
    return float(exponent) * 0.69314718f + 2.0f * s * series;
}

// By how much the logarithm falls from a cell to the one beside it. Values below a hundredth of the cell's (networks
// produce even negative ones) count as a hundredth.
constexpr float kMaxFall = 4.6051702f;

BOTTOMUP_HD float log_fall(float here, float beside) {
    const bool within = beside > here * 0.01f;
    const float fall = natural_log(here / (within ? beside : here));
    return within ? fall : kMaxFall;
}

// Fits a parabola to the logarithm of three values in a row, which is exact for a Gaussian.
BOTTOMUP_HD AxisFit fit_axis(float before, float here, float after) {
    const float fall_before = log_fall(here, before), fall_after = log_fall(here, after);
    const float curvature = fall_before + fall_after;
    const bool bent = curvature > 1e-12f;
    return {bent ? 0.5f * (fall_before - fall_after) / (bent ? curvature : 1.0f) : 0.0f, curvature};
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
    const bool bent = curvature > 1.0f / (kMaxExtent * kMaxExtent);
    const float extent = 1.0f / sqrtf(bent ? curvature : 1.0f);
    return !bent ? kMaxExtent : (extent < kMinExtent ? kMinExtent : extent);
}

BOTTOMUP_HD bool is_finite(float value) { return value >= -FLT_MAX && value <= FLT_MAX; }

}  // namespace bottomup
