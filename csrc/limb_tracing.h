// Arithmetic of one trace: following a part affinity field from a joint to where the limb ends.
// bottomup/kernels/reference/limb_tracing.py is its specification.
#pragma once

#include "limbs.h"

namespace bottomup {

struct Trace {
    float x, y;     // where the field was last seen to support the limb
    float support;  // mean component of the field along the way
    int steps;      // of one cell each; 0 if there is nothing to follow
    bool finite;
};

// A gap of one step is walked over; two end the limb.
constexpr int kTraceGap = 2;

// A trace that is being followed, in steps of one cell along the mean direction of what was seen so far.
struct Walk {
    Trace trace;
    float x, y;                // where it is
    float run_x, run_y, norm;  // what was seen so far, summed up
    float sum;
    int step, missed;
};

// `sign` is 1 from the joint that the limb leaves, -1 from the one where it ends.
template <class ValueX, class ValueY>
BOTTOMUP_HD Walk start_walk(ValueX paf_x, ValueY paf_y, int64_t height, int64_t width, float x, float y, float sign) {
    const BilinearTap tap = bilinear_tap(x, y, height, width);
    const float run_x = sign * bilinear(paf_x, tap), run_y = sign * bilinear(paf_y, tap);
    const float norm = sqrtf(run_x * run_x + run_y * run_y);
    return {{x, y, 0.0f, 0, is_finite(norm)}, x, y, run_x, run_y, norm, 0.0f, 0, 0};
}

// Takes a step, where a sample supports the limb from `threshold` on. False if there is none to take, or nothing to follow.
template <class ValueX, class ValueY>
BOTTOMUP_HD bool walk_on(ValueX paf_x, ValueY paf_y, int64_t height, int64_t width, float sign, float threshold,
                         int max_steps, Walk* walk) {
    if (!(walk->norm > threshold) || walk->step >= max_steps || walk->missed >= kTraceGap) return false;
    const float ux = walk->run_x / walk->norm, uy = walk->run_y / walk->norm;
    const float x = walk->x + ux, y = walk->y + uy;
    if (!(x >= 0.0f && y >= 0.0f && x <= float(width - 1) && y <= float(height - 1))) return false;
    walk->x = x, walk->y = y, ++walk->step;
    const BilinearTap tap = bilinear_tap(x, y, height, width);
    const float vx = sign * bilinear(paf_x, tap), vy = sign * bilinear(paf_y, tap);
    const float along = vx * ux + vy * uy;
    if (!is_finite(along)) return walk->trace.finite = false;
    if (!(along > threshold)) {
        ++walk->missed;
        return true;
    }
    walk->missed = 0;
    walk->sum += along;
    walk->run_x += vx, walk->run_y += vy;
    walk->norm = sqrtf(walk->run_x * walk->run_x + walk->run_y * walk->run_y);
    walk->trace.x = x, walk->trace.y = y, walk->trace.steps = walk->step;
    return true;
}

// The trace of a walk that has come to its end.
BOTTOMUP_HD Trace finish_walk(const Walk& walk) {
    Trace trace = walk.trace;
    if (trace.finite && trace.steps > 0) trace.support = walk.sum / float(trace.steps);
    if (!is_finite(trace.support)) trace.finite = false;
    return trace;
}

template <class ValueX, class ValueY>
BOTTOMUP_HD Trace trace_limb(ValueX paf_x, ValueY paf_y, int64_t height, int64_t width, float x, float y, float sign,
                             float threshold, int max_steps) {
    Walk walk = start_walk(paf_x, paf_y, height, width, x, y, sign);
    while (walk_on(paf_x, paf_y, height, width, sign, threshold, max_steps, &walk)) {
    }
    return finish_walk(walk);
}

}  // namespace bottomup
