// Compiled once per instruction set, with BOTTOMUP_ISA as its name. Nothing here may end up in another file's functions,
// since that file might run where these instructions do not exist: so no templates or inline functions of the standard
// library, and those of this project are static.
#include "vectors.h"

#include "../../peaks.h"
#include "simd.h"
#include "vector_limbs.h"
#include "vector_map.h"
#include "vector_painting.h"
#include "vector_partners.h"

namespace bottomup::cpu {
namespace {

template <class T>
void widen(const T* BOTTOMUP_RESTRICT from, float* BOTTOMUP_RESTRICT to, int64_t count) {
    for (int64_t i = 0; i < count; ++i) to[i] = to_float(from[i]);
}

// Which cells of a block reach the threshold; `finite` becomes false if one is not.
Bits reaching(const float* row, Floats threshold, bool& finite) {
    const Floats zero = Floats::all(0.0f);
    Mask same = zero >= zero;
    Bits bits = 0;
    for (int i = 0; i < kBlock; i += Floats::kCount) {
        const Floats here = Floats::load(row + i);
        same = same & (here * zero >= zero);  // infinity and NaN become NaN
        bits |= Bits((here >= threshold).bits()) << i;
    }
    finite = finite && same.bits() == (zero >= zero).bits();
    return bits;
}

// Which cells of a block neither of two other blocks exceeds, cell by cell.
Bits unexceeded(const float* row, const float* one, const float* other) {
    Bits bits = 0;
    for (int i = 0; i < kBlock; i += Floats::kCount) {
        const Floats here = Floats::load(row + i);
        bits |= Bits(((here >= Floats::load(one + i)) & (here >= Floats::load(other + i))).bits()) << i;
    }
    return bits;
}

int64_t peak_columns(const float* above, const float* row, const float* below, int64_t width, float threshold,
                     int32_t* columns) {
    const Floats lowest = Floats::all(threshold);
    int64_t found = 0, begin = 1;
    const int64_t end = width - 1;  // the first and the last column have no cell on one side; the caller looks at them
    bool finite = is_finite(row[0]) && is_finite(row[end]);
    if (row[0] >= threshold) columns[found++] = 0;
    for (; begin < end && end > kBlock; begin += kBlock) {
        // The last block moves back to be a whole one, and leaves out what was seen before.
        const int64_t first = end - begin >= kBlock ? begin : end - kBlock;
        Bits bits = reaching(row + first, lowest, finite) >> (begin - first) << (begin - first);
        if (bits == 0) continue;
        bits &= unexceeded(row + first, above + first, below + first);
        if (bits == 0) continue;
        bits &= unexceeded(row + first, row + first - 1, row + first + 1);
        for (; bits != 0; bits &= bits - 1) columns[found++] = int32_t(first + lowest_bit(bits));
    }
    for (; begin < end; ++begin) {  // a field narrower than a block
        finite = finite && is_finite(row[begin]);
        if (row[begin] >= threshold && row[begin] >= above[begin] && row[begin] >= below[begin])
            columns[found++] = int32_t(begin);
    }
    if (width > 1 && row[end] >= threshold) columns[found++] = int32_t(end);
    return finite ? found : -1;
}

void fit_axes(const float* BOTTOMUP_RESTRICT before, const float* BOTTOMUP_RESTRICT here,
              const float* BOTTOMUP_RESTRICT after, float* BOTTOMUP_RESTRICT position, float* BOTTOMUP_RESTRICT curvature,
              int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
        const bool fits = here[i] > 0.0f;
        const AxisFit fit = fit_axis(before[i], fits ? here[i] : 1.0f, after[i]);
        position[i] += fits ? fit.offset : 0.0f;
        curvature[i] = fits ? fit.curvature : 0.0f;
    }
}

void extents(const float* BOTTOMUP_RESTRICT curvature_x, const float* BOTTOMUP_RESTRICT curvature_y,
             float* BOTTOMUP_RESTRICT extent, int64_t count) {
    for (int64_t i = 0; i < count; ++i) extent[i] = extent_from_curvature((curvature_x[i] + curvature_y[i]) / 2.0f);
}

// How many of one comparison's lanes are set.
int count_lanes(uint32_t bits) { return Floats::kCount <= 4 ? "\0\1\1\2\1\2\2\3\1\2\2\3\2\3\3\4"[bits] : count_bits(bits); }

void rank_falling(const float* values, int32_t* rank, int64_t count) {
    constexpr int64_t kGroup = Floats::kCount;
    constexpr uint32_t kAll = (1u << kGroup) - 1;
    for (int64_t i = 0; i < count; ++i) {
        const Floats value = Floats::all(values[i]);
        const int64_t own = i / kGroup * kGroup;
        int before = 0;
        for (int64_t j = 0; j < own; j += kGroup) before += count_lanes((Floats::load(values + j) >= value).bits());
        const uint32_t earlier = (1u << (i - own)) - 1;  // in its own group
        const Floats beside = Floats::load(values + own);
        before += count_lanes(((beside >= value).bits() & earlier) | (~(value >= beside).bits() & kAll & ~earlier));
        for (int64_t j = own + kGroup; j < count; j += kGroup)
            before += int(kGroup) - count_lanes((value >= Floats::load(values + j)).bits());
        rank[i] = int32_t(before);
    }
}

}  // namespace

extern const VectorLoops BOTTOMUP_ISA;
const VectorLoops BOTTOMUP_ISA{BOTTOMUP_ISA_NAME, widen<Half>,    widen<BFloat16>, peak_columns,   fit_axes,
                               extents,           rank_falling,   map_octants,     square_reaches, find_partners,
                               keep_mapped,       keep_supported, keep_passing,    cover_bar,      cover_disc,
                               blend_rows};

}  // namespace bottomup::cpu
