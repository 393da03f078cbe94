// The map of the directions that a field shows, and the pairs that it rules out. Part of vectors.cpp, which alone includes
// it and whose rules hold here too.
#pragma once

#include <cstring>

#include "simd.h"
#include "vector_pairs.h"
#include "vectors.h"

namespace bottomup::cpu {
namespace {

// One byte per cell: the octants in which the cell's own vector might reach `lowest`. A direction in an octant is a sum
// of the axis and the diagonal beside it with weights that add up to at most kOctant, so the greater of the vector's
// components along those two bounds the component along it. False if a value is too large or not finite.
constexpr float kOctant = 1.0823922f;  // 1 / cos(22.5 degrees)

// True if no component of any vector in a block reaches the limit either way; false if one is not a number.
bool all_below(const float* x, const float* y, float limit) {
    const Floats high = Floats::all(limit), low = Floats::all(-limit);
    Mask inside = high >= low;
    for (int i = 0; i < kBlock; i += Floats::kCount) {
        const Floats vx = Floats::load(x + i), vy = Floats::load(y + i);
        inside = inside & (high >= vx) & (vx >= low) & (high >= vy) & (vy >= low);
    }
    return inside.bits() == (high >= low).bits();
}

bool flag_octants(const float* BOTTOMUP_RESTRICT x, const float* BOTTOMUP_RESTRICT y, int64_t width, float lowest,
                  uint8_t* BOTTOMUP_RESTRICT flags) {
    const float limit = lowest / kOctant;
    int32_t beyond = 0;
    for (int64_t i = 0; i < width; ++i) {
        const float slope = 0.70710678f * (x[i] + y[i]), other = 0.70710678f * (x[i] - y[i]);
        const int32_t right = x[i] >= limit, left = -x[i] >= limit, down = y[i] >= limit, up = -y[i] >= limit;
        const int32_t right_down = slope >= limit, left_up = -slope >= limit;
        const int32_t right_up = other >= limit, left_down = -other >= limit;
        beyond |= !(x[i] <= kLargestMapped) | !(x[i] >= -kLargestMapped) | !(y[i] <= kLargestMapped) | !(y[i] >= -kLargestMapped);
        flags[i] = uint8_t((right | right_down) | (left | left_down) << 1 | (right | right_up) << 2 | (left | left_up) << 3 |
                           (down | right_down) << 4 | (down | left_down) << 5 | (up | right_up) << 6 | (up | left_up) << 7);
    }
    return beyond == 0;
}

bool flag_row(const float* x, const float* y, int64_t width, float lowest, uint8_t* flags) {
    const float nothing = 0.7f * lowest / kOctant;  // below it no component along a diagonal reaches the limit either
    for (int64_t begin = 0; begin < width; begin += kBlock) {
        const int64_t count = width - begin < kBlock ? width - begin : kBlock;
        if (count == kBlock && all_below(x + begin, y + begin, nothing))
            std::memset(flags + begin, 0, kBlock);
        else if (!flag_octants(x + begin, y + begin, count, lowest, flags + begin))
            return false;
    }
    flags[width] = flags[width + 1] = flags[width - 1];
    return true;
}

bool map_octants(const LimbPlanes& planes, float lowest, uint8_t* flags, uint8_t* map) {
    const int64_t width = planes.width, blocks = (width + 1) / 2, pitch = width + 64;
    int64_t flagged = 0;  // rows so far; the last three are kept
    for (int64_t top = 0; top < planes.height; top += 2) {
        // A block's samples lie between its own rows and columns and the next ones.
        const int64_t bottom = top + 2 < planes.height ? top + 2 : planes.height - 1;
        for (; flagged <= bottom; ++flagged) {
            const int64_t begin = flagged * planes.stride;
            if (!flag_row(planes.x + begin, planes.y + begin, width, lowest, flags + flagged % 3 * pitch)) return false;
        }
        const uint8_t* BOTTOMUP_RESTRICT first = flags + top % 3 * pitch;
        const uint8_t* BOTTOMUP_RESTRICT middle = flags + (top + 1 < bottom ? top + 1 : bottom) % 3 * pitch;
        const uint8_t* BOTTOMUP_RESTRICT last = flags + bottom % 3 * pitch;
        uint8_t* BOTTOMUP_RESTRICT joined = flags + 3 * pitch;
        for (int64_t i = 0; i < width + 2; ++i) joined[i] = first[i] | middle[i] | last[i];
        uint8_t* BOTTOMUP_RESTRICT block = map + top / 2 * blocks;
        for (int64_t i = 0; i < blocks; ++i) block[i] = joined[2 * i] | joined[2 * i + 1] | joined[2 * i + 2];
    }
    return true;
}

int64_t keep_mapped(const uint8_t* map, int64_t height, int64_t width, const LimbRule& rule, const PairColumns& pairs,
                    int64_t count) {
    // What is open after that many is likely to be a limb, which is not worth keeping the other lanes waiting for.
    constexpr int kMostSeen = 24;
    const float last_column = float(width - 1), last_row = float(height - 1);
    const int32_t stride = int32_t((width + 1) / 2);
    alignas(64) float length[kLanes], step_x[kLanes], step_y[kLanes];
    alignas(64) int32_t octant[kLanes], at[kSlots], shown[kSlots];
    Lanes lanes;
    int64_t left = 0;
    fill_lanes(pairs, count);
    for (int64_t begin = 0; begin < count; begin += kLanes) {
        const PairColumns own = from_place(pairs, begin);
        count_samples(own, rule, lanes, length);
        for (int i = 0; i < kLanes; ++i) {
            const float steps = lanes.samples[i] - 1.0f;  // at least 2
            step_x[i] = own.dx[i] / steps, step_y[i] = own.dy[i] / steps;
            octant[i] = octant_of(own.dx[i], own.dy[i]);
        }
        for (int seen = 0; seen < kMostSeen && any_open(lanes, seen); seen += kChunk) {
            for (int sample = 0; sample < kChunk; ++sample) {
                for (int i = 0; i < kLanes; ++i) {
                    const float place = float(sample_at(seen + sample, int32_t(lanes.samples[i])));
                    const float x = clamped(own.x0[i] + place * step_x[i], last_column);
                    const float y = clamped(own.y0[i] + place * step_y[i], last_row);
                    at[sample * kLanes + i] = (int32_t(y) >> 1) * stride + (int32_t(x) >> 1);
                }
            }
            for (int slot = 0; slot < kSlots; ++slot) shown[slot] = map[at[slot]];
            for (int sample = 0; sample < kChunk; ++sample) {
                for (int i = 0; i < kLanes; ++i) {
                    const int32_t counts = int32_t(float(seen + sample) < lanes.samples[i]);
                    lanes.failed[i] += float(counts & ~(shown[sample * kLanes + i] >> octant[i]) & 1);
                }
            }
        }
        const Kept kept(unfailed(lanes) & first_bits(count - begin));
        move(kept, own, from_place(pairs, left));
        left += kept.count();
    }
    return left;
}

}  // namespace
}  // namespace bottomup::cpu
