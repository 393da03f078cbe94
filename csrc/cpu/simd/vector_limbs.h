// What a field shows along candidate pairs. Part of vectors.cpp, which alone includes it and whose rules hold here too.
#pragma once

#include "simd.h"
#include "vector_pairs.h"
#include "vectors.h"

namespace bottomup::cpu {
namespace {

// Of Floats::kCount places the cells to the left and to the right, in their own row and in the next one.
struct Corners {
    Floats top_left, top_right, bottom_left, bottom_right;
};

// Two cells at a time: gathering them one by one is slow on most processors.
void load_corners(const LimbPlanes& planes, const int32_t* at, Corners& x, Corners& y) {
#if defined(__SSE2__) || defined(_M_X64)
    const float *const x_top = planes.x, *const x_bottom = planes.x + planes.stride;
    const float *const y_top = planes.y, *const y_bottom = planes.y + planes.stride;
    const auto two = [](const float* first, const float* second) {
        const __m128 low = _mm_castsi128_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(first)));
        return _mm_loadh_pi(low, reinterpret_cast<const __m64*>(second));
    };
    struct Cells {
        __m128 x_top, x_bottom, y_top, y_bottom;
    };
    const auto cells = [=](int i) {
        const int64_t a = at[i], b = at[i + 1];
        return Cells{two(x_top + a, x_top + b), two(x_bottom + a, x_bottom + b), two(y_top + a, y_top + b),
                     two(y_bottom + a, y_bottom + b)};
    };
#if defined(__AVX2__)
    struct WideCells {
        __m256 x_top, x_bottom, y_top, y_bottom;
    };
    const auto both = [=](int i) {
        const auto join = [](__m128 a, __m128 b) { return _mm256_insertf128_ps(_mm256_castps128_ps256(a), b, 1); };
        const Cells a = cells(i), b = cells(i + 4);
        return WideCells{join(a.x_top, b.x_top), join(a.x_bottom, b.x_bottom), join(a.y_top, b.y_top),
                         join(a.y_bottom, b.y_bottom)};
    };
#endif
#if defined(__AVX512F__)
    struct WidestCells {
        __m512 x_top, x_bottom, y_top, y_bottom;
    };
    const auto four = [=](int i) {
        const auto join = [](__m256 a, __m256 b) { return _mm512_insertf32x8(_mm512_castps256_ps512(a), b, 1); };
        const WideCells a = both(i), b = both(i + 8);
        return WidestCells{join(a.x_top, b.x_top), join(a.x_bottom, b.x_bottom), join(a.y_top, b.y_top),
                           join(a.y_bottom, b.y_bottom)};
    };
    const auto a = four(0), b = four(2);
    const auto left = [](__m512 first, __m512 second) { return Floats{_mm512_shuffle_ps(first, second, 0x88)}; };
    const auto right = [](__m512 first, __m512 second) { return Floats{_mm512_shuffle_ps(first, second, 0xdd)}; };
#elif defined(__AVX2__)
    const auto a = both(0), b = both(2);
    const auto left = [](__m256 first, __m256 second) { return Floats{_mm256_shuffle_ps(first, second, 0x88)}; };
    const auto right = [](__m256 first, __m256 second) { return Floats{_mm256_shuffle_ps(first, second, 0xdd)}; };
#else
    const auto a = cells(0), b = cells(2);
    const auto left = [](__m128 first, __m128 second) { return Floats{_mm_shuffle_ps(first, second, 0x88)}; };
    const auto right = [](__m128 first, __m128 second) { return Floats{_mm_shuffle_ps(first, second, 0xdd)}; };
#endif
    x = {left(a.x_top, b.x_top), right(a.x_top, b.x_top), left(a.x_bottom, b.x_bottom), right(a.x_bottom, b.x_bottom)};
    y = {left(a.y_top, b.y_top), right(a.y_top, b.y_top), left(a.y_bottom, b.y_bottom), right(a.y_bottom, b.y_bottom)};
#else
    const auto corners = [&](const float* plane) {
        float values[4][Floats::kCount];
        for (int i = 0; i < Floats::kCount; ++i) {
            const float* const cell = plane + at[i];
            values[0][i] = cell[0], values[1][i] = cell[1];
            values[2][i] = cell[planes.stride], values[3][i] = cell[planes.stride + 1];
        }
        return Corners{Floats::load(values[0]), Floats::load(values[1]), Floats::load(values[2]), Floats::load(values[3])};
    };
    x = corners(planes.x), y = corners(planes.y);
#endif
}

Floats between(Floats first, Floats second, Floats fraction) { return first + fraction * (second - first); }

