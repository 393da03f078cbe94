// How much of each pixel strokes cover, and colours blended into a row. Only vectors.cpp includes this.
#pragma once

#include "simd.h"
#include "vectors.h"

namespace bottomup::cpu {
namespace {

constexpr float kLanePlaces[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// The part of a pixel that lies within an edge, from the distance of its centre to the edge (inside is negative).
inline Floats covered(Floats distance) {
    return lesser(greater(Floats::all(0.5f) - distance, Floats::all(0.0f)), Floats::all(1.0f));
}
inline Floats magnitude(Floats value) { return greater(value, Floats::all(0.0f) - value); }
inline float magnitude(float value) { return value < 0.0f ? -value : value; }

// A mask's opacity becomes the given one as far as that covers a pixel.
inline void lay_opacity(float* mask, Floats opacity, Floats part) {
    const Floats before = Floats::load(mask);
    (before + (opacity - before) * part).store(mask);
}

// The pixels of a row, from the box's left edge, that are in [low, high]; false if there are none.
inline bool pixels_within(float low, float high, int64_t width, int64_t& first, int64_t& after) {
    if (!(low <= high) || high < 0.0f || low > float(width - 1)) return false;
    first = low > 0.0f ? int64_t(low) : 0;
    after = high < float(width - 1) ? int64_t(high) + 1 : width;
    return true;
}

inline void mark(uint64_t* words, int64_t first, int64_t after) {
    for (int64_t block = first / kPaintBlock; block <= (after - 1) / kPaintBlock; ++block)
        words[block / 64] |= uint64_t(1) << (block % 64);
}

// What lies beyond a stroke is covered by 0, so whole groups are looked at; the rows have room for that.
void cover_bar(const PaintRows& to, const Stroke& bar) {
    const float left = float(to.left) - bar.x, reach = bar.half_length + 0.5f, side = bar.casing_radius + 0.5f;
    const float unit_x = magnitude(bar.unit_x) > 1e-6f ? bar.unit_x : 1e-6f;
    const float unit_y = magnitude(bar.unit_y) > 1e-6f ? bar.unit_y : 1e-6f;
    const float per_x = 1.0f / unit_x, per_y = 1.0f / unit_y;
    const Floats lanes = Floats::load(kLanePlaces), half_length = Floats::all(bar.half_length);
    const Floats along_step = Floats::all(bar.unit_x), across_step = Floats::all(bar.unit_y);
    const Floats casing_radius = Floats::all(bar.casing_radius), core_radius = Floats::all(bar.core_radius);
    const Floats casing_opacity = Floats::all(bar.casing_opacity), core_opacity = Floats::all(bar.core_opacity);
    for (int64_t row = 0; row < to.rows; ++row) {
        const float down = float(to.top + row) - bar.y;
        const float along = left * bar.unit_x + down * bar.unit_y, across = left * bar.unit_y - down * bar.unit_x;
        const float middle = -along * per_x, half = reach * magnitude(per_x);
        const float other = -across * per_y, other_half = side * magnitude(per_y);
        const float low = middle - half > other - other_half ? middle - half : other - other_half;
        const float high = middle + half < other + other_half ? middle + half : other + other_half;
        int64_t first, after;
        if (!pixels_within(low, high, to.width, first, after)) continue;
        mark(to.touched + row * to.words, to.from + first, to.from + after);
        float* casing = to.casing + row * to.stride + to.from;
        float* core = to.core + row * to.stride + to.from;
        const Floats along_first = Floats::all(along), across_first = Floats::all(across);
        for (int64_t i = first; i < after; i += Floats::kCount) {
            const Floats x = Floats::all(float(int32_t(i))) + lanes;
            const Floats end = covered(magnitude(along_first + x * along_step) - half_length);
            const Floats beside = magnitude(across_first + x * across_step);
            lay_opacity(casing + i, casing_opacity, end * covered(beside - casing_radius));
            lay_opacity(core + i, core_opacity, end * covered(beside - core_radius));
        }
    }
}

// Near its edge, where it matters, a circle's distance is (d^2 - r^2) / 2r.
void cover_disc(const PaintRows& to, const Stroke& disc) {
    const float left = float(to.left) - disc.x, reach = disc.casing_radius + 1.0f;
    const Floats lanes = Floats::load(kLanePlaces);
    const Floats casing_square = Floats::all(disc.casing_radius * disc.casing_radius);
    const Floats core_square = Floats::all(disc.core_radius * disc.core_radius);
    const Floats per_casing = Floats::all(0.5f / disc.casing_radius), per_core = Floats::all(0.5f / disc.core_radius);
    const Floats casing_opacity = Floats::all(disc.casing_opacity), core_opacity = Floats::all(disc.core_opacity);
    const bool has_light = disc.light_radius > 0.0f;
    const float light_reach = has_light ? disc.light_radius + 1.0f : -1.0f;
    const Floats light_square = Floats::all(disc.light_radius * disc.light_radius);
    const Floats per_light = Floats::all(has_light ? 0.5f / disc.light_radius : 0.0f), opaque = Floats::all(255.0f);
    for (int64_t row = 0; row < to.rows; ++row) {
        const float down = float(to.top + row) - disc.y, rest = reach * reach - down * down;
        if (rest <= 0.0f) continue;
        float root[Floats::kCount];
        sqrt(Floats::all(rest)).store(root);
        int64_t first, after;
        if (!pixels_within(-left - root[0], -left + root[0], to.width, first, after)) continue;
        mark(to.touched + row * to.words, to.from + first, to.from + after);
        float* casing = to.casing + row * to.stride + to.from;
        float* core = to.core + row * to.stride + to.from;
        float* light = to.light + row * to.stride + to.from;
        const Floats down_square = Floats::all(down * down);
        for (int64_t i = first; i < after; i += Floats::kCount) {
            const Floats x = Floats::all(left + float(int32_t(i))) + lanes, square = x * x + down_square;
            lay_opacity(casing + i, casing_opacity, covered((square - casing_square) * per_casing));
            lay_opacity(core + i, core_opacity, covered((square - core_square) * per_core));
        }
        if (magnitude(down) >= light_reach) continue;
        for (int64_t i = first; i < after; i += Floats::kCount) {
            const Floats x = Floats::all(left + float(int32_t(i))) + lanes, square = x * x + down_square;
            lay_opacity(light + i, opaque, covered((square - light_square) * per_light));
        }
    }
}

// The opacities of a block, 0..255; the mask becomes empty. Returns false if it was.
inline bool take_block(float* BOTTOMUP_RESTRICT mask, uint8_t* BOTTOMUP_RESTRICT parts) {
    uint8_t any = 0;
    for (int i = 0; i < kPaintBlock; ++i) parts[i] = uint8_t(int32_t(mask[i] + 0.5f)), mask[i] = 0.0f;
    for (int i = 0; i < kPaintBlock; ++i) any |= parts[i];
    return any != 0;
}

inline uint16_t per_255(uint16_t value) {  // value / 255, rounded
    const uint16_t sum = uint16_t(value + 128);
    return uint16_t(uint16_t(sum + (sum >> 8)) >> 8);
}

// Each pixel's part for all three channels.
inline void spread(const uint8_t* BOTTOMUP_RESTRICT parts, uint8_t* BOTTOMUP_RESTRICT channels) {
    for (int i = 0; i < kPaintBlock; ++i) channels[3 * i] = channels[3 * i + 1] = channels[3 * i + 2] = parts[i];
}

// What is there, as far as it is kept, and a colour as opaque as `own`; together they are at most 255.
inline void mix(uint8_t* BOTTOMUP_RESTRICT row, const uint8_t* BOTTOMUP_RESTRICT keep, const uint8_t* BOTTOMUP_RESTRICT own,
                const uint8_t* BOTTOMUP_RESTRICT color) {
    uint8_t kept[3 * kPaintBlock], opaque[3 * kPaintBlock];
    spread(keep, kept);
    spread(own, opaque);
    for (int i = 0; i < 3 * kPaintBlock; ++i)
        row[i] = uint8_t(per_255(uint16_t(row[i] * uint16_t(kept[i]) + color[i] * uint16_t(opaque[i]))));
}

// Black first, then the colour of the core, then the light middles.
void blend_block(uint8_t* row, float* casing, float* core, float* light, const PaintColors& colors) {
    uint8_t keep[kPaintBlock], own[kPaintBlock];
    const bool is_dark = take_block(casing, keep), is_own = take_block(core, own);
    if (is_dark || is_own) {
        for (int i = 0; i < kPaintBlock; ++i)
            keep[i] = uint8_t(per_255(uint16_t(uint16_t(255 - keep[i]) * uint16_t(255 - own[i]))));
        mix(row, keep, own, colors.core);
    }
    if (take_block(light, own)) {
        for (int i = 0; i < kPaintBlock; ++i) keep[i] = uint8_t(255 - own[i]);
        mix(row, keep, own, colors.light);
    }
}

void blend_rows(const PaintRows& from, uint8_t* pixels, int64_t bytes, int64_t width, const PaintColors& colors) {
    for (int64_t row = 0; row < from.rows; ++row, pixels += bytes) {
        for (int64_t word = 0; word < from.words; ++word) {
            uint64_t& bits = from.touched[row * from.words + word];
            for (; bits != 0; bits &= bits - 1) {
                const int64_t at = (64 * word + lowest_bit(bits)) * kPaintBlock, mask = row * from.stride + at;
                if (at + kPaintBlock <= width) {
                    blend_block(pixels + 3 * at, from.casing + mask, from.core + mask, from.light + mask, colors);
                    continue;
                }
                uint8_t rest[3 * kPaintBlock] = {};  // the picture ends within the block
                for (int64_t i = 0; i < 3 * (width - at); ++i) rest[i] = pixels[3 * at + i];
                blend_block(rest, from.casing + mask, from.core + mask, from.light + mask, colors);
                for (int64_t i = 0; i < 3 * (width - at); ++i) pixels[3 * at + i] = rest[i];
            }
        }
    }
}

}  // namespace
}  // namespace bottomup::cpu
