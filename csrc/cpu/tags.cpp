// Associative embeddings: tags of joints, pairs of candidates whose tags agree, and joints that only tags show.
#include "../tags.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <numeric>

#include "../kernels.h"
#include "parallel.h"

namespace bottomup {
namespace {

// Peaks are too wide to tell shorter distances, in cells.
constexpr float kNearest = 2.0f;
constexpr float kLeastWeight = 0.3f;  // of a pair whose other end has far nearer partners

// Tags of candidates of one image, and what they are paired by.
class ImageTags {
   public:
    ImageTags(const CandidateView& candidates, const float* tags, int64_t depth, int64_t image, const TagOptions& options)
        : candidates_(candidates), offsets_(candidates.offsets + image * candidates.joints), tags_(tags), depth_(depth),
          options_(options) {
        float highest = 0;
        for (int64_t n = offsets_[0]; n < offsets_[candidates.joints]; ++n)
            highest = std::max(highest, candidates.scores[n]);
        clear_response_ = std::min(options.clear_response, highest / 2);
        all_.resize(size_t(candidates.joints)), clear_.resize(size_t(candidates.joints));
        for (size_t joint = 0; joint < all_.size(); ++joint) {
            all_[joint].reserve(size_t(offsets_[joint + 1] - offsets_[joint]));
            for (int64_t n = offsets_[joint]; n < offsets_[joint + 1]; ++n)
                all_[joint].push_back({tags_[n * depth_], int32_t(n)});
            std::sort(all_[joint].begin(), all_[joint].end(), [](const Tagged& a, const Tagged& b) {
                return a.tag != b.tag ? a.tag < b.tag : a.candidate < b.candidate;
            });
            std::copy_if(all_[joint].begin(), all_[joint].end(), std::back_inserter(clear_[joint]),
                         [&](const Tagged& one) { return is_clear(one.candidate); });
        }
    }

    // The tolerance: a multiple of the median distance between tags of clear joints that are each other's nearest.
    float tolerance(const int32_t* limbs, int64_t limb_count) const {
        std::vector<float> distances;
        for (int64_t limb = 0; limb < limb_count; ++limb) {
            const int32_t a = limbs[2 * limb], b = limbs[2 * limb + 1];
            for (int64_t i = offsets_[a]; i < offsets_[a + 1]; ++i) {
                const int32_t there = nearest(int32_t(i), b);
                if (there >= 0 && nearest(there, a) == i) distances.push_back(distance(int32_t(i), there));
            }
        }
        float median = 0;
        if (!distances.empty()) {
            const auto middle = distances.begin() + std::ptrdiff_t(distances.size() - 1) / 2;
            std::nth_element(distances.begin(), middle, distances.end());
            median = *middle;
        }
        return std::max(std::min(options_.tolerance_factor * median, options_.max_tolerance), options_.min_tolerance);
    }

    // Adds the pairs of one limb, sorted by both ends.
    void add_pairs(int32_t a, int32_t b, float tolerance, double longest, Pairs& pairs) {
        found_.clear();
        // Beyond it the agreement is below the least: exp(-q^2 / 2) = min_agreement.
        const float widest = tolerance * std::sqrt(-2 * std::log(std::max(options_.min_agreement, 1e-30f)));
        // Both types are sorted by their tags, so where a candidate's partners begin only moves on.
        size_t any = 0, clear = 0;
        for (const Tagged& one : all_[size_t(a)]) {
            const bool is_one_clear = is_clear(one.candidate);
            const std::vector<Tagged>& others = is_one_clear ? all_[size_t(b)] : clear_[size_t(b)];
            size_t& first = is_one_clear ? any : clear;
            while (first < others.size() && others[first].tag < one.tag - widest) ++first;
            for (size_t n = first; n < others.size() && others[n].tag <= one.tag + widest; ++n)
                try_pair(one.candidate, others[n].candidate, tolerance, longest);
        }
        weigh(a, b);
        put_in_order(a, pairs);
    }

   private:
    struct Found {
        int32_t first, second;
        float score, length;
    };
    // A candidate and the first value of its tag, by which the candidates of a type are sorted.
    struct Tagged {
        float tag;
        int32_t candidate;
    };

