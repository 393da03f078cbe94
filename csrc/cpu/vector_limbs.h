// What a field shows along candidate pairs. Part of vectors.cpp, which alone includes it and whose rules hold here too.
#pragma once

#include "simd.h"
#include "vector_pairs.h"
#include "vectors.h"

namespace bottomup::cpu {
namespace {

// Two cells side by side at places of a channel. Gathering them is slow on most processors.
void load_two(const float* plane, const int32_t* at, float* BOTTOMUP_RESTRICT left, float* BOTTOMUP_RESTRICT right) {
#if defined(__AVX2__) || defined(__SSE2__) || defined(_M_X64)
    const auto cells = [=](int i) {
        const __m128 first = _mm_castsi128_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(plane + at[i])));
        return _mm_loadh_pi(first, reinterpret_cast<const __m64*>(plane + at[i + 1]));
    };
#endif
#if defined(__AVX512F__) || defined(__AVX2__)
    const auto both = [=](int i) { return _mm256_insertf128_ps(_mm256_castps128_ps256(cells(i)), cells(i + 4), 1); };
#endif
#if defined(__AVX512F__)
    const auto four = [=](int i) { return _mm512_insertf32x8(_mm512_castps256_ps512(both(i)), both(i + 8), 1); };
    for (int i = 0; i < kSlots; i += 16) {
        const __m512 a = four(i), b = four(i + 2);
        _mm512_store_ps(left + i, _mm512_shuffle_ps(a, b, 0x88));
        _mm512_store_ps(right + i, _mm512_shuffle_ps(a, b, 0xdd));
    }
#elif defined(__AVX2__)
    for (int i = 0; i < kSlots; i += 8) {
        const __m256 a = both(i), b = both(i + 2);
        _mm256_store_ps(left + i, _mm256_shuffle_ps(a, b, 0x88));
        _mm256_store_ps(right + i, _mm256_shuffle_ps(a, b, 0xdd));
    }
#elif defined(__SSE2__) || defined(_M_X64)
    for (int i = 0; i < kSlots; i += 4) {
        const __m128 a = cells(i), b = cells(i + 2);
        _mm_store_ps(left + i, _mm_shuffle_ps(a, b, 0x88));
        _mm_store_ps(right + i, _mm_shuffle_ps(a, b, 0xdd));
    }
#else
    for (int i = 0; i < kSlots; ++i) left[i] = plane[at[i]], right[i] = plane[at[i] + 1];
#endif
}

struct Corners {
    alignas(64) float top_left[kSlots], top_right[kSlots], bottom_left[kSlots], bottom_right[kSlots];
};

Floats between(Floats first, Floats second, Floats fraction) { return first + fraction * (second - first); }

// As bilinear(). In the last column there is no cell to the right: then the corners on both sides are the right ones.
Floats blend(const Corners& corners, int slot, Mask at_edge, Floats fx, Floats fy) {
    const Floats top_right = Floats::load(corners.top_right + slot), bottom_right = Floats::load(corners.bottom_right + slot);
    const Floats top_left = where(at_edge, top_right, Floats::load(corners.top_left + slot));
    const Floats bottom_left = where(at_edge, bottom_right, Floats::load(corners.bottom_left + slot));
    return between(between(top_left, top_right, fx), between(bottom_left, bottom_right, fx), fy);
}

// Where the samples of a chunk lie.
struct Taps {
    alignas(64) float fx[kSlots], fy[kSlots], at_edge[kSlots];
    alignas(64) int32_t above[kSlots], below[kSlots];
};

void place_taps(const LimbPlanes& planes, int seen, const PairColumns& pairs, const Lanes& lanes, Taps& to) {
    Taps* BOTTOMUP_RESTRICT taps = &to;
    const int32_t stride = int32_t(planes.stride), last_row = int32_t(planes.height - 1), last = int32_t(planes.width - 1);
    const float edge_x = float(last), edge_y = float(last_row);
    for (int sample = 0; sample < kChunk; ++sample) {
        for (int i = 0; i < kLanes; ++i) {
            const int slot = sample * kLanes + i;
            const auto samples = int32_t(lanes.samples[i]);
            const float t = float(sample_at(seen + sample, samples)) / float(samples - 1);
            const float x = clamped(pairs.x0[i] + t * pairs.dx[i], edge_x);
            const float y = clamped(pairs.y0[i] + t * pairs.dy[i], edge_y);
            const int32_t column = int32_t(x), row = int32_t(y);
            taps->fx[slot] = x - float(column), taps->fy[slot] = y - float(row);
            taps->at_edge[slot] = column == last ? 1.0f : 0.0f;
            taps->above[slot] = row * stride + column - int32_t(column == last);
            taps->below[slot] = taps->above[slot] + (row < last_row ? stride : 0);
        }
    }
}

