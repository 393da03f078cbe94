// Joints at which traces end, put among the candidates and pairs in the order that those have.
#include <algorithm>
#include <numeric>

#include "../kernels.h"

namespace bottomup {
namespace {

struct NewPair {
    int32_t limb, first, second;
    float affinity;
};

}  // namespace

Found insert_ends(const CandidateView& candidates, const PairView& pairs, int64_t images, const LimbEnds& ends) {
    const int64_t types = images * candidates.joints, limbs = images * pairs.limbs;
    // The new joints by type and falling score, those found first of equals.
    std::vector<int32_t> order(ends.type.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
        return ends.type[size_t(a)] != ends.type[size_t(b)] ? ends.type[size_t(a)] < ends.type[size_t(b)]
                                                            : ends.score[size_t(a)] > ends.score[size_t(b)];
    });
    Found found;
    std::vector<int32_t> number(size_t(candidates.count) + order.size());  // of each candidate and new joint
    const auto add = [&](int64_t index, float x, float y, float score, float extent) {
        number[size_t(index)] = int32_t(found.score.size());
        found.xy.push_back(x), found.xy.push_back(y);
        found.score.push_back(score), found.extent.push_back(extent);
    };
    found.offsets.push_back(0);
    auto next = order.begin();
    for (int64_t type = 0; type < types; ++type) {
        const auto add_new = [&](float lower_than) {
            for (; next != order.end() && ends.type[size_t(*next)] == type && ends.score[size_t(*next)] > lower_than;
                 ++next)
                add(candidates.count + *next, ends.xy[2 * size_t(*next)], ends.xy[2 * size_t(*next) + 1],
                    ends.score[size_t(*next)], ends.extent[size_t(*next)]);
        };
        for (int64_t i = candidates.offsets[type]; i < candidates.offsets[type + 1]; ++i) {
            add_new(candidates.scores[i]);
            add(i, candidates.xy[2 * i], candidates.xy[2 * i + 1], candidates.scores[i], candidates.extents[i]);
        }
        add_new(-1.0f);
        found.offsets.push_back(int64_t(found.score.size()));
    }

    // The candidates that were there keep their order, and so do their pairs.
    std::vector<NewPair> more;
    for (size_t n = 0; n < ends.limb.size(); ++n)
        more.push_back({ends.limb[n], number[size_t(ends.first[n])], number[size_t(ends.second[n])], ends.affinity[n]});
    const auto earlier = [](const NewPair& a, const NewPair& b) {
        if (a.limb != b.limb) return a.limb < b.limb;
        return a.first != b.first ? a.first < b.first : a.second < b.second;
    };
    std::stable_sort(more.begin(), more.end(), earlier);
    const auto add_pair = [&](const NewPair& pair) {
        found.first.push_back(pair.first), found.second.push_back(pair.second);
        found.affinity.push_back(pair.affinity);
    };
    found.pair_offsets.push_back(0);
    auto pair = more.begin();
    for (int32_t limb = 0; limb < limbs; ++limb) {
        for (int64_t n = pairs.offsets[limb]; n < pairs.offsets[limb + 1]; ++n) {
            const NewPair own{limb, number[size_t(pairs.first[n])], number[size_t(pairs.second[n])], pairs.scores[n]};
            for (; pair != more.end() && earlier(*pair, own); ++pair) add_pair(*pair);
            add_pair(own);
        }
        for (; pair != more.end() && pair->limb == limb; ++pair) add_pair(*pair);
        found.pair_offsets.push_back(int64_t(found.first.size()));
    }
    return found;
}

}  // namespace bottomup
