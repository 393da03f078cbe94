// From scored pairs to links: how far each pair's affinity speaks for a limb.
#include <algorithm>
#include <limits>
#include <numeric>

#include "build.h"

namespace bottomup::grouping {
namespace {

struct Weighed {
    float affinity, weight;
};

// The affinity at which the weights of all lower ones and its own reach half of all weight: first the range of affinities
// in which that is, then the place within it.
double weighted_median(const std::vector<Weighed>& items) {
    constexpr int kRanges = 256;
    const auto range_of = [](float affinity) { return int(std::clamp(affinity, 0.0f, 1.0f) * (kRanges - 1)); };
    double weights[kRanges] = {}, half = 0, below = 0;
    for (const Weighed& item : items) weights[range_of(item.affinity)] += item.weight, half += double(item.weight) / 2;
    int range = 0;
    while (range < kRanges - 1 && below + weights[range] < half) below += weights[range++];
    std::vector<Weighed> inside;
    for (const Weighed& item : items)
        if (range_of(item.affinity) == range) inside.push_back(item);
    std::sort(inside.begin(), inside.end(), [](const Weighed& a, const Weighed& b) { return a.affinity < b.affinity; });
    for (const Weighed& item : inside)
        if ((below += item.weight) >= half) return item.affinity;
    return items.empty() ? 0 : inside.empty() ? items.back().affinity : inside.back().affinity;
}

// Whether joints have more pairs on each of their limbs, on average, than those of any crowd. Traced ones do not count.
bool is_noise(const GroupingModel& model, const CandidateView& candidates, int64_t image, const std::vector<Pair>& pairs,
              float peak_threshold) {
    const int64_t* range = candidates.offsets + image * model.joints;
    const auto is_traced = [&](int64_t candidate) { return candidates.scores[range[0] + candidate] <= peak_threshold; };
    std::vector<int64_t> counts;
    for (int64_t joint = 0; joint < model.joints; ++joint) {
        counts.push_back(0);
        for (int64_t n = range[joint]; n < range[joint + 1]; ++n) counts.back() += !is_traced(n - range[0]);
    }
    int64_t ends = 0, seen = 0;
    for (const auto& limb : model.limbs) ends += counts[size_t(limb[0])] + counts[size_t(limb[1])];
    for (const Pair& pair : pairs) seen += !is_traced(pair.own) && !is_traced(pair.other);
    return 2 * double(seen) > model.max_mean_pairs * double(ends);
}

// Keeps of each joint's pairs on one limb the best ones, up to `most`, if they are among the best of the other joint, too.
// Ties by index. The pairs stay in their order.
void keep_best_partners(std::vector<Pair>& pairs, int64_t candidates, int64_t most) {
    std::vector<int64_t> first(static_cast<size_t>(candidates)), second(first.size());  // pairs so far on this limb
    std::vector<char> kept(pairs.size());
    std::vector<int32_t> order;
    for (size_t begin = 0, end; begin < pairs.size(); begin = end) {
        for (end = begin; end < pairs.size() && pairs[end].limb == pairs[begin].limb;) ++end;
        order.resize(end - begin);
        std::iota(order.begin(), order.end(), int32_t(begin));
        std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
            const float one = pairs[size_t(a)].affinity, other = pairs[size_t(b)].affinity;
            return one != other ? one > other : a < b;
        });
        std::fill(first.begin(), first.end(), 0), std::fill(second.begin(), second.end(), 0);
        for (const int32_t n : order) {
            const Pair& pair = pairs[size_t(n)];
            const int64_t before = std::max(first[size_t(pair.own)]++, second[size_t(pair.other)]++);
            kept[size_t(n)] = before < most;
        }
    }
    size_t count = 0;
    for (size_t n = 0; n < pairs.size(); ++n)
        if (kept[n]) pairs[count++] = pairs[n];
    pairs.resize(count);
}

}  // namespace

double typical_affinity(const CandidateView& candidates, const PairView& pairs, int64_t image) {
    const int64_t base = candidates.offsets[image * candidates.joints];
    const auto count = size_t(candidates.offsets[(image + 1) * candidates.joints] - base);
    std::vector<float> best_first(count), best_second(count);
    std::vector<Weighed> mutual(size_t(pairs.offsets[(image + 1) * pairs.limbs] - pairs.offsets[image * pairs.limbs] + 1));
    size_t found = 0;
    for (int64_t limb = image * pairs.limbs; limb < (image + 1) * pairs.limbs; ++limb) {
        const int64_t from = pairs.offsets[limb], to = pairs.offsets[limb + 1];
        for (int64_t n = from; n < to; ++n)
            best_first[size_t(pairs.first[n] - base)] = best_second[size_t(pairs.second[n] - base)] =
                -std::numeric_limits<float>::infinity();
        for (int64_t n = from; n < to; ++n) {
            float &one = best_first[size_t(pairs.first[n] - base)], &other = best_second[size_t(pairs.second[n] - base)];
            one = std::max(one, pairs.scores[n]), other = std::max(other, pairs.scores[n]);
        }
        for (int64_t n = from; n < to; ++n) {
            const int32_t a = pairs.first[n], b = pairs.second[n];
            mutual[found] = {pairs.scores[n], std::min(candidates.scores[a], candidates.scores[b])};
            found += (pairs.scores[n] >= best_first[size_t(a - base)]) & (pairs.scores[n] >= best_second[size_t(b - base)]);
        }
    }
    mutual.resize(found);
    return weighted_median(mutual);
}

std::vector<Pair> scored_pairs(const GroupingModel& model, const CandidateView& candidates, const PairView& pairs,
                               int64_t image, double peak_threshold, double typical) {
    const int64_t base = candidates.offsets[image * candidates.joints];
    // How far a joint's limbs count. A traced joint has no response of its own: its limbs are what shows it.
    std::vector<double> sure(size_t(candidates.offsets[(image + 1) * candidates.joints] - base));
    for (size_t n = 0; n < sure.size(); ++n) {
        const double response = candidates.scores[size_t(base) + n];
        sure[n] = response <= float(peak_threshold) ? 1.0 : std::min(response / model.full_response, 1.0);
    }
    std::vector<Pair> found;
    found.reserve(size_t(pairs.offsets[(image + 1) * pairs.limbs] - pairs.offsets[image * pairs.limbs]));
    for (int32_t limb = 0; limb < pairs.limbs; ++limb) {
        const int64_t* range = pairs.offsets + image * pairs.limbs + limb;
        for (int64_t n = range[0]; n < range[1]; ++n) {
            const int32_t a = pairs.first[n], b = pairs.second[n];
            const double share = std::min(pairs.scores[n] / typical, model.affinity_cap);
            const double support =
                std::max((share - model.neutral_affinity) / (1 - model.neutral_affinity), model.weak_factor * share) *
                std::min(sure[size_t(a - base)], sure[size_t(b - base)]);
            if (!(support > 0)) continue;
            const double dx = double(candidates.xy[2 * a]) - double(candidates.xy[2 * b]);
            const double dy = double(candidates.xy[2 * a + 1]) - double(candidates.xy[2 * b + 1]);
            found.push_back(
                {int32_t(a - base), int32_t(b - base), limb, float(support), float(std::sqrt(dx * dx + dy * dy))});
        }
    }
    if (is_noise(model, candidates, image, found, float(peak_threshold)))
        keep_best_partners(found, int64_t(sure.size()), model.max_partners);
    return found;
}

}  // namespace bottomup::grouping
