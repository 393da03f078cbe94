// score_limbs on the CPU. Where a limb has many candidate pairs, a map of the directions that its field shows anywhere
// near a cell rules most of them out, sixty-four side by side; the others are integrated sample by sample.
#include <algorithm>

#include "../kernels.h"
#include "parallel.h"
#include "vectors.h"

namespace bottomup::cpu {
namespace {

// Making the map takes about as long as integrating a pair for every 256 cells.
constexpr int64_t kCellsPerPair = 256;
constexpr int kMostMappedSamples = 4096;

struct Found {
    std::vector<int32_t> first, second;
    std::vector<float> score;
};

struct Scratch {
    std::vector<float> x, y;  // one limb's channels, where they do not lie in memory as rows of floats
    std::vector<int32_t> map;
    std::vector<uint8_t> flags;
    PairLanes lanes;
};

// The pairs of one limb in one image: each of the candidates [a0, a1) with each of [b0, b1).
struct LimbPairsOf {
    int64_t image, limb, a0, a1, b0, b1;
    int64_t count() const { return (a1 - a0) * (b1 - b0); }
};

template <class T>
class LimbScan {
public:
    LimbScan(const FieldView& pafs, const LimbPairsOf& pairs, const float* xy, const LimbRule& rule, Scratch& scratch,
             Found& found)
        : plane_x_(pafs, pairs.image, 2 * pairs.limb), plane_y_(pafs, pairs.image, 2 * pairs.limb + 1),
          height_(pafs.height), width_(pafs.width), pairs_(pairs), xy_(xy), rule_(rule), scratch_(scratch), found_(found) {}

    // False if a sampled value is not finite.
    bool run() {
        if (pairs_.count() == 0) return true;
        const bool many = pairs_.count() * kCellsPerPair >= height_ * width_;
        const bool fits = height_ <= kMappedSide && width_ <= kMappedSide && rule_.max_samples <= kMostMappedSamples;
        planes_.x = nullptr;
        if (fits) take_planes(many);
        return many && planes_.x && make_map() ? scan_mapped() : scan_all();
    }

private:
    // The channels as floats: as they are where possible, converted where that pays.
    void take_planes(bool convert) {
        const int64_t stride = plane_x_.stride_row / int64_t(sizeof(float));
        if (std::is_same_v<T, float> && plane_x_.stride_column == int64_t(sizeof(float)) && stride >= 0 &&
            stride * height_ < INT32_MAX && plane_x_.stride_row % int64_t(sizeof(float)) == 0) {
            planes_ = {reinterpret_cast<const float*>(plane_x_.data), reinterpret_cast<const float*>(plane_y_.data), stride,
                       height_, width_};
        } else if (convert) {
            widen(plane_x_, scratch_.x), widen(plane_y_, scratch_.y);
            planes_ = {scratch_.x.data(), scratch_.y.data(), width_, height_, width_};
        }
    }

    void widen(const Plane<T>& plane, std::vector<float>& to) const {
        to.resize(size_t(height_ * width_));
        for (int64_t row = 0; row < height_; ++row) {
            const char* start = plane.data + row * plane.stride_row;
            float* values = to.data() + row * width_;
            if (plane.stride_column == int64_t(sizeof(T))) {
                if constexpr (std::is_same_v<T, Half>) loops_.widen_half(reinterpret_cast<const T*>(start), values, width_);
                if constexpr (std::is_same_v<T, BFloat16>)
                    loops_.widen_bfloat16(reinterpret_cast<const T*>(start), values, width_);
                if constexpr (!std::is_same_v<T, float>) continue;
            }
            for (int64_t c = 0; c < width_; ++c) values[c] = load<T>(start + c * plane.stride_column);
        }
    }

    bool make_map() {
        const float lowest = rule_.sample_threshold - kMapSlack;
        if (!(lowest > 0.0f)) return false;  // then an empty field supports every limb
        scratch_.map.resize(size_t((height_ + 1) / 2 * ((width_ + 1) / 2)));
        scratch_.flags.resize(4 * (size_t(width_) + 64));
        octants_ = loops_.map_octants(planes_, lowest, scratch_.flags.data(), scratch_.map.data());
        return octants_ >= 0;
    }

    bool scan_all() {
        for (int64_t i = pairs_.a0; i < pairs_.a1; ++i)
            for (int64_t j = pairs_.b0; j < pairs_.b1; ++j)
                if (!integrate(i, j)) return false;
        return true;
    }

