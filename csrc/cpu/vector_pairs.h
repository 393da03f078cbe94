// Candidate pairs, kLanes at a time. Part of vectors.cpp, which alone includes it and whose rules hold here too.
#pragma once

#include "simd.h"
#include "vectors.h"

namespace bottomup::cpu {
namespace {

// Which of kLanes values are kept, from a flag for each.
class Kept {
public:
    explicit Kept(const int32_t* flags) {
#if defined(__AVX512F__)
        const __m512i all = _mm512_load_si512(flags);
        mask_ = _mm512_test_epi32_mask(all, all);
        count_ = __builtin_popcount(mask_);
#else
        for (int i = 0; i < kLanes; ++i) {
            lanes_[count_] = i;
            count_ += flags[i];
        }
#endif
    }

    int count() const { return count_; }

    // Up to kLanes values are written, and all are read before.
    template <class T>
    void move(const T* from, T* to) const {
#if defined(__AVX512F__)
        // In a register: straight to memory is slow on some processors.
        _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(mask_, _mm512_loadu_si512(from)));
#else
        for (int k = 0; k < count_; ++k) to[k] = from[lanes_[k]];
#endif
    }

private:
#if defined(__AVX512F__)
    __mmask16 mask_;
#else
    int32_t lanes_[kLanes];
#endif
    int count_ = 0;
};

void move(const Kept& kept, const PairColumns& from, const PairColumns& to) {
    kept.move(from.first, to.first), kept.move(from.second, to.second);
    kept.move(from.x0, to.x0), kept.move(from.y0, to.y0);
    kept.move(from.dx, to.dx), kept.move(from.dy, to.dy);
}

// Samples of kLanes pairs, as they are counted (which floats do exactly) and weighed.
struct Lanes {
    alignas(64) float ux[kLanes], uy[kLanes], directed[kLanes];  // as in a Segment
    alignas(64) float samples[kLanes], allowed[kLanes], failed[kLanes];
    alignas(64) float bad[kLanes];  // 1 if a sample that counts is not finite
    alignas(64) float sum[kLanes], energies[kLanes];  // of the components along the limb, and of the vectors' squares
};

void measure(const PairColumns& pairs, const LimbRule& limb_rule, Lanes& to) {
    const LimbRule rule = limb_rule;
    Lanes* BOTTOMUP_RESTRICT lanes = &to;
    for (int i = 0; i < kLanes; ++i) {
        const float dx = pairs.dx[i], dy = pairs.dy[i];
        const float length = sqrtf(dx * dx + dy * dy), divisor = length > 0.0f ? length : 1.0f;
        const int32_t samples = sample_count(length, rule.max_samples);
        lanes->ux[i] = dx / divisor, lanes->uy[i] = dy / divisor;
        lanes->directed[i] = length < 1.0f ? length : 1.0f;
        lanes->samples[i] = float(samples), lanes->allowed[i] = float(allowed_failures(rule.coverage, samples));
        lanes->failed[i] = 0.0f, lanes->bad[i] = 0.0f, lanes->sum[i] = 0.0f, lanes->energies[i] = 0.0f;
    }
}

}  // namespace
}  // namespace bottomup::cpu