// Looks at kChunk samples after those that were seen, as score_pair orders them.
void add_samples(const LimbPlanes& planes, float sample_threshold, int seen, const PairColumns& pairs, Lanes& lanes) {
    Taps taps;
    Corners x, y;
    place_taps(planes, seen, pairs, lanes, taps);
    load_two(planes.x, taps.above, x.top_left, x.top_right), load_two(planes.x, taps.below, x.bottom_left, x.bottom_right);
    load_two(planes.y, taps.above, y.top_left, y.top_right), load_two(planes.y, taps.below, y.bottom_left, y.bottom_right);
    const Floats zero = Floats::all(0.0f), one = Floats::all(1.0f), threshold = Floats::all(sample_threshold);
    for (int i = 0; i < kLanes; i += Floats::kCount) {
        const Floats ux = Floats::load(lanes.ux + i), uy = Floats::load(lanes.uy + i);
        const Floats directed = Floats::load(lanes.directed + i);
        const Floats samples = Floats::load(lanes.samples + i), allowed = Floats::load(lanes.allowed + i);
        Floats failed = Floats::load(lanes.failed + i), bad = Floats::load(lanes.bad + i);
        Floats sum = Floats::load(lanes.sum + i), energies = Floats::load(lanes.energies + i);
        for (int sample = 0; sample < kChunk; ++sample) {
            const int slot = sample * kLanes + i;
            const Mask at_edge = Floats::load(taps.at_edge + slot) > zero;
            const Floats fx = Floats::load(taps.fx + slot), fy = Floats::load(taps.fy + slot);
            const Floats vx = blend(x, slot, at_edge, fx, fy), vy = blend(y, slot, at_edge, fx, fy);
            const Floats energy = vx * vx + vy * vy, component = vx * ux + vy * uy;
            const Floats along = where(one > directed, directed * component + (one - directed) * sqrt(energy), component);
            // What comes after a lane is decided does not count any more.
            const Mask counts = (samples > Floats::all(float(seen + sample))) & (allowed >= failed) & (zero >= bad);
            const Mask finite = along * zero >= zero;  // infinity and NaN become NaN
            bad = where(counts, where(finite, zero, one), bad);
            failed = failed + where(counts & finite & (threshold > along), one, zero);
            sum = sum + where(counts, along, zero);
            energies = energies + where(counts, energy, zero);
        }
        failed.store(lanes.failed + i), bad.store(lanes.bad + i);
        sum.store(lanes.sum + i), energies.store(lanes.energies + i);
    }
}

// Reads rows in the order in which pairs come that are sorted by bands, so that their samples need not be waited for. Fields
// of many people do not fit into the nearer caches.
class RowReader {
public:
    RowReader(const LimbPlanes& planes, int64_t pairs)
        : planes_(planes), next_(pairs * kCellsPerPair < planes.height * planes.width ? planes.height : 0) {}

    // Those that the next kLanes pairs need, and what lies above.
    void read(const PairColumns& pairs) {
        float lowest = 0.0f;
        for (int i = 0; i < kLanes; ++i) {
            const float end = pairs.y0[i] + pairs.dy[i], lower = end > pairs.y0[i] ? end : pairs.y0[i];
            lowest = lower > lowest ? lower : lowest;
        }
        const auto until = int64_t(clamped(lowest + 2.0f, float(planes_.height)));
        for (; next_ < until; ++next_) {
            const volatile float *x = planes_.x + next_ * planes_.stride, *y = planes_.y + next_ * planes_.stride;
            for (int64_t column = 0; column < planes_.width; column += kLine) (void)x[column], (void)y[column];
        }
    }

private:
    static constexpr int64_t kCellsPerPair = 200;  // with more pairs most lines are needed
    static constexpr int64_t kLine = 16;           // floats

    const LimbPlanes planes_;
    int64_t next_;
};

int64_t keep_supported(const LimbPlanes& planes, const LimbRule& rule, const PairColumns& pairs, int64_t count) {
    Lanes lanes;
    int64_t left = 0;
    fill_lanes(pairs, count);
    for (int64_t begin = 0; begin < count; begin += kLanes) {
        const PairColumns own = from_place(pairs, begin);
        measure(own, rule, lanes);
        add_samples(planes, rule.sample_threshold, 0, own, lanes);
        const Kept kept(unfailed(lanes) & first_bits(count - begin));
        move(kept, own, from_place(pairs, left));
        left += kept.count();
    }
    return left;
}

int64_t keep_passing(const LimbPlanes& planes, const LimbRule& rule, const PairColumns& pairs, int64_t count,
                     bool* non_finite) {
    const Floats zero = Floats::all(0.0f);
    alignas(64) float means[kLanes], energies[kLanes];
    Lanes lanes;
    RowReader rows(planes, count);
    fill_lanes(pairs, count);
    int64_t left = 0;
    for (int64_t begin = 0; begin < count; begin += kLanes) {
        const PairColumns own = from_place(pairs, begin);
        measure(own, rule, lanes);
        rows.read(own);
        for (int seen = 0; any_open(lanes, seen); seen += kChunk) add_samples(planes, rule.sample_threshold, seen, own, lanes);
        uint32_t finite = 0, passing = 0;
        for (int i = 0; i < kLanes; i += Floats::kCount) {
            const Floats samples = Floats::load(lanes.samples + i), sum = Floats::load(lanes.sum + i), mean = sum / samples;
            mean.store(means + i), (Floats::load(lanes.energies + i) / samples).store(energies + i);
            finite |= ((sum * zero >= zero) & (zero >= Floats::load(lanes.bad + i))).bits() << i;
            passing |= (mean >= Floats::all(rule.threshold)).bits() << i;
        }
        const uint32_t seen = unfailed(lanes) & first_bits(count - begin);  // to the end
        *non_finite = *non_finite || (seen & ~finite) != 0;
        const Kept kept(seen & finite & passing);
        move(kept, own, from_place(pairs, left));
        kept.move(means, means), kept.move(energies, energies);
        for (int k = 0; k < kept.count(); ++k) pairs.score[left + k] = coherent_mean(means[k], energies[k]);
        left += kept.count();
    }
    return left;
}

}  // namespace
}  // namespace bottomup::cpu
