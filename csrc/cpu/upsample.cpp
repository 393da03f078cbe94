// find_peaks on heatmaps that are upsampled on the way, one channel at a time.
#include <algorithm>

#include "../kernels.h"
#include "../plateau.h"
#include "../upsample.h"
#include "parallel.h"

namespace bottomup::cpu {
namespace {

struct Found {
    Candidate candidate;
    uint64_t key;
};

// An upsampled channel, and what is needed to look for its peaks.
class Map {
   public:
    Map(int64_t height, int64_t width, int64_t factor)
        : height_(height), width_(width), factor_(factor), out_height_(height * factor), out_width_(width * factor),
          lines_(size_t(height * out_width_)), values_(size_t(out_height_ * out_width_)) {
        for (int64_t row = 0; row < out_height_; ++row) row_taps_.push_back(cubic_tap(row, factor));
        for (int64_t column = 0; column < out_width_; ++column) column_taps_.push_back(cubic_tap(column, factor));
    }

    // False if a value of the field is not finite; `row` and `column` then say where.
    template <class T>
    bool upsample_rows(const Plane<T>& source, int64_t& row, int64_t& column) {
        std::vector<float> cells(static_cast<size_t>(width_));
        for (row = 0; row < height_; ++row) {
            for (column = 0; column < width_; ++column) {
                cells[size_t(column)] = source(row, column);
                if (!is_finite(cells[size_t(column)])) return false;
            }
            float* const line = &lines_[size_t(row * out_width_)];
            for (int64_t c = 0; c < out_width_; ++c) line[c] = along_row(cells.data(), column_taps_[size_t(c)]);
        }
        return true;
    }

    // False if a value overflows; `row` and `column` then say at which cell of the field.
    bool upsample_columns(int64_t& row, int64_t& column) {
        for (int64_t r = 0; r < out_height_; ++r) make_row(row_taps_[size_t(r)], &values_[size_t(r * out_width_)]);
        const auto bad = std::find_if_not(values_.begin(), values_.end(), is_finite);
        const int64_t cell = bad - values_.begin();
        row = cell / out_width_ / factor_, column = cell % out_width_ / factor_;
        return bad == values_.end();
    }

    void find(float threshold, std::vector<Found>& found) {
        visited_.assign(values_.size(), 0);
        for (int64_t cell = 0; cell < int64_t(values_.size()); ++cell) {
            if (!(values_[size_t(cell)] >= threshold) || visited_[size_t(cell)]) continue;
            const int64_t row = cell / out_width_, column = cell % out_width_;
            const Around around = look_around(reader(), row, column, out_height_, out_width_, values_[size_t(cell)]);
            PlateauSum sum;
            if (around.equal) {
                if (!walk(cell, sum)) continue;
            } else if (around.higher) {
                continue;
            } else {
                sum.add(fit_cell(reader(), row, column, out_height_, out_width_));
            }
            const float score = values_[size_t(cell)];
            found.push_back({candidate_of(sum.mean(), score, factor_), peak_key(score, cell)});
        }
    }

   private:
    struct Reader {
        const float* values;
        int64_t width;

        float operator()(int64_t row, int64_t column) const { return values[row * width + column]; }
    };
    Reader reader() const { return {values_.data(), out_width_}; }

    float along_row(const float* cells, const CubicTap& x) const {
        return cubic(cells[clamp_to(x.cell - 1, width_)], cells[clamp_to(x.cell, width_)],
                     cells[clamp_to(x.cell + 1, width_)], cells[clamp_to(x.cell + 2, width_)], x);
    }

    void make_row(const CubicTap& y, float* out) const {
        const float* lines[4];
        for (int64_t i = 0; i < 4; ++i) lines[i] = &lines_[size_t(clamp_to(y.cell - 1 + i, height_) * out_width_)];
        for (int64_t c = 0; c < out_width_; ++c) out[c] = cubic(lines[0][c], lines[1][c], lines[2][c], lines[3][c], y);
    }

    // Sums up a plateau whose first cell this is. False if something overlooks it.
    bool walk(int64_t start, PlateauSum& sum) {
        const float here = values_[size_t(start)];
        bool highest = true;
        stack_.assign(1, start);
        visited_[size_t(start)] = 1;
        while (!stack_.empty()) {
            const int64_t row = stack_.back() / out_width_, column = stack_.back() % out_width_;
            stack_.pop_back();
            sum.add(fit_cell(reader(), row, column, out_height_, out_width_));
            for (int64_t r = std::max<int64_t>(row - 1, 0); r <= row + 1 && r < out_height_; ++r) {
                for (int64_t c = std::max<int64_t>(column - 1, 0); c <= column + 1 && c < out_width_; ++c) {
                    const size_t cell = size_t(r * out_width_ + c);
                    highest = highest && !(values_[cell] > here);
                    if (values_[cell] != here || visited_[cell]) continue;
                    visited_[cell] = 1;
                    stack_.push_back(int64_t(cell));
                }
            }
        }
        return highest;
    }

    int64_t height_, width_, factor_, out_height_, out_width_;
    std::vector<float> lines_, values_;
    std::vector<CubicTap> row_taps_, column_taps_;
    std::vector<uint8_t> visited_;
    std::vector<int64_t> stack_;
};

template <class T>
void scan(const FieldView& view, int64_t plane, float threshold, int64_t factor, std::vector<Found>& found,
          NonFinite& non_finite, NonFinite& overflow) {
    const int64_t b = plane / view.channels, k = plane % view.channels;
    Map map(view.height, view.width, factor);
    int64_t row = 0, column = 0;
    if (!map.upsample_rows(Plane<T>(view, b, k), row, column)) {
        non_finite = {b, k, row, column};
    } else if (!map.upsample_columns(row, column)) {
        overflow = {b, k, row, column};
    } else {
        map.find(threshold, found);
        std::sort(found.begin(), found.end(), [](const Found& one, const Found& other) { return one.key < other.key; });
    }
}

// Of the first channel that has such a value.
NonFinite first_of(const std::vector<NonFinite>& places) {
    for (const NonFinite& place : places)
        if (place.batch >= 0) return place;
    return {};
}

}  // namespace

Peaks find_upsampled_peaks(const FieldView& heatmaps, const PeakCriteria& criteria, int threads) {
    const size_t planes = size_t(heatmaps.batch * heatmaps.channels);
    std::vector<std::vector<Found>> found(planes);
    std::vector<NonFinite> non_finite(planes), overflow(planes);
    const auto scan_type = heatmaps.dtype == DType::float32   ? scan<float>
                           : heatmaps.dtype == DType::float16 ? scan<Half>
                                                              : scan<BFloat16>;
    parallel_for(int64_t(planes), threads, [&](int, int64_t plane) {
        const size_t p = size_t(plane);
        scan_type(heatmaps, plane, criteria.threshold, criteria.upsample, found[p], non_finite[p], overflow[p]);
    });
    Peaks peaks;
    peaks.non_finite = first_of(non_finite);
    if (peaks.non_finite.batch < 0) peaks.non_finite = first_of(overflow);
    peaks.offsets.assign(1, 0);
    for (const std::vector<Found>& plane : found) {
        for (const Found& peak : plane) {
            peaks.xy.push_back(peak.candidate.x), peaks.xy.push_back(peak.candidate.y);
            peaks.score.push_back(peak.candidate.score), peaks.extent.push_back(peak.candidate.extent);
        }
        peaks.offsets.push_back(int64_t(peaks.score.size()));
    }
    return peaks;
}

}  // namespace bottomup::cpu
