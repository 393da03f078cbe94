// Where the joints that people lack are sought by their tags: planned on the host for the CPU and for the GPU.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "../kernels.h"
#include "../tags.h"

namespace bottomup {
namespace {

// Tolerances between the tags of two people beyond which neither is taken for the other.
constexpr float kOwnTag = 2.0f;

// One person whose missing joints are sought.
struct SearchedPerson {
    const float *xy, *scores, *lengths;
    int64_t joints;

    bool has(int64_t joint) const { return scores[joint] > 0; }
    float apart(int64_t a, int64_t b) const { return std::hypot(xy[2 * a] - xy[2 * b], xy[2 * a + 1] - xy[2 * b + 1]); }

    float diameter() const {
        float most = 0;
        for (int64_t a = 0; a < joints; ++a)
            for (int64_t b = 0; has(a) && b < a; ++b)
                if (has(b)) most = std::max(most, apart(a, b));
        return most;
    }

    // As limbs tell it: the longest for its kind, of three or more the second longest; 0 if none of known length is there.
    float height(const int32_t* limbs, int64_t limb_count) const {
        std::vector<float> heights;
        for (int64_t limb = 0; limb < limb_count; ++limb) {
            const int64_t a = limbs[2 * limb], b = limbs[2 * limb + 1];
            const float share = lengths[a * joints + b];
            if (has(a) && has(b) && share > 0) heights.push_back(apart(a, b) / share);
        }
        std::sort(heights.begin(), heights.end());
        return heights.empty() ? 0 : heights[heights.size() - (heights.size() > 2 ? 2 : 1)];
    }
};

// The mean tag of each person, weighted by the scores of its joints, one after another; of a person without joints 0.
std::vector<float> mean_tags(const TagPeople& people) {
    const int64_t joints = people.joints, depth = people.depth;
    std::vector<float> means(size_t(people.count * depth));
    std::vector<double> sums(static_cast<size_t>(depth));
    for (int64_t n = 0; n < people.count; ++n) {
        std::fill(sums.begin(), sums.end(), 0.0);
        double weight = 0;
        for (int64_t joint = 0; joint < joints; ++joint) {
            const float score = people.scores[n * joints + joint];
            if (!(score > 0)) continue;
            weight += score;
            for (int64_t d = 0; d < depth; ++d)
                sums[size_t(d)] += double(score) * people.tags[(n * joints + joint) * depth + d];
        }
        for (int64_t d = 0; d < depth; ++d) means[size_t(n * depth + d)] = weight > 0 ? float(sums[size_t(d)] / weight) : 0;
    }
    return means;
}

// Which people have a tag that no other person of their image has, nor nearly.
std::vector<char> have_own_tags(const TagPeople& people, const std::vector<float>& means) {
    const int64_t depth = people.depth;
    std::vector<int64_t> order;
    for (int64_t n = 0; n < people.count; ++n) {
        const float* const scores = people.scores + n * people.joints;
        if (std::any_of(scores, scores + people.joints, [](float score) { return score > 0; })) order.push_back(n);
    }
    const auto first = [&](int64_t n) { return means[size_t(n * depth)]; };
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        if (people.images[a] != people.images[b]) return people.images[a] < people.images[b];
        return first(a) != first(b) ? first(a) < first(b) : a < b;
    });
    std::vector<char> own(size_t(people.count), 1);
    for (size_t n = 0; n < order.size(); ++n) {
        const int64_t one = order[n];
        const float least = kOwnTag * people.tolerances[one];
        for (size_t m = n + 1; m < order.size(); ++m) {
            const int64_t other = order[m];
            if (people.images[other] != people.images[one] || first(other) - first(one) > 1.001f * least) break;
            if (tag_distance(&means[size_t(one * depth)], &means[size_t(other * depth)], depth) <= least)
                own[size_t(one)] = own[size_t(other)] = 0;
        }
    }
    return own;
}

// The cells that are within reach of all joints that a person has, along either axis: for each `scale` times the greatest
// distance from it, `more` cells further.
CellBox reachable_cells(const SearchedPerson& person, int64_t joint, float tall, float wide, float scale, float more,
                        int64_t height, int64_t width) {
    float left = 0, top = 0, right = float(width - 1), bottom = float(height - 1);
    for (int64_t other = 0; other < person.joints; ++other) {
        if (!person.has(other)) continue;
        const float share = person.lengths[other * person.joints + joint];
        const float reach = scale * (share > 0 && tall > 0 ? share * tall : wide) + more;
        const float x = person.xy[2 * other], y = person.xy[2 * other + 1];
        left = std::max(left, x - reach), right = std::min(right, x + reach);
        top = std::max(top, y - reach), bottom = std::min(bottom, y + reach);
    }
    return {int64_t(std::ceil(left)), int64_t(std::ceil(top)), int64_t(std::floor(right)), int64_t(std::floor(bottom))};
}

}  // namespace

std::vector<TagWindow> plan_windows(const TagPeople& people, const int32_t* limbs, int64_t limb_count, const float* lengths,
                                    int64_t height, int64_t width, const TagOptions& options, std::vector<float>& tags) {
    std::vector<TagWindow> windows;
    const int64_t joints = people.joints;
    tags = mean_tags(people);
    const std::vector<char> own = have_own_tags(people, tags);
    for (int64_t n = 0; n < people.count; ++n) {
        const SearchedPerson person{people.xy + 2 * n * joints, people.scores + n * joints, lengths, joints};
        const float wide = person.diameter();
        if (!(wide > 0)) continue;
        const float tall = person.height(limbs, limb_count);
        const float more = options.far_reach * (tall > 0 ? tall : wide);
        for (int64_t joint = 0; joint < joints; ++joint) {
            if (person.has(joint)) continue;
            const auto cells = [&](float further) {
                return reachable_cells(person, joint, tall, wide, options.search_reach, further, height, width);
            };
            TagWindow window{people.images[n], joint, n,    cells(0.0f), {0, 0, -1, -1}, n * people.depth,
                             options.search_tolerance * people.tolerances[n]};
            if (own[size_t(n)] && more > 0) window.far = cells(more);
            if (!is_empty(window.near) || !is_empty(window.far)) windows.push_back(window);
        }
    }
    return windows;
}

}  // namespace bottomup
