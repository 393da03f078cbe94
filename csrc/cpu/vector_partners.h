// Which partners a joint candidate has within reach. Part of vectors.cpp, which alone includes it and whose rules hold here
// too.
#pragma once

#include "simd.h"
#include "vectors.h"

namespace bottomup::cpu {
namespace {

// Whether pairs of those lengths are sought in the ring, as is_sought says; the reaches are those of one end and the others.
Mask are_sought(Floats length, const Ring& ring, float own, Floats others, const LimbRule& rule) {
    const Mask in_ring = (length >= Floats::all(ring.from)) & (Floats::all(ring.to) > length);
    const Mask sought = in_ring & (Floats::all(rule.max_length) >= length);
    if (!(own < kUnlimited)) return sought & (Floats::all(rule.reach) * others >= length);
    const Mask near = (Floats::all(own) >= length) | (others >= length);
    return sought & near & ((Floats::all(kUnlimited) > others) | (Floats::all(rule.reach * own) >= length));
}

// Writes the places of the partners that `bits` tells from place `begin` on, and how far away they are; returns how many.
int64_t write_partners(int64_t begin, uint32_t bits, Floats dx, Floats dy, int32_t* partners, float* to_dx, float* to_dy) {
#if defined(__AVX512F__)
    // Pressed together in registers: straight to memory is slow on some processors.
    const auto kept = __mmask16(bits);
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i places = _mm512_add_epi32(_mm512_set1_epi32(int32_t(begin)), lane);
    _mm512_storeu_si512(partners, _mm512_maskz_compress_epi32(kept, places));
    _mm512_storeu_ps(to_dx, _mm512_maskz_compress_ps(kept, dx.values));
    _mm512_storeu_ps(to_dy, _mm512_maskz_compress_ps(kept, dy.values));
    return __builtin_popcount(bits);
#else
    float all_dx[Floats::kCount], all_dy[Floats::kCount];
    dx.store(all_dx), dy.store(all_dy);
    int64_t count = 0;
    for (; bits != 0; bits &= bits - 1, ++count) {
        const int lane = lowest_bit(bits);
        partners[count] = int32_t(begin + lane), to_dx[count] = all_dx[lane], to_dy[count] = all_dy[lane];
    }
    return count;
#endif
}

// Appends the pairs of one end with those within reach from place `begin` on; returns how many there are then.
int64_t add_partners(float x, float y, float reach, const Points& others, int64_t begin, int64_t end, bool second,
                     const Ring& ring, const LimbRule& rule, const PairColumns& found, int64_t count) {
    int32_t* const partners = second ? found.first : found.second;
    for (; begin < end; begin += Floats::kCount) {
        const Floats other_x = Floats::load(others.x + begin), other_y = Floats::load(others.y + begin);
        const Floats dx = second ? Floats::all(x) - other_x : other_x - Floats::all(x);
        const Floats dy = second ? Floats::all(y) - other_y : other_y - Floats::all(y);
        const Floats others_reach = Floats::load(others.reach + begin);
        Mask sought = are_sought(sqrt(dx * dx + dy * dy), ring, reach, others_reach, rule);
        if (second) sought = sought & (Floats::all(ring.from) > others_reach);
        uint32_t bits = sought.bits();
        if (end - begin < Floats::kCount) bits &= (1u << (end - begin)) - 1;
        count += write_partners(begin, bits, dx, dy, partners + count, found.dx + count, found.dy + count);
    }
    return count;
}

int64_t find_partners(const Points& all_ends, const Points& all_others, bool second, const Ring& sought_ring,
                      const LimbRule& limb_rule, const PairColumns& to, int64_t room, int64_t* place) {
    const Points ends = all_ends, others = all_others;  // what is written is none of it
    const Ring ring = sought_ring;
    const LimbRule rule = limb_rule;
    const PairColumns found = to;
    const Cells cells = others.cells;
    // A cell more than the longest, since lengths are rounded.
    const float distance = ring.to < rule.max_length ? ring.to : rule.max_length + 1.0f;
    int64_t count = 0, own = *place;
    for (; own < ends.count && count + others.count <= room; ++own) {
        const float x = ends.x[own], y = ends.y[own], reach = ends.reach[own];
        if (!(reach >= ring.from)) continue;
        const int64_t left = column_of(cells, x - distance), right = column_of(cells, x + distance);
        const int64_t top = band_of(cells, y - distance), bottom = band_of(cells, y + distance);
        const int64_t known = count;
        for (int64_t band = top; band <= bottom; ++band) {
            const int64_t cell = band * cells.columns + left;
            const int64_t begin = cell > 0 ? cells.ends[cell - 1] : 0, end = cells.ends[band * cells.columns + right];
            count = add_partners(x, y, reach, others, begin, end, second, ring, rule, found, count);
        }
        int32_t* const own_places = second ? found.second : found.first;
        for (int64_t k = known; k < count; k += kLanes) {
            for (int i = 0; i < kLanes; ++i) own_places[k + i] = int32_t(own), found.x0[k + i] = x, found.y0[k + i] = y;
        }
        for (int64_t k = known; second && k < count; ++k)
            found.x0[k] = others.x[found.first[k]], found.y0[k] = others.y[found.first[k]];
    }
    *place = own;
    return count;
}

}  // namespace
}  // namespace bottomup::cpu