    bool is_clear(int32_t candidate) const { return candidates_.scores[candidate] >= clear_response_; }
    float distance(int32_t a, int32_t b) const { return tag_distance(tags_ + a * depth_, tags_ + b * depth_, depth_); }

    // The clear candidate of a type whose tag is nearest to that of a clear candidate, ties by index; -1 if there is none.
    int32_t nearest(int32_t candidate, int32_t joint) const {
        if (!is_clear(candidate)) return -1;
        const auto from = clear_[size_t(joint)].begin(), to = clear_[size_t(joint)].end();
        const float own = tags_[candidate * depth_];
        const auto middle = std::lower_bound(from, to, own, [](const Tagged& one, float value) { return one.tag < value; });
        int32_t best = -1;
        float least = std::numeric_limits<float>::infinity();
        const auto consider = [&](int32_t other) {
            const float apart = distance(candidate, other);
            if (apart < least || (apart == least && other < best)) least = apart, best = other;
        };
        for (auto up = middle; up != to && up->tag - own <= least; ++up) consider(up->candidate);
        for (auto down = middle; down != from && own - (down - 1)->tag <= least; --down) consider((down - 1)->candidate);
        return best;
    }

    void try_pair(int32_t i, int32_t j, float tolerance, double longest) {
        const float share = distance(i, j) / tolerance, agreement = std::exp(-0.5f * share * share);
        if (!(agreement >= options_.min_agreement)) return;
        const float dx = candidates_.xy[2 * i] - candidates_.xy[2 * j];
        const float dy = candidates_.xy[2 * i + 1] - candidates_.xy[2 * j + 1];
        const float length = std::sqrt(dx * dx + dy * dy);
        if (!(double(length) <= longest)) return;
        found_.push_back({i, j, agreement, std::max(length, kNearest)});
    }

    // Where tags of several people agree the nearer partner is the likelier one.
    void weigh(int32_t a, int32_t b) {
        const float none = std::numeric_limits<float>::infinity();
        nearest_first_.assign(size_t(offsets_[a + 1] - offsets_[a]), none);
        nearest_second_.assign(size_t(offsets_[b + 1] - offsets_[b]), none);
        for (const Found& pair : found_) {
            float &one = nearest_first_[size_t(pair.first - offsets_[a])],
                  &two = nearest_second_[size_t(pair.second - offsets_[b])];
            one = std::min(one, pair.length), two = std::min(two, pair.length);
        }
        for (Found& pair : found_) {
            const float least = std::min(nearest_first_[size_t(pair.first - offsets_[a])],
                                         nearest_second_[size_t(pair.second - offsets_[b])]);
            if (pair.length > least)
                pair.score *= std::max(1.0f - options_.distance_weight * std::log(pair.length / least), kLeastWeight);
        }
    }

    // Adds the found pairs, sorted by their first candidate, of type `a`, and then by their second.
    void put_in_order(int32_t a, Pairs& pairs) {
        begins_.assign(size_t(offsets_[a + 1] - offsets_[a]) + 1, 0);
        for (const Found& pair : found_) ++begins_[size_t(pair.first - offsets_[a]) + 1];
        std::partial_sum(begins_.begin(), begins_.end(), begins_.begin());
        sorted_.resize(found_.size());
        for (const Found& pair : found_) sorted_[begins_[size_t(pair.first - offsets_[a])]++] = pair;
        size_t begin = 0;
        for (size_t end : begins_) {  // by now where each candidate's pairs end
            std::sort(sorted_.begin() + std::ptrdiff_t(begin), sorted_.begin() + std::ptrdiff_t(end),
                      [](const Found& x, const Found& y) { return x.second < y.second; });
            begin = end;
        }
        for (const Found& pair : sorted_)
            pairs.first.push_back(pair.first), pairs.second.push_back(pair.second), pairs.score.push_back(pair.score);
    }

