// A few floats at once, and comparisons of them, for the instruction set that this file is compiled for.
#pragma once

#include <cmath>
#include <cstdint>

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
inline Floats where(Mask mask, Floats a, Floats b) { return {mask.mask ? a.values : b.values}; }
#endif

using Bits = uint64_t;

int lowest_bit(Bits bits) {
#if defined(__GNUC__)
    return __builtin_ctzll(bits);
#else
    int place = 0;
    while (!(bits >> place & 1)) ++place;
    return place;
#endif
}

}  // namespace
}  // namespace bottomup::cpu