    bool scan_mapped() {
        PairLanes& lanes = scratch_.lanes;
        for (int64_t i = pairs_.a0; i < pairs_.a1; ++i) {
            const float x0 = xy_[2 * i], y0 = xy_[2 * i + 1];
            for (int64_t j = pairs_.b0; j < pairs_.b1; j += PairLanes::kCount) {
                const int count = int(std::min<int64_t>(PairLanes::kCount, pairs_.b1 - j));
                if (!loops_.measure_pairs(xy_ + 2 * j, count, x0, y0, rule_, octants_, lanes)) continue;
                loops_.count_failures(scratch_.map.data(), height_, width_, x0, y0, lanes, count);
                for (int lane = 0; lane < count; ++lane)
                    if (lanes.failed[lane] <= lanes.allowed[lane] && !integrate(i, j + lane)) return false;
            }
        }
        return true;
    }

    // False if a sampled value is not finite.
    bool integrate(int64_t i, int64_t j) {
        float score = 0;
        const PairResult result = planes_.x ? score_in_planes(i, j, &score)
                                            : score_pair(plane_x_, plane_y_, height_, width_, xy_[2 * i], xy_[2 * i + 1],
                                                         xy_[2 * j], xy_[2 * j + 1], rule_, &score);
        if (result == PairResult::non_finite) return false;
        if (result == PairResult::accepted)
            found_.first.push_back(int32_t(i)), found_.second.push_back(int32_t(j)), found_.score.push_back(score);
        return true;
    }

    // score_pair with the samples computed side by side.
    PairResult score_in_planes(int64_t i, int64_t j, float* score) const {
        constexpr int kTogether = 32;
        const float x0 = xy_[2 * i], y0 = xy_[2 * i + 1], dx = xy_[2 * j] - x0, dy = xy_[2 * j + 1] - y0;
        const float length = std::sqrt(dx * dx + dy * dy);
        if (length > rule_.max_length) return PairResult::rejected;
        const Segment limb = make_segment(x0, y0, dx, dy, length, rule_.max_samples);
        const int allowed = allowed_failures(rule_.coverage, limb.samples);
        PairResult result = PairResult::rejected;
        PairTally tally;
        float along[kTogether];
        for (int first = 0; first < limb.samples; first += kTogether) {
            const int count = std::min(kTogether, limb.samples - first);
            loops_.sample_along(planes_, limb, first, count, along);
            for (int s = 0; s < count; ++s)
                if (!tally.add(along[s], rule_, allowed, &result)) return result;
        }
        return tally.finish(limb.samples, rule_, score);
    }

    const Plane<T> plane_x_, plane_y_;
    const int64_t height_, width_;
    const LimbPairsOf pairs_;
    const float* xy_;
    const LimbRule rule_;
    Scratch& scratch_;
    Found& found_;
    LimbPlanes planes_{};
    int32_t octants_ = 0;
    const VectorLoops& loops_ = vector_loops();
};

template <class T>
bool scan_limb(const FieldView& pafs, const LimbPairsOf& pairs, const float* xy, const LimbRule& rule, Scratch& scratch,
               Found& found) {
    return LimbScan<T>(pafs, pairs, xy, rule, scratch, found).run();
}

}  // namespace

Pairs score_limbs(const FieldView& pafs, const float* xy, const int64_t* offsets, int64_t joints, const int32_t* limbs,
                  int64_t limb_count, const LimbRule& rule, int threads) {
    const int64_t total = pafs.batch * limb_count;
    const auto scan = pafs.dtype == DType::float32   ? scan_limb<float>
                      : pafs.dtype == DType::float16 ? scan_limb<Half>
                                                     : scan_limb<BFloat16>;
    std::vector<Found> found{size_t(total)};
    std::vector<NonFinite> non_finite{size_t(total)};
    std::vector<Scratch> scratch{size_t(worker_count(total, threads))};
    parallel_for(total, threads, [&](int worker, int64_t n) {
        const int64_t b = n / limb_count, limb = n % limb_count;
        const int64_t* from = offsets + b * joints + limbs[2 * limb];
        const int64_t* to = offsets + b * joints + limbs[2 * limb + 1];
        const LimbPairsOf pairs{b, limb, from[0], from[1], to[0], to[1]};
        if (!scan(pafs, pairs, xy, rule, scratch[size_t(worker)], found[size_t(n)])) non_finite[size_t(n)] = {b, 2 * limb, -1, -1};
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
