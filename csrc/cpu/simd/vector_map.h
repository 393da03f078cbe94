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
// components along those two bounds the component along it.
constexpr float kOctant = 1.0823922f;  // 1 / cos(22.5 degrees)

void flag_octants(const float* BOTTOMUP_RESTRICT x, const float* BOTTOMUP_RESTRICT y, int64_t count, float lowest,
                  uint8_t* BOTTOMUP_RESTRICT flags) {
    const float axis = lowest / kOctant, diagonal = 1.4142135f * axis;
    for (int64_t i = 0; i < count; ++i) {
        const float slope = x[i] + y[i], other = x[i] - y[i];
        const int32_t across = (x[i] >= axis ? 0x05 : 0) | (x[i] <= -axis ? 0x0a : 0);
        const int32_t along = (y[i] >= axis ? 0x30 : 0) | (y[i] <= -axis ? 0xc0 : 0);
        const int32_t falling = (slope >= diagonal ? 0x11 : 0) | (slope <= -diagonal ? 0x88 : 0);
        const int32_t rising = (other >= diagonal ? 0x44 : 0) | (other <= -diagonal ? 0x22 : 0);
        flags[i] = uint8_t(across | along | falling | rising);
    }
}

// The bits of all the numbers of a block together.
uint32_t joined_bits(const float* BOTTOMUP_RESTRICT x, const float* BOTTOMUP_RESTRICT y, int64_t count) {
    uint32_t bits = 0;
    for (int64_t i = 0; i < count; ++i) bits |= bit_cast<uint32_t>(x[i]) | bit_cast<uint32_t>(y[i]);
    return bits;
}

bool flag_row(const float* x, const float* y, int64_t width, float lowest, uint8_t* flags) {
    constexpr uint32_t kTooLarge = 1u << 30;  // set from 2 on, and in what is not finite
    constexpr uint32_t kMagnitude = 0x7fffffff;
    uint32_t all = 0;
    for (int64_t begin = 0; begin < width; begin += kBlock) {
        const int64_t count = width - begin < kBlock ? width - begin : kBlock;
        const uint32_t bits =
            count == kBlock ? joined_bits(x + begin, y + begin, kBlock) : joined_bits(x + begin, y + begin, count);
        all |= bits;
        if ((bits & kMagnitude) == 0)
            std::memset(flags + begin, 0, size_t(count));  // as in most places of a clean field
        else
            flag_octants(x + begin, y + begin, count, lowest, flags + begin);
    }
    flags[width] = flags[width - 1];
    return (all & kTooLarge) == 0;
}

bool map_octants(const LimbPlanes& planes, float lowest, uint8_t* flags, uint8_t* map) {
    const int64_t width = planes.width, pitch = width + kBlock;
    if (!flag_row(planes.x, planes.y, width, lowest, flags)) return false;
    for (int64_t row = 0; row < planes.height; ++row) {
        // A cell's samples lie between its own row and column and the next ones.
        const int64_t next = row + 1 < planes.height ? row + 1 : row, begin = next * planes.stride;
        const uint8_t* BOTTOMUP_RESTRICT first = flags + row % 2 * pitch;
        const uint8_t* BOTTOMUP_RESTRICT second = flags + next % 2 * pitch;
        if (next > row && !flag_row(planes.x + begin, planes.y + begin, width, lowest, flags + next % 2 * pitch))
            return false;
        uint8_t* BOTTOMUP_RESTRICT cells = map + row * width;
        for (int64_t i = 0; i < width; ++i) cells[i] = first[i] | second[i] | first[i + 1] | second[i + 1];
    }
    return true;
}

// Samples of kLanes pairs as the map has them.
struct MappedLanes {
    alignas(64) float x[kLanes], y[kLanes], step_x[kLanes], step_y[kLanes];  // from the one in the middle on
    Bytes wanted, allowed, most;  // octants, samples that may fail, samples that are looked at
};

// What is open after that many is likely to be a limb, which is not worth keeping the other lanes waiting for.
constexpr int kMostSeen = 24;

