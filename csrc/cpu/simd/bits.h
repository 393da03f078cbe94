#pragma once

#include <cstdint>

#if defined(_MSC_VER)
#include <intrin.h>
#endif

namespace bottomup {

// Static, as everything must be that is compiled once per instruction set (see vectors.cpp).

// The place of the lowest of the bits that are set, at least one.
static inline int lowest_bit(uint64_t bits) {
#if defined(__GNUC__)
    return __builtin_ctzll(bits);
#elif defined(_M_X64) || defined(_M_ARM64)
    unsigned long place;
    _BitScanForward64(&place, bits);
    return int(place);
#else
    int place = 0;
    while (!(bits >> place & 1)) ++place;
    return place;
#endif
}

// How many bits are set.
static inline int count_bits(uint32_t bits) {
#if defined(__GNUC__)
    return __builtin_popcount(bits);
#else
    bits -= bits >> 1 & 0x55555555u;
    bits = (bits & 0x33333333u) + (bits >> 2 & 0x33333333u);
    return int(((bits + (bits >> 4) & 0x0f0f0f0fu) * 0x01010101u) >> 24);
#endif
}

}  // namespace bottomup
