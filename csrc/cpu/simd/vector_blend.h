// Opacities of a block of pixels, and colours laid over it as opaque as they say. Only vectors.cpp includes this.
#pragma once

#include "simd.h"
#include "vectors.h"

namespace bottomup::cpu {
namespace {

static_assert(kPaintBlock == 16, "Parts are as many as a block has pixels");

#if defined(__AVX2__)
// The opacity of each pixel of a block, 0..255.
struct Parts {
    __m128i values;
    static Parts none() { return {_mm_setzero_si128()}; }
    // Of floats 0..255, without what is behind the point.
    static Parts of(const float* from) {
        const __m256i low = _mm256_cvttps_epi32(_mm256_loadu_ps(from)), high = _mm256_cvttps_epi32(_mm256_loadu_ps(from + 8));
        const __m256i words = _mm256_packs_epi32(low, high);  // in turns: four of the one half and four of the other
        const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        return {_mm_shuffle_epi32(bytes, _MM_SHUFFLE(3, 1, 2, 0))};
    }
};

inline __m128i to_bytes(__m256i words) {
    return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}
inline __m256i per_255(__m256i values) {  // value / 255, rounded
    const __m256i sum = _mm256_add_epi16(values, _mm256_set1_epi16(128));
    return _mm256_srli_epi16(_mm256_add_epi16(sum, _mm256_srli_epi16(sum, 8)), 8);
}

// What two layers leave of what is below them.
inline Parts kept(Parts one, Parts other) {
    const __m128i all = _mm_set1_epi8(-1);
    const __m256i first = _mm256_cvtepu8_epi16(_mm_xor_si128(one.values, all));
    const __m256i second = _mm256_cvtepu8_epi16(_mm_xor_si128(other.values, all));
    return {to_bytes(per_255(_mm256_mullo_epi16(first, second)))};
}

inline __m128i mix_sixteen(const uint8_t* row, const uint8_t* color, Parts keep, Parts own, __m128i pixels) {
    const auto words = [](const uint8_t* from) {
        return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
    };
    const __m256i below = _mm256_mullo_epi16(words(row), _mm256_cvtepu8_epi16(_mm_shuffle_epi8(keep.values, pixels)));
    const __m256i above = _mm256_mullo_epi16(words(color), _mm256_cvtepu8_epi16(_mm_shuffle_epi8(own.values, pixels)));
    return to_bytes(per_255(_mm256_add_epi16(below, above)));
}

// What is there, as far as it is kept, and a colour as opaque as `own`; together they are at most 255.
inline void mix(uint8_t* row, Parts keep, Parts own, const uint8_t* color) {
    const __m128i first = _mm_setr_epi8(0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5);
    const __m128i second = _mm_setr_epi8(5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10);
    const __m128i third = _mm_setr_epi8(10, 11, 11, 11, 12, 12, 12, 13, 13, 13, 14, 14, 14, 15, 15, 15);
    const __m128i one = mix_sixteen(row, color, keep, own, first);
    const __m128i two = mix_sixteen(row + 16, color + 16, keep, own, second);
    const __m128i three = mix_sixteen(row + 32, color + 32, keep, own, third);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(row), one);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(row + 16), two);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(row + 32), three);
}
#else
struct Parts {
    uint8_t values[kPaintBlock];
    static Parts none() { return {}; }
    static Parts of(const float* from) {
        Parts parts;
        for (int i = 0; i < kPaintBlock; ++i) parts.values[i] = uint8_t(int32_t(from[i]));
        return parts;
    }
};

inline uint16_t per_255(uint16_t value) {  // value / 255, rounded
    const uint16_t sum = uint16_t(value + 128);
    return uint16_t(uint16_t(sum + (sum >> 8)) >> 8);
}

inline Parts kept(Parts one, Parts other) {
    Parts left;
    for (int i = 0; i < kPaintBlock; ++i)
        left.values[i] = uint8_t(per_255(uint16_t(uint16_t(255 - one.values[i]) * uint16_t(255 - other.values[i]))));
    return left;
}

// Each pixel's part for all three channels.
inline void spread(const Parts& parts, uint8_t* BOTTOMUP_RESTRICT channels) {
    for (int i = 0; i < kPaintBlock; ++i) channels[3 * i] = channels[3 * i + 1] = channels[3 * i + 2] = parts.values[i];
}

inline void mix(uint8_t* BOTTOMUP_RESTRICT row, const Parts& keep, const Parts& own, const uint8_t* BOTTOMUP_RESTRICT color) {
    uint8_t kept[3 * kPaintBlock], opaque[3 * kPaintBlock];
    spread(keep, kept);
    spread(own, opaque);
    for (int i = 0; i < 3 * kPaintBlock; ++i)
        row[i] = uint8_t(per_255(uint16_t(row[i] * uint16_t(kept[i]) + color[i] * uint16_t(opaque[i]))));
}
#endif

}  // namespace
}  // namespace bottomup::cpu
