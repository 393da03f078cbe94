// Which partners a joint candidate has within reach. Part of vectors.cpp, which alone includes it and whose rules hold here
// too.
#pragma once

#include "simd.h"
#include "vectors.h"

namespace bottomup::cpu {
namespace {

// The greatest number whose square root is at most `root`, as sqrtf rounds: comparing squares with it is comparing lengths.
// It is the square or the next number; there is none of a negative root.
float greatest_square(float root) {
    if (root < 0.0f) return -1.0f;
    const float square = root * root, next = bit_cast<float>(bit_cast<int32_t>(square) + 1);
    const float greatest = sqrtf(next) <= root ? next : square;
    return square <= FLT_MAX ? greatest : root <= FLT_MAX ? FLT_MAX : root;
}

// The next smaller number.
float below(float value) { return bit_cast<float>(bit_cast<int32_t>(value) - 1); }

void square_reaches(const float* BOTTOMUP_RESTRICT reach, float factor, int64_t count, float* BOTTOMUP_RESTRICT squares,
                    float* BOTTOMUP_RESTRICT loose_squares) {
    for (int64_t i = 0; i < count; ++i) {
        squares[i] = greatest_square(reach[i]);
        loose_squares[i] = greatest_square(factor * reach[i]);
    }
}

// What is_sought says, of squared lengths from one end: above `from`, up to `to`, and up to the reach of the pair.
struct Sought {
    float from, to, reach, loose_reach;
};

Mask are_sought(Floats squares, const Sought& sought, const Points& others, int64_t begin) {
    const Floats unlimited = Floats::all(kUnlimited);
    const Mask in_ring = (squares > Floats::all(sought.from)) & (Floats::all(sought.to) >= squares);
    if (!(sought.reach < kUnlimited)) return in_ring & (Floats::load(others.loose_squares + begin) >= squares);
    const Floats reach = Floats::load(others.squares + begin), own = Floats::all(sought.reach);
    const Floats longer = where(reach > own, reach, own);
    return in_ring & (where(reach >= unlimited, Floats::all(sought.loose_reach), longer) >= squares);
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
    return count_bits(bits);
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
int64_t add_partners(float x, float y, const Sought& sought, const Points& others, int64_t begin, int64_t end, bool second,
                     const Ring& ring, const PairColumns& found, int64_t count) {
    struct Some {
        Floats dx, dy;
        uint32_t bits;
    };
    const auto look_at = [&](int64_t first) -> Some {
        const Floats other_x = Floats::load(others.x + first), other_y = Floats::load(others.y + first);
        const Floats dx = second ? Floats::all(x) - other_x : other_x - Floats::all(x);
        const Floats dy = second ? Floats::all(y) - other_y : other_y - Floats::all(y);
        Mask mask = are_sought(dx * dx + dy * dy, sought, others, first);
        if (second) mask = mask & (Floats::all(ring.from) > Floats::load(others.reach + first));
        return {dx, dy, mask.bits()};
    };
    int32_t* const partners = second ? found.first : found.second;
    const auto append = [&](int64_t first, const Some& some) {
        count += write_partners(first, some.bits, some.dx, some.dy, partners + count, found.dx + count, found.dy + count);
    };
    constexpr int64_t kOnce = 2 * Floats::kCount;  // with more of them at once it is easier to foresee how often
    for (; begin < end; begin += kOnce) {
        Some some = look_at(begin), more = look_at(begin + Floats::kCount);
        if (end - begin < kOnce) {
            const uint32_t bits = (uint32_t(1) << (end - begin)) - 1;
            some.bits &= bits, more.bits &= bits >> Floats::kCount;
        }
        if ((some.bits | more.bits) == 0) continue;
        append(begin, some), append(begin + Floats::kCount, more);
    }
    return count;
}

int64_t find_partners(const Points& all_ends, const Points& all_others, bool second, const Ring& sought_ring,
                      const LimbCriteria& limb_criteria, const PairColumns& to, int64_t room, int64_t* place) {
    const Points ends = all_ends, others = all_others;  // what is written is none of it
    const Ring ring = sought_ring;
    const LimbCriteria criteria = limb_criteria;
    const PairColumns found = to;
    const Cells cells = others.cells;
    // A cell more than the longest, since lengths are rounded.
    const float distance = ring.to < criteria.max_length ? ring.to : criteria.max_length + 1.0f;
    Sought sought{ring.from > 0.0f ? greatest_square(below(ring.from)) : -1.0f,
                  greatest_square(below(ring.to) < criteria.max_length ? below(ring.to) : criteria.max_length), 0.0f, 0.0f};
    int64_t count = 0, own = *place;
    for (; own < ends.count && count + others.count <= room; ++own) {
        const float x = ends.x[own], y = ends.y[own];
        if (!(ends.reach[own] >= ring.from)) continue;
        sought.reach = ends.squares[own], sought.loose_reach = ends.loose_squares[own];
        const int64_t left = column_of(cells, x - distance), right = column_of(cells, x + distance);
        const int64_t top = band_of(cells, y - distance), bottom = band_of(cells, y + distance);
        const int64_t known = count;
        for (int64_t band = top; band <= bottom; ++band) {
            const int64_t cell = band * cells.columns + left;
            const int64_t begin = cell > 0 ? cells.ends[cell - 1] : 0, end = cells.ends[band * cells.columns + right];
            count = add_partners(x, y, sought, others, begin, end, second, ring, found, count);
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
