#pragma once

#include <cstdint>

namespace bottomup {

// The place of the lowest of the bits that are set, at least one. Static, as everything must be that is compiled once per
// instruction set (see vectors.cpp).
static inline int lowest_bit(uint64_t bits) {
#if defined(__GNUC__)
    return __builtin_ctzll(bits);
#else
    int place = 0;
    while (!(bits >> place & 1)) ++place;
    return place;
#endif
}

}  // namespace bottomup
