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

// Writes the pairs of one end, of which `bits` tells the partners from place `begin` on; returns how many there are.
int64_t write_partners(const Points& ends, int64_t own, const Points& others, int64_t begin, uint32_t bits, bool second,
                       const PairColumns& to) {
#if defined(__AVX512F__)
    // Pressed together in registers: straight to memory is slow on some processors.
    const auto press = [=](const float* from) { return _mm512_maskz_compress_ps(__mmask16(bits), _mm512_loadu_ps(from)); };
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i partners = _mm512_maskz_compress_epi32(__mmask16(bits), lane);
    _mm512_storeu_si512(second ? to.second : to.first, _mm512_set1_epi32(int32_t(own)));
    _mm512_storeu_si512(second ? to.first : to.second, _mm512_add_epi32(_mm512_set1_epi32(int32_t(begin)), partners));
    const __m512 x = _mm512_set1_ps(ends.x[own]), y = _mm512_set1_ps(ends.y[own]);
    const __m512 other_x = press(others.x + begin), other_y = press(others.y + begin);
    _mm512_storeu_ps(to.x0, second ? other_x : x), _mm512_storeu_ps(to.y0, second ? other_y : y);
    _mm512_storeu_ps(to.dx, second ? _mm512_sub_ps(x, other_x) : _mm512_sub_ps(other_x, x));
    _mm512_storeu_ps(to.dy, second ? _mm512_sub_ps(y, other_y) : _mm512_sub_ps(other_y, y));
    return __builtin_popcount(bits);
#else
    const Points &from = second ? others : ends, &towards = second ? ends : others;
    int64_t count = 0;
    for (; bits != 0; bits &= bits - 1, ++count) {
        const int64_t other = begin + lowest_bit(bits), i = second ? other : own, j = second ? own : other;
        to.first[count] = int32_t(i), to.second[count] = int32_t(j);
        to.x0[count] = from.x[i], to.y0[count] = from.y[i];
        to.dx[count] = towards.x[j] - from.x[i], to.dy[count] = towards.y[j] - from.y[i];
    }
    return count;
#endif
}

int64_t find_partners(const Points& all_ends, const Points& all_others, bool second, const Ring& sought_ring,
                      const LimbRule& limb_rule, const PairColumns& found, int64_t room, int64_t* place) {
    const Points ends = all_ends, others = all_others;  // what is written is none of it
    const Ring ring = sought_ring;
    const LimbRule rule = limb_rule;
    const Cells cells = others.cells;
    // A cell more than the longest, since lengths are rounded.
    const float distance = ring.to < rule.max_length ? ring.to : rule.max_length + 1.0f;
    int64_t count = 0, own = *place;
    for (; own < ends.count && count + others.count <= room; ++own) {
        const float x = ends.x[own], y = ends.y[own], reach = ends.reach[own];
        if (!(reach >= ring.from)) continue;
        const int64_t left = column_of(cells, x - distance), right = column_of(cells, x + distance);
        const int64_t top = band_of(cells, y - distance), bottom = band_of(cells, y + distance);
        for (int64_t band = top; band <= bottom; ++band) {
            const int64_t cell = band * cells.columns + left, end = cells.ends[band * cells.columns + right];
            for (int64_t begin = cell > 0 ? cells.ends[cell - 1] : 0; begin < end; begin += Floats::kCount) {
                const Floats dx = Floats::load(others.x + begin) - Floats::all(x);
                const Floats dy = Floats::load(others.y + begin) - Floats::all(y);
                const Floats others_reach = Floats::load(others.reach + begin);
                Mask sought = are_sought(sqrt(dx * dx + dy * dy), ring, reach, others_reach, rule);
                if (second) sought = sought & (Floats::all(ring.from) > others_reach);
                uint32_t bits = sought.bits();
                if (end - begin < Floats::kCount) bits &= (1u << (end - begin)) - 1;
                if (bits != 0) count += write_partners(ends, own, others, begin, bits, second, from_place(found, count));
            }
        }
    }
    *place = own;
    return count;
}

}  // namespace
}  // namespace bottomup::cpu
