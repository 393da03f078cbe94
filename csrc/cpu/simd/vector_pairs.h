// Candidate pairs, kLanes at a time. Part of vectors.cpp, which alone includes it and whose rules hold here too.
#pragma once

#include "simd.h"
#include "vectors.h"

namespace bottomup::cpu {
namespace {

// Those of kLanes values that are kept, from a bit for each.
class Kept {
   public:
    explicit Kept(uint32_t bits) {
#if defined(__AVX512F__)
        mask_ = __mmask16(bits), count_ = count_bits(bits);
#else
        for (; bits != 0; bits &= bits - 1) lanes_[count_++] = lowest_bit(bits);
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
    int lanes_[kLanes];
#endif
    int count_ = 0;
};

void move(const Kept& kept, const PairColumns& from, const PairColumns& to) {
    kept.move(from.first, to.first), kept.move(from.second, to.second);
    kept.move(from.x0, to.x0), kept.move(from.y0, to.y0);
    kept.move(from.dx, to.dx), kept.move(from.dy, to.dy);
}

// Makes the lanes beyond the last pair short ones, which are soon done.
void fill_lanes(const PairColumns& pairs, int64_t count) {
    for (int64_t i = count; i < count + kLanes; ++i) pairs.x0[i] = pairs.y0[i] = pairs.dx[i] = pairs.dy[i] = 0.0f;
}

// So many samples of kLanes pairs are looked at together, so that there is always something to do while others are loaded.
constexpr int kChunk = 4, kSlots = kChunk * kLanes;

// Samples of kLanes pairs, as they are counted (which floats do exactly) and weighed.
struct Lanes {
    alignas(64) float ux[kLanes], uy[kLanes], directed[kLanes];  // as in a Segment
    alignas(64) float samples[kLanes], allowed[kLanes], failed[kLanes];
    alignas(64) float bad[kLanes];  // 1 if a sample that counts is not finite
    alignas(64) float sum[kLanes], energies[kLanes];  // of the components along the limb, and of the vectors' squares
};

// How many samples each pair has, and how many of them may fail. Returns the lengths in `length`.
void count_samples(const PairColumns& pairs, const LimbCriteria& limb_criteria, Lanes& to,
                   float* BOTTOMUP_RESTRICT length) {
    const LimbCriteria criteria = limb_criteria;
    Lanes* BOTTOMUP_RESTRICT lanes = &to;
    for (int i = 0; i < kLanes; ++i) {
        length[i] = sqrtf(pairs.dx[i] * pairs.dx[i] + pairs.dy[i] * pairs.dy[i]);
        const int32_t samples = sample_count(length[i], criteria.max_samples);
        lanes->samples[i] = float(samples), lanes->allowed[i] = float(allowed_failures(criteria.coverage, samples));
        lanes->failed[i] = 0.0f, lanes->bad[i] = 0.0f;
    }
}

// What add_samples needs to begin with.
void measure(const PairColumns& pairs, const LimbCriteria& criteria, Lanes& to) {
    alignas(64) float length[kLanes];
    count_samples(pairs, criteria, to, length);
    Lanes* BOTTOMUP_RESTRICT lanes = &to;
    for (int i = 0; i < kLanes; ++i) {
        const float divisor = length[i] > 0.0f ? length[i] : 1.0f;
        lanes->ux[i] = pairs.dx[i] / divisor, lanes->uy[i] = pairs.dy[i] / divisor;
        lanes->directed[i] = length[i] < 1.0f ? length[i] : 1.0f;
        lanes->sum[i] = 0.0f, lanes->energies[i] = 0.0f;
    }
}

uint32_t first_bits(int64_t count) { return count < kLanes ? (1u << count) - 1 : (1u << kLanes) - 1; }

// Which lanes have not failed, a bit for each.
uint32_t unfailed(const Lanes& lanes) {
    uint32_t bits = 0;
    for (int i = 0; i < kLanes; i += Floats::kCount)
        bits |= (Floats::load(lanes.allowed + i) >= Floats::load(lanes.failed + i)).bits() << i;
    return bits;
}

// Whether a lane is undecided after so many samples.
bool any_open(const Lanes& lanes, int seen) {
    uint32_t open = 0;
    for (int i = 0; i < kLanes; i += Floats::kCount) {
        const Mask unfailed = Floats::load(lanes.allowed + i) >= Floats::load(lanes.failed + i);
        const Mask more = Floats::load(lanes.samples + i) > Floats::all(float(seen));
        open |= (unfailed & more & (Floats::all(0.0f) >= Floats::load(lanes.bad + i))).bits();
    }
    return open != 0;
}

}  // namespace
}  // namespace bottomup::cpu
