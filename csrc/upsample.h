// Bicubic upsampling by a whole factor, one value at a time: cubic convolution (Keys, "Cubic convolution
// interpolation for digital image processing", 1981, eq. 4 with a = -0.75, as in OpenCV and torch) under the half-pixel
// rule, the border repeated. bottomup/kernels/reference/upsample.py is its specification.
#pragma once

#include "peaks.h"

namespace bottomup {

// No value of the upsampled map exceeds this many times the largest magnitude of the cells it is made from: the
// weights' magnitudes add up to at most 1.375 along each axis, and a little is left for rounding.
constexpr float kMostOvershoot = 1.9f;

// Where a cell of the upsampled map lies between two cells of the field, and the weights there of the four around it,
// as differences from the second one, whose weight is the rest. So written, equal values give exactly that value.
struct CubicTap {
    int64_t cell;  // the second of the four; the first may lie one before the field, the others behind it
    float before, after, beyond;
};

BOTTOMUP_HD CubicTap cubic_tap(int64_t upsampled, int64_t factor) {
    // The centre is at (upsampled + 0.5) / factor - 0.5 = position / (2 factor), which is at least -0.5.
    const int64_t unit = 2 * factor, position = 2 * upsampled + 1 - factor + unit;
    const int64_t cell = position / unit - 1;
    const float t = float(position % unit) / float(unit), s = 1.0f - t;
    return {cell, -0.75f * t * s * s, t * (0.75f + t * (1.5f - 1.25f * t)), -0.75f * s * t * t};
}

BOTTOMUP_HD float cubic(float before, float here, float after, float beyond, const CubicTap& tap) {
    return here + (tap.before * (before - here) + tap.after * (after - here) + tap.beyond * (beyond - here));
}

BOTTOMUP_HD int64_t clamp_to(int64_t index, int64_t count) { return index < 0 ? 0 : (index < count ? index : count - 1); }

// A channel of `height` x `width` cells read as if it were upsampled; with factor 1, as it is.
template <class Value>
struct Upsampled {
    Value source;
    int64_t height, width, factor;

    BOTTOMUP_HD_MEMBER float operator()(int64_t row, int64_t column) const {
        if (factor == 1) return source(row, column);
        const CubicTap y = cubic_tap(row, factor), x = cubic_tap(column, factor);
        float lines[4];
        for (int i = 0; i < 4; ++i) lines[i] = line(clamp_to(y.cell - 1 + i, height), x);
        return cubic(lines[0], lines[1], lines[2], lines[3], y);
    }

   private:
    BOTTOMUP_HD_MEMBER float line(int64_t row, const CubicTap& x) const {
        return cubic(source(row, clamp_to(x.cell - 1, width)), source(row, clamp_to(x.cell, width)),
                     source(row, clamp_to(x.cell + 1, width)), source(row, clamp_to(x.cell + 2, width)), x);
    }
};

struct Candidate {
    float x, y, score, extent;  // in cells of the field
};

// The candidate of a fit on the upsampled map.
BOTTOMUP_HD Candidate candidate_of(const CellFit& fit, float score, int64_t factor) {
    const float scale = float(factor), extent = extent_from_curvature(fit.curvature * scale * scale);
    if (factor == 1) return {fit.x, fit.y, score, extent};
    return {(fit.x + 0.5f) / scale - 0.5f, (fit.y + 0.5f) / scale - 0.5f, score, extent};
}

}  // namespace bottomup
