#include "limb_scan.h"

#include <algorithm>
#include <cmath>

namespace bottomup::cpu {
namespace {

// Making the map takes about as long as ruling out a pair without it for every 24 cells.
constexpr int64_t kCellsPerMappedPair = 24;
// Converting the channels takes about as long as scoring a pair value by value for every 256 cells.
constexpr int64_t kCellsPerPair = 256;
constexpr int kMostMappedSamples = 4096;
// So many samples of a pair are looked at before those that have failed are left out.
constexpr int kGlance = 5;

}  // namespace

template <class T>
void LimbScan<T>::run(const Ring& ring, const Neighbours& from, const Neighbours& to) {
    seek(ring, from, to);
    if (scratch_.first.empty()) return;
    take_planes();
    const size_t known = limb_.first.size();
    if (planes_.x) {
        if (ring.from > 0.0f) rule_out();  // of the short ones most pass
        score();
    } else {
        for (size_t k = 0; k < scratch_.first.size(); ++k) score_one(scratch_.first[k], scratch_.second[k]);
    }
    for (size_t k = known; k < limb_.first.size(); ++k) {
        const float* const responses = crowd_.scores;
        if (!is_good(limb_.score[k], responses[limb_.first[k]], responses[limb_.second[k]], crowd_.rule)) continue;
        const float *a = crowd_.xy + 2 * limb_.first[k], *b = crowd_.xy + 2 * limb_.second[k];
        const float dx = b[0] - a[0], dy = b[1] - a[1], length = nearness(std::sqrt(dx * dx + dy * dy));
        for (const size_t end : {limb_.first_end(limb_.first[k]), limb_.second_end(limb_.second[k])})
            crowd_.near[end] = std::min(crowd_.near[end], length);
    }
}

// Lists the pairs that is_sought in the ring.
template <class T>
void LimbScan<T>::seek(const Ring& ring, const Neighbours& from, const Neighbours& to) {
    scratch_.first.clear(), scratch_.second.clear();
    scratch_.hits.resize(size_t(std::max(from.size(), to.size())));
    for (const bool second : {false, true}) {
        scratch_.limited[second].clear(), scratch_.unlimited[second].clear();
        const int64_t end = second ? limb_.b1 : limb_.a1;
        for (int64_t i = second ? limb_.b0 : limb_.a0; i < end; ++i)
            (reach(second, int32_t(i)) < kUnlimited ? scratch_.limited : scratch_.unlimited)[second].push_back(int32_t(i));
    }
    if (scratch_.limited[0].empty() && scratch_.limited[1].empty()) {
        seek_from(false, scratch_.unlimited[0], 0.0f, 1.0f, ring, to);
        return;
    }
    const Neighbours unlimited_from(crowd_.xy, scratch_.unlimited[0], height_), unlimited_to(crowd_.xy, scratch_.unlimited[1], height_);
    seek_from(false, scratch_.limited[0], 0.0f, 1.0f, ring, to);
    seek_from(false, scratch_.limited[0], 1.0f, crowd_.rule.reach, ring, unlimited_to);
    seek_from(false, scratch_.unlimited[0], 0.0f, 1.0f, ring, unlimited_to);
    seek_from(true, scratch_.limited[1], 0.0f, 1.0f, ring, from);
    seek_from(true, scratch_.limited[1], 1.0f, crowd_.rule.reach, ring, unlimited_from);
}

// Pairs of some candidates of one end with others that are farther away than `nearer` times their own reach, up to
// `farther` times that. From the second end those are left out that are within reach of the first.
template <class T>
void LimbScan<T>::seek_from(bool second, const std::vector<int32_t>& candidates, float nearer, float farther, const Ring& ring,
                            const Neighbours& others) {
    for (const int32_t candidate : candidates) {
        const float own = reach(second, candidate), longest = std::min(farther * own, crowd_.rule.max_length);
        if (!(longest >= ring.from)) continue;
        const float x0 = crowd_.xy[2 * int64_t(candidate)], y0 = crowd_.xy[2 * int64_t(candidate) + 1];
        others.near(y0, std::min(longest, ring.to), [&](const float* x, const float* y, int64_t count, const int32_t* numbers) {
            int32_t* const hits = scratch_.hits.data();
            const int64_t found = loops_.points_within(x, y, count, x0, y0, ring.from, ring.to, longest, hits);
            for (int64_t k = 0; k < found; ++k) {
                const int32_t other = numbers[hits[k]];
                const float dx = x[hits[k]] - x0, dy = y[hits[k]] - y0, length = std::sqrt(dx * dx + dy * dy);
                const float others_own = reach(!second, other);
                if (nearer > 0.0f && length <= nearer * own) continue;
                if (second && others_own < kUnlimited && length <= others_own) continue;
                scratch_.first.push_back(second ? other : candidate);
                scratch_.second.push_back(second ? candidate : other);
            }
        });
    }
}

// The channels as floats: as they are where possible, converted where that pays.
template <class T>
void LimbScan<T>::take_planes() {
    planes_.x = nullptr;
    if (width_ < 2 || height_ > kMappedSide || width_ > kMappedSide || crowd_.rule.max_samples > kMostMappedSamples) return;
    const int64_t stride = plane_x_.stride_row / int64_t(sizeof(float));
    if (std::is_same_v<T, float> && plane_x_.stride_column == int64_t(sizeof(float)) && stride >= 0 &&
        stride * height_ < INT32_MAX && plane_x_.stride_row % int64_t(sizeof(float)) == 0) {
        planes_ = {reinterpret_cast<const float*>(plane_x_.data), reinterpret_cast<const float*>(plane_y_.data), stride,
                   height_, width_};
        return;
    }
    if (limb_.x.empty()) {
        if (int64_t(scratch_.first.size()) * kCellsPerPair < height_ * width_) return;
        widen(plane_x_, limb_.x), widen(plane_y_, limb_.y);
    }
    planes_ = {limb_.x.data(), limb_.y.data(), width_, height_, width_};
}

template <class T>
void LimbScan<T>::widen(const Plane<T>& plane, std::vector<float>& to) const {
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

template <class T>
bool LimbScan<T>::make_map() {
    if (limb_.tried) return limb_.mapped;
    if (int64_t(scratch_.first.size()) * kCellsPerMappedPair < height_ * width_) return false;
    limb_.tried = true;
    const float lowest = crowd_.rule.sample_threshold - kMapSlack;
    if (!(lowest > 0.0f)) return false;  // then an empty field supports every limb
    limb_.map.resize(size_t((height_ + 1) / 2 * ((width_ + 1) / 2)));
    scratch_.flags.resize(4 * (size_t(width_) + 64));
    return limb_.mapped = loops_.map_octants(planes_, lowest, scratch_.flags.data(), limb_.map.data()) >= 0;
}

// Leaves those pairs in the list that a few samples do not rule out.
template <class T>
void LimbScan<T>::rule_out() {
    const bool mapped = make_map();
    size_t left = 0;
    for (size_t begin = 0; begin < scratch_.first.size(); begin += PairLanes::kCount) {
        const int count = fill_lanes(begin);
        if (mapped)
            loops_.count_mapped(limb_.map.data(), height_, width_, scratch_.lanes, count);
        else
            loops_.add_samples(planes_, crowd_.rule.sample_threshold, kGlance, scratch_.lanes, count);
        for (int lane = 0; lane < count; ++lane) {
            scratch_.first[left] = scratch_.first[begin + size_t(lane)];
            scratch_.second[left] = scratch_.second[begin + size_t(lane)];
            left += scratch_.lanes.failed[lane] <= scratch_.lanes.allowed[lane];
        }
    }
    scratch_.first.resize(left), scratch_.second.resize(left);
}

template <class T>
void LimbScan<T>::score() {
    PairLanes& lanes = scratch_.lanes;
    for (size_t begin = 0; begin < scratch_.first.size(); begin += PairLanes::kCount) {
        const int count = fill_lanes(begin);
        loops_.add_samples(planes_, crowd_.rule.sample_threshold, kMostSamples, lanes, count);
        for (int lane = 0; lane < count; ++lane) {
            if (lanes.bad[lane] || !is_finite(lanes.sum[lane])) {
                limb_.non_finite = limb_.non_finite || lanes.bad[lane] || lanes.failed[lane] <= lanes.allowed[lane];
            } else if (lanes.failed[lane] <= lanes.allowed[lane]) {
                const float samples = float(lanes.samples[lane]), mean = lanes.sum[lane] / samples;
                if (mean >= crowd_.rule.threshold)
                    accept(scratch_.first[begin + size_t(lane)], scratch_.second[begin + size_t(lane)],
                           coherent_mean(mean, lanes.magnitudes[lane] / samples));
            }
        }
    }
}

template <class T>
void LimbScan<T>::score_one(int64_t i, int64_t j) {
    const float *a = crowd_.xy + 2 * i, *b = crowd_.xy + 2 * j;
    float score = 0;
    const PairResult result = score_pair(plane_x_, plane_y_, height_, width_, a[0], a[1], b[0], b[1], crowd_.rule, &score);
    if (result == PairResult::accepted) accept(int32_t(i), int32_t(j), score);
    if (result == PairResult::non_finite) limb_.non_finite = true;
}

template <class T>
void LimbScan<T>::accept(int32_t i, int32_t j, float score) {
    limb_.first.push_back(i), limb_.second.push_back(j), limb_.score.push_back(score);
}

// Fills the lanes with the pairs of the list from `begin` on; returns how many there are.
template <class T>
int LimbScan<T>::fill_lanes(size_t begin) {
    PairLanes& lanes = scratch_.lanes;
    const int count = int(std::min<size_t>(PairLanes::kCount, scratch_.first.size() - begin));
    for (int lane = 0; lane < count; ++lane) {
        const float* const a = crowd_.xy + 2 * int64_t(scratch_.first[begin + size_t(lane)]);
        const float* const b = crowd_.xy + 2 * int64_t(scratch_.second[begin + size_t(lane)]);
        lanes.x0[lane] = a[0], lanes.y0[lane] = a[1];
        lanes.dx[lane] = b[0] - a[0], lanes.dy[lane] = b[1] - a[1];
    }
    loops_.measure_pairs(lanes, count, crowd_.rule);
    return count;
}

template class LimbScan<float>;
template class LimbScan<Half>;
template class LimbScan<BFloat16>;

}  // namespace bottomup::cpu
