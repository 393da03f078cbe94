// The strokes that show people. bottomup/drawing/strokes.py explains them.
#pragma once

#include <cstdint>
#include <vector>

#include "limbs.h"

namespace bottomup::drawing {

// bottomup/drawing/strokes.py has a dataclass of the same fields, with the value and the reason of each.
struct StrokeOptions {
    double casing_opacity, min_casing, casing_width, min_limb_opacity, min_dot_radius, light_radius;
};

// N people with J joints, of which the first K have dots.
struct Poses {
    int64_t people, joints, dots;
    const double* points;    // (N, J, 2) pixels
    const double* strength;  // (N, J) 0..1, 0 for joints that are not drawn
    const bool* traced;      // (N, K)
    const double* widths;    // (N) pixels of a limb
    const int32_t* sides;    // (J) of each joint its side of the body, 0 left, 1 right, 2 middle; or null: people have layers
};

// S strokes by layer, as painting takes them.
struct StrokeLists {
    std::vector<int64_t> layers;
    std::vector<float> ends, radii, opacities;
};

StrokeLists pose_strokes(const Poses& poses, const LimbChoice& choice, const StrokeOptions& options);

}  // namespace bottomup::drawing
