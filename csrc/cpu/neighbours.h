// The joint candidates of one type in one image, in order of bands of rows and then of columns, so that those near a point
// lie close together.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "simd/vectors.h"

namespace bottomup::cpu {

class Neighbours {
   public:
    // The candidates of these numbers, `end` left out, on a field of that size.
    Neighbours(const float* xy, int64_t first, int64_t end, int64_t height, int64_t width)
        : first_(int32_t(first)), size_(end - first),
          bands_(std::max<int64_t>(std::min(height / kFewestRows, size_ / kFewestPoints), 1)),
          columns_(width / kColumns + 1), band_(float(bands_) / float(std::max<int64_t>(height, 1))),
          ends_(size_t(bands_ * columns_)), x_(size_t(size_ + 2 * kLanes)), y_(x_.size()), numbers_(size_t(size_)) {
        const Cells grid = cells();
        const auto cell = [&](int64_t i) {
            return size_t(band_of(grid, xy[2 * i + 1]) * columns_ + column_of(grid, xy[2 * i]));
        };
        for (int64_t i = first; i < end; ++i) ++ends_[cell(i)];
        int32_t before = 0;
        for (int32_t& count : ends_) count = std::exchange(before, before + count);
        for (int64_t i = first; i < end; ++i) {
            const auto place = size_t(ends_[cell(i)]++);  // from where the cell begins to where it ends
            x_[place] = xy[2 * i], y_[place] = xy[2 * i + 1], numbers_[place] = int32_t(i);
        }
    }

    int32_t first() const { return first_; }
    int64_t size() const { return size_; }
    float x(int64_t place) const { return x_[size_t(place)]; }
    float y(int64_t place) const { return y_[size_t(place)]; }
    int32_t number(int64_t place) const { return numbers_[size_t(place)]; }

    // The reaches and their squares have room for 2 kLanes more.
    Points points(const float* reach, const float* squares, const float* loose_squares) const {
        return {x_.data(), y_.data(), reach, squares, loose_squares, size_, cells()};
    }

    // Whether `holds` is true of the place of a candidate near a point: of all that are up to `distance` away, maybe of more.
    template <class Holds>
    bool any_near(float x, float y, float distance, Holds holds) const {
        const Cells grid = cells();
        const int64_t left = column_of(grid, x - distance), right = column_of(grid, x + distance);
        const int64_t bottom = band_of(grid, y + distance);
        for (int64_t band = band_of(grid, y - distance); band <= bottom; ++band) {
            const int64_t cell = band * columns_ + left, end = ends_[size_t(band * columns_ + right)];
            for (int64_t place = cell > 0 ? ends_[size_t(cell - 1)] : 0; place < end; ++place)
                if (holds(place)) return true;
        }
        return false;
    }

   private:
    // A band holds about as many points as are looked at together, or more. Narrower ones would only be more in number.
    static constexpr int64_t kFewestRows = 32, kFewestPoints = 64, kColumns = 8;

    Cells cells() const { return {ends_.data(), int32_t(bands_), int32_t(columns_), band_, 1.0f / float(kColumns)}; }

    int32_t first_;
    int64_t size_, bands_, columns_;
    float band_;  // per row
    std::vector<int32_t> ends_;
    std::vector<float> x_, y_;
    std::vector<int32_t> numbers_;
};

}  // namespace bottomup::cpu
