// score_limbs on the CPU: ring by ring of lengths, the pairs of a ring that are within reach of one of their ends.
#include <algorithm>
#include <numeric>
#include <utility>

#include "limb_scan.h"
#include "parallel.h"

namespace bottomup::cpu {
namespace {

// How far the candidates of an image look in the next ring, from how near they have found partners.
void set_reach(Crowd& crowd, const std::vector<Limb>& limbs, size_t begin, size_t end, int64_t first, std::vector<float>& farthest) {
    const auto each_end = [&](auto visit) {
        for (size_t n = begin; n < end; ++n) {
            for (int64_t i = limbs[n].a0; i < limbs[n].a1; ++i) visit(limbs[n].first_end(i), size_t(i - first));
            for (int64_t j = limbs[n].b0; j < limbs[n].b1; ++j) visit(limbs[n].second_end(j), size_t(j - first));
        }
    };
    std::fill(farthest.begin(), farthest.end(), 0.0f);
    each_end([&](size_t at, size_t candidate) {
        const float near = crowd.near[at];
        farthest[candidate] = std::max(farthest[candidate], near < kUnlimited ? near : 0.0f);
    });
    each_end([&](size_t at, size_t candidate) { crowd.reach[at] = reach_of(crowd.near[at], farthest[candidate], crowd.rule); });
}

// Adds a limb's pairs in the order of the first and then of the second candidate.
void append_sorted(const Limb& limb, std::vector<std::pair<uint64_t, float>>& sorted, Pairs& pairs) {
    sorted.clear();
    for (size_t k = 0; k < limb.first.size(); ++k)
        sorted.emplace_back(uint64_t(limb.first[k]) << 32 | uint64_t(limb.second[k]), limb.score[k]);
    std::sort(sorted.begin(), sorted.end());
    for (const auto& [key, score] : sorted) {
        pairs.first.push_back(int32_t(key >> 32));
        pairs.second.push_back(int32_t(key & 0xffffffffu));
        pairs.score.push_back(score);
    }
}

template <class T>
void scan_limb(Crowd& crowd, Limb& limb, Scratch& scratch, const Ring& ring, const Neighbours& from, const Neighbours& to) {
    LimbScan<T>(crowd, limb, scratch).run(ring, from, to);
}

}  // namespace

Pairs score_limbs(const FieldView& pafs, const CandidateView& candidates, const int32_t* limb_ends, int64_t limb_count,
                  const LimbRule& rule, int threads) {
    const int64_t joints = candidates.joints;
    const int64_t* const offsets = candidates.offsets;
    const auto scan = pafs.dtype == DType::float32   ? scan_limb<float>
                      : pafs.dtype == DType::float16 ? scan_limb<Half>
                                                     : scan_limb<BFloat16>;
    std::vector<Neighbours> types;
    types.reserve(size_t(pafs.batch * joints));
    std::vector<int32_t> numbers;
    for (int64_t n = 0; n < pafs.batch * joints; ++n) {
        numbers.resize(size_t(offsets[n + 1] - offsets[n]));
        std::iota(numbers.begin(), numbers.end(), int32_t(offsets[n]));
        types.emplace_back(candidates.xy, numbers, pafs.height);
    }
    std::vector<Limb> limbs;
    Crowd crowd{pafs, candidates.xy, candidates.scores, rule};
    size_t ends = 0;
    for (int64_t n = 0; n < pafs.batch * limb_count; ++n) {
        const int64_t image = n / limb_count, limb = n % limb_count;
        const int64_t* const from = offsets + image * joints + limb_ends[2 * limb];
        const int64_t* const to = offsets + image * joints + limb_ends[2 * limb + 1];
        limbs.push_back({image, limb, from[0], from[1], to[0], to[1], ends});
        ends += size_t(from[1] - from[0] + to[1] - to[0]);
    }
    crowd.near.assign(ends, kUnlimited), crowd.reach.assign(ends, kUnlimited);
    std::vector<Scratch> scratch{size_t(worker_count(int64_t(limbs.size()), threads))};
    std::vector<float> farthest;
    const int rings = ring_count(pafs.height, pafs.width, rule);
    for (int ring = 0; ring < rings; ++ring) {
        for (int64_t image = 0; ring > 0 && image < pafs.batch; ++image) {
            const int64_t first = offsets[image * joints], end = offsets[(image + 1) * joints];
            farthest.resize(size_t(end - first));
            set_reach(crowd, limbs, size_t(image * limb_count), size_t((image + 1) * limb_count), first, farthest);
        }
        parallel_for(int64_t(limbs.size()), threads, [&](int worker, int64_t n) {
            Limb& limb = limbs[size_t(n)];
            const Neighbours* const of_image = types.data() + limb.image * joints;
            scan(crowd, limb, scratch[size_t(worker)], ring_at(ring, rings), of_image[limb_ends[2 * limb.limb]],
                 of_image[limb_ends[2 * limb.limb + 1]]);
        });
    }
    Pairs pairs;
    pairs.offsets.assign(1, 0);
    std::vector<std::pair<uint64_t, float>> sorted;
    for (const Limb& limb : limbs) {
        if (limb.non_finite && pairs.non_finite.batch < 0) pairs.non_finite = {limb.image, 2 * limb.limb, -1, -1};
        append_sorted(limb, sorted, pairs);
        pairs.offsets.push_back(int64_t(pairs.score.size()));
    }
    return pairs;
}

}  // namespace bottomup::cpu