// As bilinear(). Beyond the last column and row there is no cell: there the corners are those of the column and row before,
// and on both sides the latter ones count.
Floats blend(const Corners& corners, Mask at_right, Mask at_bottom, Floats fx, Floats fy) {
    const Floats top = between(where(at_right, corners.top_right, corners.top_left), corners.top_right, fx);
    const Floats bottom = between(where(at_right, corners.bottom_right, corners.bottom_left), corners.bottom_right, fx);
    return between(where(at_bottom, bottom, top), bottom, fy);
}

// Where the samples of a chunk lie.
struct Taps {
    alignas(64) float fx[kSlots], fy[kSlots], at_right[kSlots], at_bottom[kSlots];
    alignas(64) int32_t cell[kSlots];  // the upper left one
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
            taps->at_right[slot] = column == last ? 1.0f : 0.0f, taps->at_bottom[slot] = row == last_row ? 1.0f : 0.0f;
            taps->cell[slot] = row * stride + column - int32_t(column == last) - (row == last_row ? stride : 0);
        }
    }
}

// Looks at kChunk samples after those that were seen, as score_pair orders them.
void add_samples(const LimbPlanes& planes, float sample_threshold, int seen, const PairColumns& pairs, Lanes& lanes) {
    Taps taps;
    place_taps(planes, seen, pairs, lanes, taps);
    const Floats zero = Floats::all(0.0f), one = Floats::all(1.0f), threshold = Floats::all(sample_threshold);
    for (int i = 0; i < kLanes; i += Floats::kCount) {
        const Floats ux = Floats::load(lanes.ux + i), uy = Floats::load(lanes.uy + i);
        const Floats directed = Floats::load(lanes.directed + i);
        const Floats samples = Floats::load(lanes.samples + i), allowed = Floats::load(lanes.allowed + i);
        Floats failed = Floats::load(lanes.failed + i), bad = Floats::load(lanes.bad + i);
        Floats sum = Floats::load(lanes.sum + i), energies = Floats::load(lanes.energies + i);
        for (int sample = 0; sample < kChunk; ++sample) {
            const int slot = sample * kLanes + i;
            const Mask at_right = Floats::load(taps.at_right + slot) > zero;
            const Mask at_bottom = Floats::load(taps.at_bottom + slot) > zero;
            const Floats fx = Floats::load(taps.fx + slot), fy = Floats::load(taps.fy + slot);
            Corners x, y;
            load_corners(planes, taps.cell + slot, x, y);
            const Floats vx = blend(x, at_right, at_bottom, fx, fy), vy = blend(y, at_right, at_bottom, fx, fy);
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

int64_t keep_supported(const LimbPlanes& planes, const LimbCriteria& criteria, const PairColumns& pairs, int64_t count) {
    Lanes lanes;
    int64_t left = 0;
    fill_lanes(pairs, count);
    for (int64_t begin = 0; begin < count; begin += kLanes) {
        const PairColumns own = from_place(pairs, begin);
        measure(own, criteria, lanes);
        add_samples(planes, criteria.sample_threshold, 0, own, lanes);
        const Kept kept(unfailed(lanes) & first_bits(count - begin));
        move(kept, own, from_place(pairs, left));
        left += kept.count();
    }
    return left;
}

int64_t keep_passing(const LimbPlanes& planes, const LimbCriteria& criteria, const PairColumns& pairs, int64_t count,
                     bool* non_finite) {
    const Floats zero = Floats::all(0.0f);
    alignas(64) float means[kLanes], energies[kLanes];
    Lanes lanes;
    RowReader rows(planes, count);
    fill_lanes(pairs, count);
    int64_t left = 0;
    for (int64_t begin = 0; begin < count; begin += kLanes) {
        const PairColumns own = from_place(pairs, begin);
        measure(own, criteria, lanes);
        rows.read(own);
        for (int seen = 0; any_open(lanes, seen); seen += kChunk)
            add_samples(planes, criteria.sample_threshold, seen, own, lanes);
        uint32_t finite = 0, passing = 0;
        for (int i = 0; i < kLanes; i += Floats::kCount) {
            const Floats samples = Floats::load(lanes.samples + i), sum = Floats::load(lanes.sum + i), mean = sum / samples;
            mean.store(means + i), (Floats::load(lanes.energies + i) / samples).store(energies + i);
            finite |= ((sum * zero >= zero) & (zero >= Floats::load(lanes.bad + i))).bits() << i;
            passing |= (mean >= Floats::all(criteria.threshold)).bits() << i;
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
