// find_peaks on the CPU: one pass over the heatmaps that skips, a block at a time, what lies below the threshold.
#include <algorithm>
#include <numeric>

#include "../kernels.h"
#include "dispatch.h"
#include "parallel.h"

namespace bottomup::cpu {
namespace {

constexpr int64_t kBlock = 64;

// True if any of `count` values is at or above the threshold, or not finite.
BOTTOMUP_CLONES bool any_of_interest(const float* values, int64_t count, float threshold) {
    int hits = 0;
    for (int64_t i = 0; i < count; ++i) hits |= !(values[i] < threshold) | !(values[i] >= -FLT_MAX);
    return hits != 0;
}

BOTTOMUP_CLONES void widen(const Half* from, float* to, int64_t count) {
    for (int64_t i = 0; i < count; ++i) to[i] = to_float(from[i]);
}

struct Found {
    float x, y, score, extent;
    int64_t index;
};

template <class T>
struct Heatmap : Plane<T> {
    int64_t height, width;

    Heatmap(const FieldView& view, int64_t b, int64_t k) : Plane<T>(view, b, k), height(view.height), width(view.width) {}

    // One row as contiguous floats: in place where memory already has that form, else copied into `buffer`.
    const float* row(int64_t r, std::vector<float>& buffer) const {
        const char* start = this->data + r * this->stride_row;
        if (this->stride_column == int64_t(sizeof(T))) {
            if constexpr (std::is_same_v<T, float>) return reinterpret_cast<const float*>(start);
            buffer.resize(size_t(width));
            if constexpr (std::is_same_v<T, Half>) widen(reinterpret_cast<const Half*>(start), buffer.data(), width);
            return buffer.data();
        }
        buffer.resize(size_t(width));
        for (int64_t c = 0; c < width; ++c) buffer[size_t(c)] = (*this)(r, c);
        return buffer.data();
    }
};

// Peaks of one heatmap. Cells of equal height that touch form a plateau; it is one peak if nothing around it
// is higher, at the mean of its cells' refined positions.
template <class T>
class PlaneScan {
public:
    PlaneScan(const Heatmap<T>& plane, float threshold) : plane_(plane), threshold_(threshold) {}

    // False if a value is not finite; `row` and `column` then say where.
    bool run(std::vector<Found>& found, int64_t& row, int64_t& column) {
        for (row = 0; row < plane_.height; ++row) {
            const float* values = plane_.row(row, buffer_);
            for (int64_t begin = 0; begin < plane_.width; begin += kBlock) {
                const int64_t end = std::min(begin + kBlock, plane_.width);
                if (!any_of_interest(values + begin, end - begin, threshold_)) continue;
                for (column = begin; column < end; ++column) {
                    if (!is_finite(values[column])) return false;
                    if (values[column] >= threshold_) visit(row, column, found);
                }
            }
        }
        return true;
    }

private:
    void visit(int64_t row, int64_t column, std::vector<Found>& found) {
        const CellKind kind = classify(plane_, row, column, plane_.height, plane_.width);
        if (kind == CellKind::not_a_peak) return;
        const float score = plane_(row, column);
        const int64_t index = row * plane_.width + column;
        if (kind == CellKind::strict_peak) {
            const CellFit fit = fit_cell(plane_, row, column, plane_.height, plane_.width);
            found.push_back({fit.x, fit.y, score, extent_from_curvature(fit.curvature), index});
        } else {
            visit_plateau(index, score, found);
        }
    }

    void visit_plateau(int64_t start, float score, std::vector<Found>& found) {
        const int64_t height = plane_.height, width = plane_.width;
        if (visited_.empty()) visited_.assign(size_t(height * width), 0);
        if (visited_[size_t(start)]) return;
        visited_[size_t(start)] = 1;
        stack_.assign(1, start);
        bool highest = true;
        int64_t first = start, count = 0;
        double x = 0, y = 0, curvature = 0;
        while (!stack_.empty()) {
            const int64_t cell = stack_.back(), row = cell / width, column = cell % width;
            stack_.pop_back();
            first = std::min(first, cell);
            const CellFit fit = fit_cell(plane_, row, column, height, width);
            x += fit.x, y += fit.y, curvature += fit.curvature, ++count;
            for (int64_t r = std::max<int64_t>(row - 1, 0); r <= row + 1 && r < height; ++r) {
                for (int64_t c = std::max<int64_t>(column - 1, 0); c <= column + 1 && c < width; ++c) {
                    const float other = plane_(r, c);
                    if (other > score) highest = false;
                    if (other != score || visited_[size_t(r * width + c)]) continue;
                    visited_[size_t(r * width + c)] = 1;
                    stack_.push_back(r * width + c);
                }
            }
        }
        if (!highest) return;
        const double n = double(count);
        found.push_back({float(x / n), float(y / n), score, extent_from_curvature(float(curvature / n)), first});
    }

    const Heatmap<T>& plane_;
    const float threshold_;
    std::vector<float> buffer_;
    std::vector<uint8_t> visited_;
    std::vector<int64_t> stack_;
};

template <class T>
bool scan_plane(const FieldView& view, int64_t b, int64_t k, float threshold, std::vector<Found>& found,
                NonFinite& non_finite) {
    const Heatmap<T> plane(view, b, k);
    int64_t row = 0, column = 0;
    if (!PlaneScan<T>(plane, threshold).run(found, row, column)) {
        non_finite = {b, k, row, column};
        return false;
    }
    std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
        return a.score != b.score ? a.score > b.score : a.index < b.index;
    });
    return true;
}

}  // namespace

Peaks find_peaks(const FieldView& heatmaps, float threshold, int threads) {
    const int64_t planes = heatmaps.batch * heatmaps.channels;
    std::vector<std::vector<Found>> found{size_t(planes)};
    std::vector<NonFinite> non_finite{size_t(planes)};
    parallel_for(planes, threads, [&](int64_t p) {
        const int64_t b = p / heatmaps.channels, k = p % heatmaps.channels;
        const auto scan = heatmaps.dtype == DType::float32 ? scan_plane<float> : scan_plane<Half>;
        scan(heatmaps, b, k, threshold, found[size_t(p)], non_finite[size_t(p)]);
    });
    Peaks peaks;
    peaks.offsets.assign(size_t(planes) + 1, 0);
    for (size_t p = 0; p < size_t(planes); ++p) {
        if (non_finite[p].batch >= 0 && peaks.non_finite.batch < 0) peaks.non_finite = non_finite[p];
        peaks.offsets[p + 1] = peaks.offsets[p] + int64_t(found[p].size());
    }
    const size_t total = size_t(peaks.offsets.back());
    peaks.xy.reserve(2 * total), peaks.score.reserve(total), peaks.extent.reserve(total);
    for (const std::vector<Found>& plane : found) {
        for (const Found& peak : plane) {
            peaks.xy.push_back(peak.x), peaks.xy.push_back(peak.y);
            peaks.score.push_back(peak.score), peaks.extent.push_back(peak.extent);
        }
    }
    return peaks;
}

const char* instruction_set() {
#if BOTTOMUP_HAS_CLONES
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) return "avx512f";
    if (__builtin_cpu_supports("avx2")) return "avx2";
    return "x86-64 baseline";
#else
    return "portable";
#endif
}

}  // namespace bottomup::cpu
