// Loops over candidate pairs: which partners are near, what the field shows along them. Part of vectors.cpp, which alone
// includes it and whose rules hold here too.
#pragma once

#include <cstring>

#include "../limbs.h"
#include "simd.h"
#include "vectors.h"

namespace bottomup::cpu {
namespace {

float clamped(float value, float highest) {
    value = value > 0.0f ? value : 0.0f;  // which is also what NaN becomes
    return value < highest ? value : highest;
}

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

int32_t map_octants(const LimbPlanes& planes, float lowest, uint8_t* flags, int32_t* map) {
    const int64_t width = planes.width, blocks = (width + 1) / 2, pitch = width + 64;
    int64_t flagged = 0;  // rows so far; the last three are kept
    int32_t any = 0;
    for (int64_t top = 0; top < planes.height; top += 2) {
        // A block's samples lie between its own rows and columns and the next ones.
        const int64_t bottom = top + 2 < planes.height ? top + 2 : planes.height - 1;
        for (; flagged <= bottom; ++flagged) {
            const int64_t begin = flagged * planes.stride;
            if (!flag_row(planes.x + begin, planes.y + begin, width, lowest, flags + flagged % 3 * pitch)) return -1;
        }
        const uint8_t* BOTTOMUP_RESTRICT first = flags + top % 3 * pitch;
        const uint8_t* BOTTOMUP_RESTRICT middle = flags + (top + 1 < bottom ? top + 1 : bottom) % 3 * pitch;
        const uint8_t* BOTTOMUP_RESTRICT last = flags + bottom % 3 * pitch;
        uint8_t* BOTTOMUP_RESTRICT joined = flags + 3 * pitch;
        for (int64_t i = 0; i < width + 2; ++i) joined[i] = first[i] | middle[i] | last[i];
        int32_t* BOTTOMUP_RESTRICT block = map + top / 2 * blocks;
        for (int64_t i = 0; i < blocks; ++i) {
            block[i] = joined[2 * i] | joined[2 * i + 1] | joined[2 * i + 2];
            any |= block[i];
        }
    }
    return any;
}

int64_t points_within(const float* BOTTOMUP_RESTRICT x, const float* BOTTOMUP_RESTRICT y, int64_t count, float x0, float y0,
                      float from, float to, float reach, int32_t* BOTTOMUP_RESTRICT found) {
    int32_t inside[kBlock];
    int64_t hits = 0;
    for (int64_t begin = 0; begin < count; begin += kBlock) {
        const int64_t size = count - begin < kBlock ? count - begin : kBlock;
        for (int64_t i = 0; i < size; ++i) {
            const float dx = x[begin + i] - x0, dy = y[begin + i] - y0;
            const float length = sqrtf(dx * dx + dy * dy);
            inside[i] = int32_t(length >= from) & int32_t(length < to) & int32_t(length <= reach);
        }
        for (int64_t i = 0; i < size; ++i) {
            found[hits] = int32_t(begin + i);
            hits += inside[i];
        }
    }
    return hits;
}

void measure_pairs(PairLanes& pair_lanes, int count, const LimbRule& limb_rule) {
    const LimbRule rule = limb_rule;
    PairLanes* BOTTOMUP_RESTRICT lanes = &pair_lanes;
    for (int i = 0; i < count; ++i) {
        const float dx = lanes->dx[i], dy = lanes->dy[i];
        const float length = sqrtf(dx * dx + dy * dy), divisor = length > 0.0f ? length : 1.0f;
        const int32_t samples = sample_count(length, rule.max_samples);
        lanes->ux[i] = dx / divisor, lanes->uy[i] = dy / divisor;
        lanes->directed[i] = length < 1.0f ? length : 1.0f;
        lanes->octant[i] = octant_of(dx, dy), lanes->samples[i] = samples;
        lanes->allowed[i] = allowed_failures(rule.coverage, samples);
        lanes->failed[i] = 0, lanes->bad[i] = 0, lanes->sum[i] = 0.0f, lanes->magnitudes[i] = 0.0f;
    }
}

void count_mapped(const int32_t* BOTTOMUP_RESTRICT map, int64_t height, int64_t width, PairLanes& pair_lanes, int count) {
    constexpr int kCount = PairLanes::kCount;
    PairLanes* BOTTOMUP_RESTRICT lanes = &pair_lanes;
    alignas(64) float step_x[kCount], step_y[kCount];
    alignas(64) int32_t place[kCount];
    const float last_column = float(width - 1), last_row = float(height - 1);
    const int32_t stride = int32_t((width + 1) / 2);
    int most = 0;
    for (int i = 0; i < count; ++i) {
        const float steps = float(lanes->samples[i] - 1);  // at least 2
        step_x[i] = lanes->dx[i] / steps, step_y[i] = lanes->dy[i] / steps;
        place[i] = lanes->samples[i] / 2;
        most = lanes->samples[i] > most ? lanes->samples[i] : most;
    }
    // What is open after that many is likely to be a limb, which is not worth keeping the other lanes waiting for.
    constexpr int kMostSeen = 24;
    most = most < kMostSeen ? most : kMostSeen;
    for (int seen = 0; seen < most;) {
        int open = 0;
        for (const int until = seen + 2; seen < until; ++seen) {
            for (int i = 0; i < count; ++i) {
                const float x = clamped(lanes->x0[i] + float(place[i]) * step_x[i], last_column);
                const float y = clamped(lanes->y0[i] + float(place[i]) * step_y[i], last_row);
                const int32_t octants = map[(int32_t(y) >> 1) * stride + (int32_t(x) >> 1)];
                lanes->failed[i] += (seen < lanes->samples[i]) & ~(octants >> lanes->octant[i]) & 1;
                place[i] = place[i] + 1 < lanes->samples[i] ? place[i] + 1 : 0;
            }
        }
        for (int i = 0; i < count; ++i) open |= (lanes->failed[i] <= lanes->allowed[i]) & (seen < lanes->samples[i]);
        if (!open) break;
    }
}

// Two cells side by side of each of two rows, from both channels. Gathering them one by one is slow on most processors.
struct Corners {
    static constexpr int kCount = PairLanes::kCount;
    alignas(64) float top_x[2 * kCount], top_y[2 * kCount], bottom_x[2 * kCount], bottom_y[2 * kCount];
};

void load_corners(const LimbPlanes& planes, const int32_t* above, const int32_t* below, int count, Corners& corners) {
    for (int i = 0; i < count; ++i) {
        std::memcpy(corners.top_x + 2 * i, planes.x + above[i], 2 * sizeof(float));
        std::memcpy(corners.top_y + 2 * i, planes.y + above[i], 2 * sizeof(float));
        std::memcpy(corners.bottom_x + 2 * i, planes.x + below[i], 2 * sizeof(float));
        std::memcpy(corners.bottom_y + 2 * i, planes.y + below[i], 2 * sizeof(float));
    }
}

// In the last column there is no cell to the right: then both corners are the second one.
float between(float first, float second, bool last, float fx) {
    const float left = last ? second : first;
    return left + fx * (second - left);
}

void add_samples(const LimbPlanes& planes, float sample_threshold, int most, PairLanes& pair_lanes, int count) {
    constexpr int kCount = PairLanes::kCount;
    PairLanes* BOTTOMUP_RESTRICT lanes = &pair_lanes;
    const int32_t stride = int32_t(planes.stride), last_row = int32_t(planes.height - 1), last = int32_t(planes.width - 1);
    const float edge_x = float(last), edge_y = float(last_row);
    alignas(64) float fx[kCount], fy[kCount];
    alignas(64) int32_t at_edge[kCount], above[kCount], below[kCount];
    Corners c;
    for (int seen = 0; seen < most; ++seen) {
        for (int i = 0; i < count; ++i) {
            const int32_t samples = lanes->samples[i];
            const float t = float(sample_at(seen, samples)) / float(samples - 1);
            const float x = clamped(lanes->x0[i] + t * lanes->dx[i], edge_x);
            const float y = clamped(lanes->y0[i] + t * lanes->dy[i], edge_y);
            const int32_t column = int32_t(x), row = int32_t(y);
            fx[i] = x - float(column), fy[i] = y - float(row);
            at_edge[i] = column == last;
            above[i] = row * stride + column - at_edge[i];
            below[i] = above[i] + (row < last_row ? stride : 0);
        }
        load_corners(planes, above, below, count, c);
        int32_t open = 0;
        for (int i = 0; i < count; ++i) {
            const bool edge = at_edge[i] != 0;
            const float upper_x = between(c.top_x[2 * i], c.top_x[2 * i + 1], edge, fx[i]);
            const float upper_y = between(c.top_y[2 * i], c.top_y[2 * i + 1], edge, fx[i]);
            const float lower_x = between(c.bottom_x[2 * i], c.bottom_x[2 * i + 1], edge, fx[i]);
            const float lower_y = between(c.bottom_y[2 * i], c.bottom_y[2 * i + 1], edge, fx[i]);
            const float vx = upper_x + fy[i] * (lower_x - upper_x), vy = upper_y + fy[i] * (lower_y - upper_y);
            const float magnitude = sqrtf(vx * vx + vy * vy);
            const float directed = lanes->directed[i], component = vx * lanes->ux[i] + vy * lanes->uy[i];
            const float blended = directed * component + (1.0f - directed) * magnitude;
            const float along = directed < 1.0f ? blended : component;
            // What comes after a lane is decided does not count any more.
            const int32_t counts = int32_t(seen < lanes->samples[i]) & int32_t(lanes->failed[i] <= lanes->allowed[i]) & ~lanes->bad[i];
            lanes->bad[i] |= counts & int32_t(!(along - along == 0.0f));
            lanes->failed[i] += counts & int32_t(along < sample_threshold);
            lanes->sum[i] += counts ? along : 0.0f;
            lanes->magnitudes[i] += counts ? magnitude : 0.0f;
            open |= counts & int32_t(seen + 1 < lanes->samples[i]);
        }
        if (!open) break;
    }
}

}  // namespace
}  // namespace bottomup::cpu
