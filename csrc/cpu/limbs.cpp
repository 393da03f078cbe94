// score_limbs on the CPU: every pair near enough is integrated, most stop after a few samples, those that pass are kept.
#include "../kernels.h"
#include "parallel.h"

namespace bottomup::cpu {
namespace {

struct Found {
    std::vector<int32_t> first, second;
    std::vector<float> score;
};

// Pairs between candidates [a0, a1) and [b0, b1). False if a sampled value is not finite.
template <class T>
bool scan_limb(const FieldView& pafs, int64_t b, int64_t limb, const float* xy, int64_t a0, int64_t a1, int64_t b0,
               int64_t b1, const LimbRule& rule, Found& found) {
    const Plane<T> paf_x(pafs, b, 2 * limb);
    const Plane<T> paf_y(pafs, b, 2 * limb + 1);
    for (int64_t i = a0; i < a1; ++i) {
        for (int64_t j = b0; j < b1; ++j) {
            float score = 0;
            const PairResult result = score_pair(paf_x, paf_y, pafs.height, pafs.width, xy[2 * i], xy[2 * i + 1],
                                                 xy[2 * j], xy[2 * j + 1], rule, &score);
            if (result == PairResult::non_finite) return false;
            if (result == PairResult::rejected) continue;
            found.first.push_back(int32_t(i)), found.second.push_back(int32_t(j)), found.score.push_back(score);
        }
    }
    return true;
}

}  // namespace

Pairs score_limbs(const FieldView& pafs, const float* xy, const int64_t* offsets, int64_t joints, const int32_t* limbs,
                  int64_t limb_count, const LimbRule& rule, int threads) {
    const int64_t total = pafs.batch * limb_count;
    std::vector<Found> found{size_t(total)};
    std::vector<NonFinite> non_finite{size_t(total)};
    parallel_for(total, threads, [&](int, int64_t n) {
        const int64_t b = n / limb_count, limb = n % limb_count;
        const int64_t* from = offsets + b * joints + limbs[2 * limb];
        const int64_t* to = offsets + b * joints + limbs[2 * limb + 1];
        const auto scan = pafs.dtype == DType::float32   ? scan_limb<float>
                          : pafs.dtype == DType::float16 ? scan_limb<Half>
                                                         : scan_limb<BFloat16>;
        if (!scan(pafs, b, limb, xy, from[0], from[1], to[0], to[1], rule, found[size_t(n)]))
            non_finite[size_t(n)] = {b, 2 * limb, -1, -1};
    });
    Pairs pairs;
    pairs.offsets.assign(1, 0);
    for (size_t n = 0; n < size_t(total); ++n) {
        if (non_finite[n].batch >= 0 && pairs.non_finite.batch < 0) pairs.non_finite = non_finite[n];
        pairs.first.insert(pairs.first.end(), found[n].first.begin(), found[n].first.end());
        pairs.second.insert(pairs.second.end(), found[n].second.begin(), found[n].second.end());
        pairs.score.insert(pairs.score.end(), found[n].score.begin(), found[n].score.end());
        pairs.offsets.push_back(int64_t(pairs.score.size()));
    }
    return pairs;
}

}  // namespace bottomup::cpu
