// A few floats at once, and comparisons of them, for the instruction set that this file is compiled for.
#pragma once

#include <cmath>
#include <cstdint>

#include "bits.h"

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

// Restrict is no part of C++, but without it loops over several arrays are not vectorised, or only behind checks.
#if defined(_MSC_VER)
#define BOTTOMUP_RESTRICT __restrict
#else
#define BOTTOMUP_RESTRICT __restrict__
#endif

namespace bottomup::cpu {
namespace {  // each instruction set has its own

constexpr int64_t kBlock = 64;  // cells looked at together, one bit each

#if defined(__AVX512F__)
struct Floats {
    static constexpr int kCount = 16;
    __m512 values;
    void store(float* to) const { _mm512_storeu_ps(to, values); }
    static Floats load(const float* from) { return {_mm512_loadu_ps(from)}; }
    static Floats all(float value) { return {_mm512_set1_ps(value)}; }
};
struct Mask {  // a truth value for each
    __mmask16 mask;
    uint32_t bits() const { return mask; }
};
inline Mask operator&(Mask a, Mask b) { return {__mmask16(a.mask & b.mask)}; }
inline Floats operator*(Floats a, Floats b) { return {_mm512_mul_ps(a.values, b.values)}; }
inline Floats operator/(Floats a, Floats b) { return {_mm512_div_ps(a.values, b.values)}; }
inline Mask operator>=(Floats a, Floats b) { return {_mm512_cmp_ps_mask(a.values, b.values, _CMP_GE_OQ)}; }
inline Mask operator>(Floats a, Floats b) { return {_mm512_cmp_ps_mask(a.values, b.values, _CMP_GT_OQ)}; }
inline Mask operator|(Mask a, Mask b) { return {__mmask16(a.mask | b.mask)}; }
inline Floats operator+(Floats a, Floats b) { return {_mm512_add_ps(a.values, b.values)}; }
inline Floats operator-(Floats a, Floats b) { return {_mm512_sub_ps(a.values, b.values)}; }
inline Floats sqrt(Floats a) { return {_mm512_maskz_sqrt_ps(0xffff, a.values)}; }
inline Floats lesser(Floats a, Floats b) { return {_mm512_maskz_min_ps(0xffff, a.values, b.values)}; }
inline Floats greater(Floats a, Floats b) { return {_mm512_maskz_max_ps(0xffff, a.values, b.values)}; }
inline Floats magnitude(Floats a) { return {_mm512_abs_ps(a.values)}; }
inline Floats where(Mask mask, Floats a, Floats b) { return {_mm512_mask_blend_ps(mask.mask, b.values, a.values)}; }
#elif defined(__AVX2__)
struct Floats {
    static constexpr int kCount = 8;
    __m256 values;
    void store(float* to) const { _mm256_storeu_ps(to, values); }
    static Floats load(const float* from) { return {_mm256_loadu_ps(from)}; }
    static Floats all(float value) { return {_mm256_set1_ps(value)}; }
};
struct Mask {
    __m256 mask;
    uint32_t bits() const { return uint32_t(_mm256_movemask_ps(mask)); }
};
inline Mask operator&(Mask a, Mask b) { return {_mm256_and_ps(a.mask, b.mask)}; }
inline Floats operator*(Floats a, Floats b) { return {_mm256_mul_ps(a.values, b.values)}; }
inline Floats operator/(Floats a, Floats b) { return {_mm256_div_ps(a.values, b.values)}; }
inline Mask operator>=(Floats a, Floats b) { return {_mm256_cmp_ps(a.values, b.values, _CMP_GE_OQ)}; }
inline Mask operator>(Floats a, Floats b) { return {_mm256_cmp_ps(a.values, b.values, _CMP_GT_OQ)}; }
inline Mask operator|(Mask a, Mask b) { return {_mm256_or_ps(a.mask, b.mask)}; }
inline Floats operator+(Floats a, Floats b) { return {_mm256_add_ps(a.values, b.values)}; }
inline Floats operator-(Floats a, Floats b) { return {_mm256_sub_ps(a.values, b.values)}; }
inline Floats sqrt(Floats a) { return {_mm256_sqrt_ps(a.values)}; }
inline Floats lesser(Floats a, Floats b) { return {_mm256_min_ps(a.values, b.values)}; }
inline Floats greater(Floats a, Floats b) { return {_mm256_max_ps(a.values, b.values)}; }
inline Floats magnitude(Floats a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.values)}; }
inline Floats where(Mask mask, Floats a, Floats b) { return {_mm256_blendv_ps(b.values, a.values, mask.mask)}; }
#elif defined(__SSE2__) || defined(_M_X64)
struct Floats {
    static constexpr int kCount = 4;
    __m128 values;
    void store(float* to) const { _mm_storeu_ps(to, values); }
    static Floats load(const float* from) { return {_mm_loadu_ps(from)}; }
    static Floats all(float value) { return {_mm_set1_ps(value)}; }
};
struct Mask {
    __m128 mask;
    uint32_t bits() const { return uint32_t(_mm_movemask_ps(mask)); }
};
inline Mask operator&(Mask a, Mask b) { return {_mm_and_ps(a.mask, b.mask)}; }
inline Floats operator*(Floats a, Floats b) { return {_mm_mul_ps(a.values, b.values)}; }
inline Floats operator/(Floats a, Floats b) { return {_mm_div_ps(a.values, b.values)}; }
inline Mask operator>=(Floats a, Floats b) { return {_mm_cmpge_ps(a.values, b.values)}; }
inline Mask operator>(Floats a, Floats b) { return {_mm_cmpgt_ps(a.values, b.values)}; }
inline Mask operator|(Mask a, Mask b) { return {_mm_or_ps(a.mask, b.mask)}; }
inline Floats operator+(Floats a, Floats b) { return {_mm_add_ps(a.values, b.values)}; }
inline Floats operator-(Floats a, Floats b) { return {_mm_sub_ps(a.values, b.values)}; }
inline Floats sqrt(Floats a) { return {_mm_sqrt_ps(a.values)}; }
inline Floats lesser(Floats a, Floats b) { return {_mm_min_ps(a.values, b.values)}; }
inline Floats greater(Floats a, Floats b) { return {_mm_max_ps(a.values, b.values)}; }
inline Floats magnitude(Floats a) { return {_mm_andnot_ps(_mm_set1_ps(-0.0f), a.values)}; }
inline Floats where(Mask mask, Floats a, Floats b) {
    return {_mm_or_ps(_mm_and_ps(mask.mask, a.values), _mm_andnot_ps(mask.mask, b.values))};
}
#elif defined(__ARM_NEON) && defined(__aarch64__)
struct Floats {
    static constexpr int kCount = 4;
    float32x4_t values;
    void store(float* to) const { vst1q_f32(to, values); }
    static Floats load(const float* from) { return {vld1q_f32(from)}; }
    static Floats all(float value) { return {vdupq_n_f32(value)}; }
};
struct Mask {
    uint32x4_t mask;
    uint32_t bits() const {
        const uint32x4_t places = {1, 2, 4, 8};
        return vaddvq_u32(vandq_u32(mask, places));
    }
};
inline Mask operator&(Mask a, Mask b) { return {vandq_u32(a.mask, b.mask)}; }
inline Floats operator*(Floats a, Floats b) { return {vmulq_f32(a.values, b.values)}; }
inline Floats operator/(Floats a, Floats b) { return {vdivq_f32(a.values, b.values)}; }
inline Mask operator>=(Floats a, Floats b) { return {vcgeq_f32(a.values, b.values)}; }
inline Mask operator>(Floats a, Floats b) { return {vcgtq_f32(a.values, b.values)}; }
inline Mask operator|(Mask a, Mask b) { return {vorrq_u32(a.mask, b.mask)}; }
inline Floats operator+(Floats a, Floats b) { return {vaddq_f32(a.values, b.values)}; }
inline Floats operator-(Floats a, Floats b) { return {vsubq_f32(a.values, b.values)}; }
inline Floats sqrt(Floats a) { return {vsqrtq_f32(a.values)}; }
inline Floats lesser(Floats a, Floats b) { return {vminq_f32(a.values, b.values)}; }
inline Floats greater(Floats a, Floats b) { return {vmaxq_f32(a.values, b.values)}; }
inline Floats magnitude(Floats a) { return {vabsq_f32(a.values)}; }
inline Floats where(Mask mask, Floats a, Floats b) { return {vbslq_f32(mask.mask, a.values, b.values)}; }
#else
struct Floats {
    static constexpr int kCount = 1;
    float values;
    void store(float* to) const { *to = values; }
    static Floats load(const float* from) { return {*from}; }
    static Floats all(float value) { return {value}; }
};
struct Mask {
    bool mask;
    uint32_t bits() const { return mask; }
};
inline Mask operator&(Mask a, Mask b) { return {a.mask && b.mask}; }
inline Floats operator*(Floats a, Floats b) { return {a.values * b.values}; }
inline Floats operator/(Floats a, Floats b) { return {a.values / b.values}; }
inline Mask operator>=(Floats a, Floats b) { return {a.values >= b.values}; }
inline Mask operator>(Floats a, Floats b) { return {a.values > b.values}; }
inline Mask operator|(Mask a, Mask b) { return {a.mask || b.mask}; }
inline Floats operator+(Floats a, Floats b) { return {a.values + b.values}; }
inline Floats operator-(Floats a, Floats b) { return {a.values - b.values}; }
inline Floats sqrt(Floats a) { return {sqrtf(a.values)}; }
inline Floats lesser(Floats a, Floats b) { return {a.values < b.values ? a.values : b.values}; }
inline Floats greater(Floats a, Floats b) { return {a.values > b.values ? a.values : b.values}; }
inline Floats magnitude(Floats a) { return {a.values < 0.0f ? -a.values : a.values}; }
inline Floats where(Mask mask, Floats a, Floats b) { return {mask.mask ? a.values : b.values}; }
#endif

