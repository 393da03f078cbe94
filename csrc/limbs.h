// Arithmetic of one candidate pair: the line integral of a part affinity field between two joints
// (Cao et al., "Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields", CVPR 2017, eq. 10).
// bottomup/kernels/reference/limbs.py is its specification.
#pragma once

#include <cmath>

#include "options.h"
#include "peaks.h"

namespace bottomup {

// What a pair must fulfil on one field.
struct LimbCriteria : LimbOptions {
    float threshold;   // lowest mean of the samples' components along the limb
    float max_length;  // in cells
};

constexpr int kMostSamples = 1 << 24;

enum class PairResult { rejected, accepted, non_finite };

struct BilinearTap {
    int64_t row, column;  // upper left cell
    float fx, fy;         // weight of the right and of the lower cells
    bool right, below;    // whether those cells exist
};

// Positions outside the field read its border.
BOTTOMUP_HD BilinearTap bilinear_tap(float x, float y, int64_t height, int64_t width) {
    // No fminf, fmaxf and floorf, which are calls on processors of the plainest kind.
    const float edge_x = float(width - 1), edge_y = float(height - 1);
    x = x > 0.0f ? x : 0.0f, y = y > 0.0f ? y : 0.0f;  // so does NaN
    x = x < edge_x ? x : edge_x, y = y < edge_y ? y : edge_y;
    const auto column = int64_t(x), row = int64_t(y);
    return {row, column, x - float(column), y - float(row), column + 1 < width, row + 1 < height};
}

template <class Value>
BOTTOMUP_HD float bilinear(Value value, const BilinearTap& tap) {
    // Without a branch, so that a GPU waits for memory once and not for one cell after the other.
    const int64_t column = tap.column + tap.right, row = tap.row + tap.below;
    const float here = value(tap.row, tap.column), right = value(tap.row, column);
    const float below = value(row, tap.column), diagonal = value(row, column);
    const float top = here + tap.fx * (right - here), bottom = below + tap.fx * (diagonal - below);
    return tap.below ? top + tap.fy * (bottom - top) : top;
}

// One sample per cell of length, at least three, at most max_samples, which a float must hold exactly.
BOTTOMUP_HD int sample_count(float length, int max_samples) {
    const float bounded = length < float(max_samples) ? length : float(max_samples);
    const int whole = int(bounded);
    const int wanted = whole + (float(whole) < bounded) + 1;
    return wanted < 3 ? 3 : (wanted > max_samples ? max_samples : wanted);
}

// How many of the samples need not support the limb.
BOTTOMUP_HD int allowed_failures(float coverage, int samples) { return int((1.0f - coverage) * float(samples) + 1e-4f); }

// Samples of a limb between two joints, as they are counted and weighed.
struct Segment {
    float x0, y0, dx, dy;  // where it begins and where it leads, in cells
    float ux, uy;          // its direction
    float directed;        // below one cell the direction says little, and the field's magnitude counts in its place
    int samples;
};

BOTTOMUP_HD Segment make_segment(float x0, float y0, float dx, float dy, float length, int max_samples) {
    const float divisor = length > 0.0f ? length : 1.0f;
    return {x0,
            y0,
            dx,
            dy,
            length > 0.0f ? dx / divisor : 0.0f,
            length > 0.0f ? dy / divisor : 0.0f,
            length < 1.0f ? length : 1.0f,
            sample_count(length, max_samples)};
}

// The part of a sampled vector along the limb; `energy` is the square of its magnitude.
BOTTOMUP_HD float component_along(float vx, float vy, float energy, const Segment& limb) {
    const float along = vx * limb.ux + vy * limb.uy;
    return limb.directed < 1.0f ? limb.directed * along + (1.0f - limb.directed) * sqrtf(energy) : along;
}

// Which sample is looked at after so many others: from the middle on, since near its ends there is always a limb of somebody.
BOTTOMUP_HD int sample_at(int seen, int samples) {
    const int place = samples / 2 + seen;
    return place < samples ? place : place - samples;
}

// The mean component along the limb times the square of the samples' coherence: the square of that mean as a share of
// their mean energy. It is 1 where the field is the same and along the limb everywhere, and less where it points elsewhere
// or comes and goes, as under a line that runs over other people's limbs. Where the energy overflows or vanishes nothing is
// known of it.
BOTTOMUP_HD float coherent_mean(float mean, float energy) {
    if (!(energy > 0.0f) || !is_finite(energy)) return mean;
    const float coherence = fminf(mean * mean / energy, 1.0f);
    return mean * coherence * coherence;
}

// Goes over the samples, until the pair has failed or all are seen.
struct PairTally {
    float sum = 0.0f;
    float energies = 0.0f;
    int failed = 0;

    // False when the pair is decided, with its result in `result`.
    BOTTOMUP_HD_MEMBER bool add(float along, float energy, const LimbCriteria& criteria, int allowed, PairResult* result) {
        if (!is_finite(along)) return *result = PairResult::non_finite, false;
        if (along < criteria.sample_threshold && ++failed > allowed) return *result = PairResult::rejected, false;
        sum += along;
        energies += energy;
        return true;
    }

    BOTTOMUP_HD_MEMBER PairResult finish(int samples, const LimbCriteria& criteria, float* score) const {
        if (!is_finite(sum)) return PairResult::non_finite;
        const float mean = sum / float(samples);
        *score = coherent_mean(mean, energies / float(samples));
        return mean >= criteria.threshold ? PairResult::accepted : PairResult::rejected;
    }
};

// Coherent mean over evenly spaced samples of the field's component along the limb. `paf_x(row, column)` and `paf_y`
// read the two channels. Stops as soon as too many samples have failed for the pair to pass.
template <class ValueX, class ValueY>
BOTTOMUP_HD PairResult score_pair(ValueX paf_x, ValueY paf_y, int64_t height, int64_t width, float x0, float y0, float x1,
                                  float y1, const LimbCriteria& criteria, float* score) {
    const float dx = x1 - x0, dy = y1 - y0;
    const float length = sqrtf(dx * dx + dy * dy);
    if (!(length <= criteria.max_length && length < INFINITY)) return PairResult::rejected;
    const Segment limb = make_segment(x0, y0, dx, dy, length, criteria.max_samples);
    const int allowed = allowed_failures(criteria.coverage, limb.samples);
    PairResult result = PairResult::rejected;
    PairTally tally;
    for (int seen = 0; seen < limb.samples; ++seen) {
        const float t = float(sample_at(seen, limb.samples)) / float(limb.samples - 1);
        const BilinearTap tap = bilinear_tap(x0 + t * dx, y0 + t * dy, height, width);
        const float vx = bilinear(paf_x, tap), vy = bilinear(paf_y, tap);
        const float energy = vx * vx + vy * vy;
        if (!tally.add(component_along(vx, vy, energy, limb), energy, criteria, allowed, &result)) return result;
    }
    return tally.finish(limb.samples, criteria, score);
}

}  // namespace bottomup