    const CandidateView& candidates_;
    const int64_t* offsets_;
    const float* tags_;
    int64_t depth_;
    const TagOptions& options_;
    float clear_response_;
    std::vector<std::vector<Tagged>> all_, clear_;  // candidates of each type, and the clear ones, by their tags
    std::vector<Found> found_, sorted_;
    std::vector<size_t> begins_;
    std::vector<float> nearest_first_, nearest_second_;
};

}  // namespace

TagPairs score_tags(const CandidateView& candidates, const float* tags, int64_t depth, int64_t images, const int32_t* limbs,
                    int64_t limb_count, int64_t skeleton_limbs, double longer_side, const TagOptions& options) {
    TagPairs result;
    Pairs& pairs = result.pairs;
    for (int64_t image = 0; image < images; ++image) {
        ImageTags joints(candidates, tags, depth, image, options);
        const float tolerance = joints.tolerance(limbs, skeleton_limbs);
        result.tolerances.push_back(tolerance);
        for (int64_t limb = 0; limb < limb_count; ++limb) {
            pairs.offsets.push_back(int64_t(pairs.first.size()));
            joints.add_pairs(limbs[2 * limb], limbs[2 * limb + 1], tolerance, options.max_limb_length * longer_side, pairs);
        }
    }
    pairs.offsets.push_back(int64_t(pairs.first.size()));
    return result;
}

namespace cpu {
namespace {

// Calls `body` with a value of the field's type.
template <class Body>
void with_type(DType dtype, Body body) {
    if (dtype == DType::float32) body(float{});
    if (dtype == DType::float16) body(Half{});
    if (dtype == DType::bfloat16) body(BFloat16{});
}

}  // namespace

TagValues read_tags(const FieldView& tags, int64_t depth, const TagPlaces& places) {
    TagValues found;
    found.values.resize(size_t(places.count * depth));
    with_type(tags.dtype, [&](auto zero) {
        for (int64_t n = 0; n < places.count; ++n) {
            const int64_t row = cell_at(places.xy[2 * n + 1], tags.height), column = cell_at(places.xy[2 * n], tags.width);
            for (int64_t d = 0; d < depth; ++d) {
                const int64_t channel = places.joints[n] * depth + d;
                const float value = Plane<decltype(zero)>(tags, places.images[n], channel)(row, column);
                if (!std::isfinite(value) && found.non_finite.batch < 0)
                    found.non_finite = {places.images[n], channel, row, column};
                found.values[size_t(n * depth + d)] = value;
            }
        }
    });
    return found;
}

std::vector<TagCell> search_windows(const FieldView& heatmaps, const FieldView& tags, int64_t depth,
                                    const std::vector<TagWindow>& windows, const std::vector<float>& wanted,
                                    const TagOptions& options, int threads) {
    std::vector<TagCell> cells(windows.size(), TagCell{0.0f, 0});
    with_type(heatmaps.dtype, [&](auto heat) {
        with_type(tags.dtype, [&](auto tag) {
            parallel_for(int64_t(windows.size()), threads, [&](int, int64_t n) {
                const TagWindow& window = windows[size_t(n)];
                const auto highest = [&](const CellBox& box, float least) {
                    TagCell best{0.0f, 0};
                    const char* const plane = heatmaps.plane(window.image, window.joint);
                    for (int64_t row = box.top; row <= box.bottom; ++row) {
                        const char* const cells_of_row = plane + row * heatmaps.stride_row;
                        float least_here = std::max(least, best.score);
                        for (int64_t column = box.left; column <= box.right; ++column) {
                            // Most cells are too low, which is seen at once.
                            if (!(load<decltype(heat)>(cells_of_row + column * heatmaps.stride_column) >= least_here)) continue;
                            const TagCell cell = look_at<decltype(heat), decltype(tag)>(
                                heatmaps, tags, depth, window, &wanted[size_t(window.tags)], least_here, row, column);
                            if (cell.score > 0 && (best.score == 0 || is_better(cell, best)))
                                best = cell, least_here = std::max(least, best.score);
                        }
                    }
                    return best;
                };
                TagCell best = highest(window.near, options.min_response);
                if (best.score < options.clear_response && !is_empty(window.far)) {
                    const TagCell further = highest(window.far, options.clear_response);
                    if (further.score > 0) best = further;
                }
                cells[size_t(n)] = best;
            });
        });
    });
    return cells;
}

}  // namespace cpu
}  // namespace bottomup