// Sixteen small counts or flags side by side; what is true is 0xff, which is also -1.
#if defined(__SSE2__) || defined(_M_X64)
struct Bytes {
    __m128i values;
    uint32_t bits() const { return uint32_t(_mm_movemask_epi8(values)); }
    static Bytes all(int value) { return {_mm_set1_epi8(char(value))}; }
    static Bytes of(const float* from) {  // whole numbers up to 255, or 127 where they are compared
        const auto four = [=](int i) { return _mm_cvttps_epi32(_mm_loadu_ps(from + i)); };
        return {_mm_packus_epi16(_mm_packs_epi32(four(0), four(4)), _mm_packs_epi32(four(8), four(12)))};
    }
    // Put together in registers: what is written to memory piece by piece can be read as a whole only much later. The
    // places are volatile so that compilers read them one by one too, and do not take vectors of them apart.
    static Bytes gather(const uint8_t* from, const volatile int32_t* at) {
#if defined(__AVX2__)
        const auto eight = [=](int i) {
            __m128i some = _mm_cvtsi32_si128(from[at[i]]);
            some = _mm_insert_epi8(some, from[at[i + 1]], 1), some = _mm_insert_epi8(some, from[at[i + 2]], 2);
            some = _mm_insert_epi8(some, from[at[i + 3]], 3), some = _mm_insert_epi8(some, from[at[i + 4]], 4);
            some = _mm_insert_epi8(some, from[at[i + 5]], 5), some = _mm_insert_epi8(some, from[at[i + 6]], 6);
            return _mm_insert_epi8(some, from[at[i + 7]], 7);
        };
        return {_mm_unpacklo_epi64(eight(0), eight(8))};
#else
        const auto one = [=](int i) { return char(from[at[i]]); };
        return {_mm_setr_epi8(one(0), one(1), one(2), one(3), one(4), one(5), one(6), one(7), one(8), one(9), one(10),
                              one(11), one(12), one(13), one(14), one(15))};
#endif
    }
};
inline Bytes operator&(Bytes a, Bytes b) { return {_mm_and_si128(a.values, b.values)}; }
inline Bytes operator-(Bytes a, Bytes b) { return {_mm_sub_epi8(a.values, b.values)}; }
inline Bytes operator==(Bytes a, Bytes b) { return {_mm_cmpeq_epi8(a.values, b.values)}; }
inline Bytes operator>(Bytes a, Bytes b) { return {_mm_cmpgt_epi8(a.values, b.values)}; }
#else
struct Bytes {
    uint8_t values[16];
    uint32_t bits() const {
        uint32_t bits = 0;
        for (int i = 0; i < 16; ++i) bits |= uint32_t(values[i] >> 7) << i;
        return bits;
    }
    template <class Value>
    static Bytes each(Value value) {
        Bytes bytes;
        for (int i = 0; i < 16; ++i) bytes.values[i] = uint8_t(value(i));
        return bytes;
    }
    static Bytes all(int value) {
        return each([=](int) { return value; });
    }
    static Bytes of(const float* from) {
        return each([=](int i) { return int32_t(from[i]); });
    }
    static Bytes gather(const uint8_t* from, const int32_t* at) {
        return each([=](int i) { return from[at[i]]; });
    }
};
inline Bytes operator&(Bytes a, Bytes b) {
    return Bytes::each([=](int i) { return a.values[i] & b.values[i]; });
}
inline Bytes operator-(Bytes a, Bytes b) {
    return Bytes::each([=](int i) { return a.values[i] - b.values[i]; });
}
inline Bytes operator==(Bytes a, Bytes b) {
    return Bytes::each([=](int i) { return -(a.values[i] == b.values[i]); });
}
inline Bytes operator>(Bytes a, Bytes b) {
    return Bytes::each([=](int i) { return -(a.values[i] > b.values[i]); });
}
#endif

using Bits = uint64_t;

}  // namespace
}  // namespace bottomup::cpu
