// Arithmetic of one trace: following a part affinity field from a joint to where the limb ends.
// Mirrored in bottomup/kernels/traces.py (the NumPy twin).
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

// Walks in steps of one cell along the mean direction of what was seen so far. `sign` is 1 from the joint that the
// limb leaves, -1 from the one where it ends. A sample supports the limb from `threshold` on.
template <class ValueX, class ValueY>
BOTTOMUP_HD Trace trace_limb(ValueX paf_x, ValueY paf_y, int64_t height, int64_t width, float x, float y, float sign,
                             float threshold, int max_steps) {
    Trace trace{x, y, 0.0f, 0, true};
    BilinearTap tap = bilinear_tap(x, y, height, width);
    float run_x = sign * bilinear(paf_x, tap), run_y = sign * bilinear(paf_y, tap);
    float norm = sqrtf(run_x * run_x + run_y * run_y);
    trace.finite = is_finite(norm);
    if (!(norm > threshold)) return trace;
    float sum = 0.0f;
    int missed = 0;
    for (int step = 1; step <= max_steps && missed < kTraceGap; ++step) {
        const float ux = run_x / norm, uy = run_y / norm;
        x += ux, y += uy;
        if (!(x >= 0.0f && y >= 0.0f && x <= float(width - 1) && y <= float(height - 1))) break;
        tap = bilinear_tap(x, y, height, width);
        const float vx = sign * bilinear(paf_x, tap), vy = sign * bilinear(paf_y, tap);
        const float along = vx * ux + vy * uy;
        if (!is_finite(along)) {
            trace.finite = false;
            return trace;
        }
        if (!(along > threshold)) {
            ++missed;
            continue;
        }
        missed = 0;
        sum += along;
        run_x += vx, run_y += vy;
        norm = sqrtf(run_x * run_x + run_y * run_y);
        trace.x = x, trace.y = y, trace.steps = step;
    }
    if (trace.steps > 0) trace.support = sum / float(trace.steps);
    if (!is_finite(trace.support)) trace.finite = false;
    return trace;
}

}  // namespace bottomup
