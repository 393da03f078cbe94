// score_limbs on the CPU: ring by ring of lengths, the pairs of a ring that are within reach of one of their ends.
#include <algorithm>
#include <numeric>
#include <utility>

#include "limb_scan.h"
#include "parallel.h"

namespace bottomup::cpu {
namespace {

// How far the candidates of an image look in the next ring, from how near they have found partners.
void set_reach(Crowd& crowd, const std::vector<Limb>& limbs, size_t begin, size_t end, int64_t first,
               std::vector<float>& farthest) {
    const auto each_end = [&](auto visit) {
        for (size_t n = begin; n < end; ++n) {
            for (const bool second : {false, true}) {
                const Neighbours& side = limbs[n].side(second);
                const size_t ends = limbs[n].end(second, 0);
                for (int64_t i = 0; i < side.size(); ++i) visit(ends + size_t(i), size_t(side.first() - first + i));
            }
        }
    };
    std::fill(farthest.begin(), farthest.end(), 0.0f);
    each_end([&](size_t at, size_t candidate) {
        const float near = crowd.near[at];
        farthest[candidate] = std::max(farthest[candidate], near < kUnlimited ? near : 0.0f);
    });
    each_end([&](size_t at, size_t candidate) {
        crowd.reach[at] = reach_of(crowd.near[at], farthest[candidate], crowd.criteria);
    });
}

// Sorts pairs by one of their candidates, from all those of a side; equals keep their order.
void sort_by(const std::vector<int32_t>& candidates, const Neighbours& side, std::vector<int32_t>& pairs) {
    std::vector<int32_t> next(size_t(side.size())), sorted(pairs.size());
    for (const int32_t candidate : candidates) ++next[size_t(candidate - side.first())];
    int32_t before = 0;
    for (int32_t& count : next) count = std::exchange(before, before + count);
    for (const int32_t pair : pairs) sorted[size_t(next[size_t(candidates[size_t(pair)] - side.first())]++)] = pair;
    pairs.swap(sorted);
}

// Adds a limb's pairs in the order of the first and then of the second candidate.
void append_sorted(const Limb& limb, Pairs& pairs) {
    std::vector<int32_t> order(limb.first.size());
    std::iota(order.begin(), order.end(), 0);
    sort_by(limb.second, *limb.to, order);
    sort_by(limb.first, *limb.from, order);
    const auto append = [&](const auto& from, auto& to) {
        auto next = to.insert(to.end(), from.size(), {});
        for (const int32_t pair : order) *next++ = from[size_t(pair)];
    };
    append(limb.first, pairs.first), append(limb.second, pairs.second), append(limb.score, pairs.score);
}

template <class T>
void scan_limb(Crowd& crowd, Limb& limb, Scratch& scratch, const Ring& ring) {
    LimbScan<T>(crowd, limb, scratch).run(ring);
}

}  // namespace

Pairs score_limbs(const FieldView& pafs, const CandidateView& candidates, const int32_t* limb_ends, int64_t limb_count,
                  const LimbCriteria& criteria, int threads) {
    const int64_t joints = candidates.joints;
    const int64_t* const offsets = candidates.offsets;
    const auto scan = pafs.dtype == DType::float32   ? scan_limb<float>
                      : pafs.dtype == DType::float16 ? scan_limb<Half>
                                                     : scan_limb<BFloat16>;
    std::vector<Neighbours> types;
    types.reserve(size_t(pafs.batch * joints));
    for (int64_t n = 0; n < pafs.batch * joints; ++n)
        types.emplace_back(candidates.xy, offsets[n], offsets[n + 1], pafs.height, pafs.width);
    std::vector<Limb> limbs;
    limbs.reserve(size_t(pafs.batch * limb_count));
    Crowd crowd{pafs, candidates.scores, criteria};
    size_t ends = 0;
    for (int64_t n = 0; n < pafs.batch * limb_count; ++n) {
        const int64_t image = n / limb_count, limb = n % limb_count;
        const Neighbours* const of_image = types.data() + image * joints;
        limbs.push_back({image, limb, of_image + limb_ends[2 * limb], of_image + limb_ends[2 * limb + 1], ends});
        ends += size_t(limbs.back().from->size() + limbs.back().to->size());
    }
    if (std::max(pafs.height, pafs.width) <= kMappedSide)
        crowd.maps.reset(new uint8_t[size_t(pafs.batch * limb_count * pafs.height * pafs.width)]);
    crowd.near.assign(ends, kUnlimited), crowd.reach.assign(ends + 2 * kLanes, kUnlimited);
    std::vector<Scratch> scratch{size_t(worker_count(int64_t(limbs.size()), threads))};
    std::vector<float> farthest;
    const int rings = ring_count(pafs.height, pafs.width, criteria);
    for (int ring = 0; ring < rings; ++ring) {
        for (int64_t image = 0; ring > 0 && image < pafs.batch; ++image) {
            const int64_t first = offsets[image * joints], end = offsets[(image + 1) * joints];
            farthest.resize(size_t(end - first));
            set_reach(crowd, limbs, size_t(image * limb_count), size_t((image + 1) * limb_count), first, farthest);
        }
        parallel_for(int64_t(limbs.size()), threads, [&](int worker, int64_t n) {
            scan(crowd, limbs[size_t(n)], scratch[size_t(worker)], ring_at(ring, rings));
        });
    }
    Pairs pairs;
    pairs.offsets.assign(1, 0);
    for (const Limb& limb : limbs) {
        if (limb.non_finite && pairs.non_finite.batch < 0) pairs.non_finite = {limb.image, 2 * limb.limb, -1, -1};
        append_sorted(limb, pairs);
        pairs.offsets.push_back(int64_t(pairs.score.size()));
    }
    return pairs;
}

}  // namespace bottomup::cpu
