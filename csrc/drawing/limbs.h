// Which limbs of a pose to draw. bottomup/drawing/limbs.py explains it.
#pragma once

#include <cstdint>

namespace bottomup::drawing {

struct LimbChoice {
    int64_t people, joints, limbs;
    const int32_t* ends;   // (L, 2)
    const int32_t* turns;  // (L) when a limb's turn comes; those of the last, `bridge`, only join what nothing else joins
    int32_t bridge;
    double detour;  // a limb is left out if limbs already taken lead from end to end on a way at most so much longer
};

// Writes (N, L) which limbs to draw; points are (N, K, 2) pixels, seen (N, K).
void choose_limbs(const LimbChoice& choice, const double* points, const bool* seen, bool* taken);

}  // namespace bottomup::drawing
