// Bars and discs on a picture. bottomup/drawing/painting.py explains it.
#pragma once

#include <cstdint>

namespace bottomup::drawing {

// A picture of three bytes a pixel, without gaps.
struct Picture {
    const uint8_t* from;  // what is under the strokes
    uint8_t* to;          // may be the same
    int64_t height, width;
};

// S strokes in M layers, the lowest first; those of layer m are offsets[m] to offsets[m + 1].
struct Layers {
    int64_t count;
    const int64_t* offsets;
    const uint8_t* colors;   // (M, 2, 3) of the core and of the light middle
    const float* ends;       // (S, 4) x and y of both ends, in pixels; equal ones make a disc
    const float* radii;      // (S, 3) casing, core, light middle
    const float* opacities;  // (S, 2) casing and core, 0..1
};

void paint(const Picture& picture, const Layers& layers, int threads);

}  // namespace bottomup::drawing
