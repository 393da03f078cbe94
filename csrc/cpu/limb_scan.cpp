#include "limb_scan.h"

#include <algorithm>
#include <cmath>

namespace bottomup::cpu {
namespace {

// Making the map takes about as long as ruling out a pair without it for every 32 cells.
constexpr int64_t kCellsPerMappedPair = 32;
// Converting the channels takes about as long as scoring a pair value by value for every 256 cells.
constexpr int64_t kCellsPerPair = 256;
constexpr int kMostMappedSamples = 4096;
// They are few enough to stay in a near cache. Their columns must not lie at the same places of memory pages.
constexpr int64_t kPairsAtOnce = 8192 + 160;

}  // namespace

PairColumns PairList::columns() const {
    const auto column = [&](int64_t number) { return values_.get() + number * (room_ + kLanes); };
    return {places_.get(), places_.get() + room_ + kLanes, column(0), column(1), column(2), column(3), column(4)};
}

void PairList::make_room(int64_t pairs) {
    if (pairs <= room_) return;
    room_ = pairs;
    places_.reset(new int32_t[size_t(2 * (room_ + kLanes))]);
    values_.reset(new float[size_t(5 * (room_ + kLanes))]);
}

template <class T>
Points LimbScan<T>::points(bool second) {
    const float* const reach = crowd_.reach.data() + limb_.end(second, 0);
    std::vector<float>(&squares)[2] = scratch_.squares[second];
    const int64_t count = limb_.side(second).size();
    for (std::vector<float>& values : squares) values.resize(std::max(values.size(), size_t(count + 2 * kLanes)));
    loops_.square_reaches(reach, crowd_.criteria.search_radius, count, squares[0].data(), squares[1].data());
    return limb_.side(second).points(reach, squares[0].data(), squares[1].data());
}

// Lists the pairs that is_sought in the ring, and looks at them whenever the list is full.
template <class T>
void LimbScan<T>::run(const Ring& ring) {
    PairList& pairs = scratch_.pairs;
    pairs.make_room(std::max({kPairsAtOnce, limb_.from->size(), limb_.to->size()}));
    const Points sides[2] = {points(false), points(true)};
    for (const bool second : {false, true}) {
        const Points &ends = sides[second], &others = sides[!second];
        const auto looks_far = [&](float reach) { return reach >= ring.from; };
        if (second && std::all_of(others.reach, others.reach + others.count, looks_far)) break;  // and have found all
        for (int64_t place = 0; place < ends.count;) {
            if (pairs.room() - pairs.count < others.count) look_at(ring);
            pairs.count +=
                loops_.find_partners(ends, others, second, ring, crowd_.criteria, from_place(pairs.columns(), pairs.count),
                                     pairs.room() - pairs.count, &place);
        }
    }
    look_at(ring);
}

// Adds those pairs of the list that pass to the limb's, and empties it.
template <class T>
void LimbScan<T>::look_at(const Ring& ring) {
    if (scratch_.pairs.count == 0) return;
    sought_ += scratch_.pairs.count;
    take_planes();
    if (planes_.x)
        score(ring);
    else
        score_one_by_one();
    accept();
    scratch_.pairs.count = 0;
}

// The channels as floats: as they are where possible, converted where that pays.
template <class T>
void LimbScan<T>::take_planes() {
    planes_.x = nullptr;
    if (height_ < 2 || width_ < 2 || height_ > kMappedSide || width_ > kMappedSide ||
        crowd_.criteria.max_samples > kMostMappedSamples)
        return;
    const int64_t stride = plane_x_.stride_row / int64_t(sizeof(float));
    if (std::is_same_v<T, float> && plane_x_.stride_column == int64_t(sizeof(float)) && stride >= 0 &&
        stride * height_ < INT32_MAX && plane_x_.stride_row % int64_t(sizeof(float)) == 0) {
        planes_ = {reinterpret_cast<const float*>(plane_x_.data), reinterpret_cast<const float*>(plane_y_.data), stride,
                   height_, width_};
        return;
    }
    if (limb_.x.empty()) {
        if (sought_ * kCellsPerPair < height_ * width_) return;
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
    if (sought_ * kCellsPerMappedPair < height_ * width_) return false;
    limb_.tried = true;
    const float lowest = crowd_.criteria.sample_threshold - map_slack(height_, width_);
    if (!(lowest > 0.0f)) return false;  // then an empty field supports every limb
    scratch_.flags.resize(2 * (size_t(width_) + 64));
    return limb_.mapped = loops_.map_octants(planes_, lowest, scratch_.flags.data(), map());
}

template <class T>
void LimbScan<T>::score(const Ring& ring) {
    PairList& pairs = scratch_.pairs;
    const PairColumns columns = pairs.columns();
    if (make_map())
        pairs.count = loops_.keep_mapped(map(), planes_, crowd_.criteria, columns, pairs.count);
    else if (ring.from > 0.0f)  // of the short ones many pass
        pairs.count = loops_.keep_supported(planes_, crowd_.criteria, columns, pairs.count);
    pairs.count = loops_.keep_passing(planes_, crowd_.criteria, columns, pairs.count, &limb_.non_finite);
}

template <class T>
void LimbScan<T>::score_one_by_one() {
    PairList& pairs = scratch_.pairs;
    const PairColumns all = pairs.columns();
    int64_t left = 0;
    for (int64_t k = 0; k < pairs.count; ++k) {
        const Neighbours &from = *limb_.from, &to = *limb_.to;
        const int32_t i = all.first[k], j = all.second[k];
        const PairResult result = score_pair(plane_x_, plane_y_, height_, width_, from.x(i), from.y(i), to.x(j), to.y(j),
                                             crowd_.criteria, &all.score[left]);
        limb_.non_finite = limb_.non_finite || result == PairResult::non_finite;
        if (result != PairResult::accepted) continue;
        all.first[left] = i, all.second[left] = j, all.dx[left] = all.dx[k], all.dy[left] = all.dy[k];
        ++left;
    }
    pairs.count = left;
}

// Keeps the pairs that have passed, and what the good ones say about their ends.
template <class T>
void LimbScan<T>::accept() {
    const PairColumns pairs = scratch_.pairs.columns();
    const auto count = size_t(scratch_.pairs.count);
    const auto first = limb_.first.insert(limb_.first.end(), count, 0);
    const auto second = limb_.second.insert(limb_.second.end(), count, 0);
    limb_.score.insert(limb_.score.end(), pairs.score, pairs.score + count);
    for (std::ptrdiff_t k = 0; k < std::ptrdiff_t(count); ++k) {
        first[k] = limb_.from->number(pairs.first[k]), second[k] = limb_.to->number(pairs.second[k]);
        if (!is_good(pairs.score[k], crowd_.scores[first[k]], crowd_.scores[second[k]], crowd_.criteria)) continue;
        const float length = nearness(std::sqrt(pairs.dx[k] * pairs.dx[k] + pairs.dy[k] * pairs.dy[k]));
        for (const size_t end : {limb_.end(false, pairs.first[k]), limb_.end(true, pairs.second[k])})
            crowd_.near[end] = std::min(crowd_.near[end], length);
    }
}

template class LimbScan<float>;
template class LimbScan<Half>;
template class LimbScan<BFloat16>;

}  // namespace bottomup::cpu
