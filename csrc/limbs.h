// Arithmetic of one candidate pair: the line integral of a part affinity field between two joints
// (Cao et al., "Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields", CVPR 2017, eq. 10).
// Mirrored in bottomup/kernels/limbs.py (the NumPy twin).
#pragma once

#include <cmath>

#include "peaks.h"

namespace bottomup {

struct LimbRule {
    float threshold;         // lowest mean of the samples
    float coverage;          // lowest share of samples that support the limb
    float sample_threshold;  // a sample supports the limb from this value on
    float max_length;        // in cells
    int max_samples;
};

enum class PairResult { rejected, accepted, non_finite };

struct BilinearTap {
    int64_t row, column;  // upper left cell
    float fx, fy;         // weight of the right and of the lower cells
    bool right, below;    // whether those cells exist
};

// Positions outside the field read its border.
BOTTOMUP_HD BilinearTap bilinear_tap(float x, float y, int64_t height, int64_t width) {
    x = fminf(fmaxf(x, 0.0f), float(width - 1));
    y = fminf(fmaxf(y, 0.0f), float(height - 1));
    const float column = floorf(x), row = floorf(y);
    return {int64_t(row), int64_t(column), x - column, y - row, int64_t(column) + 1 < width, int64_t(row) + 1 < height};
}

template <class Value>
BOTTOMUP_HD float bilinear(Value value, const BilinearTap& tap) {
    const float here = value(tap.row, tap.column);
    const float right = tap.right ? value(tap.row, tap.column + 1) : here;
    const float top = here + tap.fx * (right - here);
    if (!tap.below) return top;
    const float below = value(tap.row + 1, tap.column);
    const float diagonal = tap.right ? value(tap.row + 1, tap.column + 1) : below;
    const float bottom = below + tap.fx * (diagonal - below);
    return top + tap.fy * (bottom - top);
}

// One sample per cell of length, at least three, at most max_samples.
BOTTOMUP_HD int sample_count(float length, int max_samples) {
    const int wanted = length < float(max_samples) ? int(ceilf(length)) + 1 : max_samples;
    return wanted < 3 ? 3 : (wanted > max_samples ? max_samples : wanted);
}

// Mean over evenly spaced samples of the field's component along the limb. `paf_x(row, column)` and `paf_y` read
// the two channels. Stops as soon as too many samples have failed for the pair to pass.
template <class ValueX, class ValueY>
BOTTOMUP_HD PairResult score_pair(ValueX paf_x, ValueY paf_y, int64_t height, int64_t width, float x0, float y0,
                                  float x1, float y1, const LimbRule& rule, float* score) {
    const float dx = x1 - x0, dy = y1 - y0;
    const float length = sqrtf(dx * dx + dy * dy);
    if (length > rule.max_length) return PairResult::rejected;
    // Below one cell the direction between two peaks says little, so the field's magnitude counts in its place.
    const float directed = fminf(length, 1.0f);
    const float ux = length > 0.0f ? dx / length : 0.0f, uy = length > 0.0f ? dy / length : 0.0f;
    const int samples = sample_count(length, rule.max_samples);
    const int allowed = int(floorf((1.0f - rule.coverage) * float(samples) + 1e-4f));
    int failed = 0;
    float sum = 0.0f;
    for (int s = 0; s < samples; ++s) {
        const float t = float(s) / float(samples - 1);
        const BilinearTap tap = bilinear_tap(x0 + t * dx, y0 + t * dy, height, width);
        const float vx = bilinear(paf_x, tap), vy = bilinear(paf_y, tap);
        float along = vx * ux + vy * uy;
        if (directed < 1.0f) along = directed * along + (1.0f - directed) * sqrtf(vx * vx + vy * vy);
        if (!is_finite(along)) return PairResult::non_finite;
        if (along < rule.sample_threshold && ++failed > allowed) return PairResult::rejected;
        sum += along;
    }
    if (!is_finite(sum)) return PairResult::non_finite;
    *score = sum / float(samples);
    return *score >= rule.threshold ? PairResult::accepted : PairResult::rejected;
}

}  // namespace bottomup