void measure(const PairColumns& pairs, const LimbCriteria& criteria, const LimbPlanes& planes, MappedLanes& to) {
    const Floats zero = Floats::all(0.0f), one = Floats::all(1.0f), most = Floats::all(float(kMostSeen));
    const Floats last_column = Floats::all(float(planes.width - 1)), last_row = Floats::all(float(planes.height - 1));
    alignas(64) float length[kLanes], wanted[kLanes], allowed[kLanes], looked_at[kLanes], middle[kLanes];
    Lanes lanes;
    count_samples(pairs, criteria, lanes, length);
    MappedLanes* BOTTOMUP_RESTRICT mapped = &to;
    for (int i = 0; i < kLanes; ++i) {
        middle[i] = float(int32_t(lanes.samples[i]) >> 1);
        // The directions of the shortest pairs say little: there the field may point anywhere.
        wanted[i] = length[i] < 1.0f ? 255.0f : float(1 << octant_of(pairs.dx[i], pairs.dy[i]));
    }
    for (int i = 0; i < kLanes; i += Floats::kCount) {
        const Floats x = Floats::load(pairs.x0 + i), dx = Floats::load(pairs.dx + i), end_x = x + dx;
        const Floats y = Floats::load(pairs.y0 + i), dy = Floats::load(pairs.dy + i), end_y = y + dy;
        // Beyond the field samples are those of its border: then nothing is ruled out.
        const Mask inside = (x >= zero) & (y >= zero) & (end_x >= zero) & (end_y >= zero) & (last_column >= x) &
                            (last_row >= y) & (last_column >= end_x) & (last_row >= end_y);
        const Floats samples = Floats::load(lanes.samples + i), steps = samples - one,
                     may_fail = Floats::load(lanes.allowed + i);
        const Floats before = Floats::load(middle + i), step_x = dx / steps, step_y = dy / steps;
        where(inside, x + before * step_x, zero).store(mapped->x + i),
            where(inside, step_x, zero).store(mapped->step_x + i);
        where(inside, y + before * step_y, zero).store(mapped->y + i),
            where(inside, step_y, zero).store(mapped->step_y + i);
        where(inside & (most > may_fail), may_fail, most).store(allowed + i);
        where(most > samples, samples, most).store(looked_at + i);
    }
    mapped->wanted = Bytes::of(wanted), mapped->allowed = Bytes::of(allowed), mapped->most = Bytes::of(looked_at);
}

// The cells of a sample of each of kLanes pairs. They are looked at from the middle on, since near the ends there is always
// a limb of somebody: the one before, the one after, the one before those, and so on.
void place_samples(const MappedLanes& lanes, const LimbPlanes& planes, int seen, int32_t* BOTTOMUP_RESTRICT at) {
    const auto stride = int32_t(planes.width);
    const auto last = uint32_t(planes.width * planes.height - 1);
    const auto steps = float(seen % 2 == 0 ? seen / 2 : -(seen + 1) / 2);
    for (int i = 0; i < kLanes; ++i) {
        const float x = lanes.x[i] + steps * lanes.step_x[i], y = lanes.y[i] + steps * lanes.step_y[i];
        const auto cell = uint32_t(int32_t(y) * stride + int32_t(x));
        at[i] = int32_t(cell < last ? cell : last);  // where the pair has no such sample any more
    }
}

int64_t keep_mapped(const uint8_t* map, const LimbPlanes& planes, const LimbCriteria& criteria, const PairColumns& pairs,
                    int64_t count) {
    alignas(64) int32_t at[kSlots];
    MappedLanes lanes;
    int64_t left = 0;
    fill_lanes(pairs, count);
    for (int64_t begin = 0; begin < count; begin += kLanes) {
        const PairColumns own = from_place(pairs, begin);
        measure(own, criteria, planes, lanes);
        Bytes failed = Bytes::all(0);
        const Bytes none = failed;
        uint32_t lost = 0;
        for (int seen = 0; seen < kMostSeen;) {
            for (int sample = 0; sample < kChunk; ++sample)
                place_samples(lanes, planes, seen + sample, at + sample * kLanes);
            for (int sample = 0; sample < kChunk; ++sample, ++seen) {
                const Bytes shown = Bytes::gather(map, at + sample * kLanes);
                failed = failed - (((shown & lanes.wanted) == none) & (lanes.most > Bytes::all(seen)));
            }
            lost = (failed > lanes.allowed).bits();
            if (((lanes.most > Bytes::all(seen)).bits() & ~lost) == 0) break;
        }
        const Kept kept(~lost & first_bits(count - begin));
        move(kept, own, from_place(pairs, left));
        left += kept.count();
    }
    return left;
}

}  // namespace
}  // namespace bottomup::cpu
