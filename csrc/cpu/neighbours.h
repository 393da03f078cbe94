// The joint candidates of one type in one image, in order of their rows, so that those near a point lie close together.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace bottomup::cpu {

class Neighbours {
public:
    // The candidates of these numbers, on a field of that height.
    Neighbours(const float* xy, const std::vector<int32_t>& numbers, int64_t height)
        : rows_(std::max<int64_t>(height, 1)), starts_(size_t(bands()) + 1), x_(numbers.size()), y_(x_.size()), numbers_(x_.size()) {
        for (const int64_t i : numbers) ++starts_[size_t(band(xy[2 * i + 1])) + 1];
        for (size_t k = 1; k < starts_.size(); ++k) starts_[k] += starts_[k - 1];
        std::vector<int32_t> next(starts_.begin(), starts_.end() - 1);
        for (const int64_t i : numbers) {
            const auto place = size_t(next[size_t(band(xy[2 * i + 1]))]++);
            x_[place] = xy[2 * i], y_[place] = xy[2 * i + 1], numbers_[place] = int32_t(i);
        }
    }

    int64_t size() const { return int64_t(x_.size()); }

    // Calls `scan` with the coordinates and the count of a stretch that holds all candidates up to `distance` above or
    // below `y`, and with their numbers.
    template <class Scan>
    void near(float y, float distance, Scan scan) const {
        const auto begin = size_t(starts_[size_t(band(y - distance))]), end = size_t(starts_[size_t(band(y + distance)) + 1]);
        if (begin < end) scan(x_.data() + begin, y_.data() + begin, int64_t(end - begin), numbers_.data() + begin);
    }

private:
    static constexpr int64_t kBand = 2;  // rows

    int64_t bands() const { return (rows_ + kBand - 1) / kBand; }

    // Positions beyond the field belong to its edge.
    int64_t band(float y) const {
        const float bounded = std::min(std::max(y, 0.0f), float(rows_ - 1));
        return std::min(int64_t(bounded) / kBand, bands() - 1);
    }

    int64_t rows_;
    std::vector<int32_t> starts_;
    std::vector<float> x_, y_;
    std::vector<int32_t> numbers_;
};

}  // namespace bottomup::cpu
