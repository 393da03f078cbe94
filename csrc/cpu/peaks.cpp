// find_peaks on the CPU: one pass over the rows of each heatmap lists the cells that nothing around them exceeds; the
// few of those are then refined and put in order together.
#include <algorithm>
#include <numeric>

#include "../kernels.h"
#include "channels.h"
#include "parallel.h"
#include "simd/vectors.h"

namespace bottomup::cpu {
namespace {

// What a worker needs for one heatmap, kept from one to the next so that memory is taken only while it still grows.
struct Scratch {
    std::vector<float> rows[3];
    std::vector<int32_t> columns, rank, order;
    // The peaks of the heatmap in the order of their cells: a cell's value and those beside it, then what becomes of it.
    std::vector<float> here, left, right, above, below, x, y, curvature_x, curvature_y, extent;
    size_t count = 0;
    struct Fitted {
        size_t peak;
        CellFit fit;
    };
    std::vector<Fitted> fitted;  // peaks that are no plain inner cell: on the border, or plateaus
    std::vector<int64_t> plateau;
    std::vector<uint8_t> visited;

    void clear() {
        count = 0;
        fitted.clear();
    }

    void make_room(size_t more) {
        const size_t wanted = count + more + size_t(kPadding);
        if (wanted <= here.size()) return;
        for (auto* values : {&here, &left, &right, &above, &below, &x, &y, &curvature_x, &curvature_y, &extent})
            values->resize(2 * wanted);
        rank.resize(here.size()), order.resize(here.size());
    }
};

// Three rows in turn as contiguous floats: in place where memory already has that form, else converted.
template <class T>
class Rows {
   public:
    Rows(const Plane<T>& plane, int64_t width, std::vector<float>* buffers)
        : plane_(plane), width_(width), buffers_(buffers), contiguous_(plane.stride_column == int64_t(sizeof(T))) {}

    const float* operator[](int64_t row) const {
        const char* start = plane_.data + row * plane_.stride_row;
        if constexpr (std::is_same_v<T, float>)
            if (contiguous_) return reinterpret_cast<const float*>(start);
        std::vector<float>& buffer = buffers_[row % 3];
        buffer.resize(size_t(width_));
        if constexpr (!std::is_same_v<T, float>) {
            if (contiguous_) {
                const T* from = reinterpret_cast<const T*>(start);
                if constexpr (std::is_same_v<T, Half>) loops_.widen_half(from, buffer.data(), width_);
                if constexpr (std::is_same_v<T, BFloat16>) loops_.widen_bfloat16(from, buffer.data(), width_);
                return buffer.data();
            }
        }
        for (int64_t c = 0; c < width_; ++c) buffer[size_t(c)] = load<T>(start + c * plane_.stride_column);
        return buffer.data();
    }

   private:
    const Plane<T>& plane_;
    const int64_t width_;
    std::vector<float>* buffers_;
    const bool contiguous_;
    const VectorLoops& loops_ = vector_loops();
};

// Peaks of one heatmap. Cells of equal height that touch form a plateau; it is one peak if nothing around it
// is higher, at the mean of its cells' refined positions.
template <class T>
class PlaneScan {
   public:
    PlaneScan(const FieldView& view, int64_t b, int64_t k, float threshold, Scratch& scratch)
        : plane_(view, b, k), height_(view.height), width_(view.width), threshold_(threshold), scratch_(scratch) {}

    // False if a value is not finite; `row` and `column` then say where the first one is.
    bool run(int64_t& row, int64_t& column) {
        const Rows<T> rows(plane_, width_, scratch_.rows);
        scratch_.columns.resize(size_t(width_));
        const float* above = rows[0];
        const float* here = above;
        for (row = 0; row < height_; ++row) {
            const float* below = row + 1 < height_ ? rows[row + 1] : here;
            int32_t* columns = scratch_.columns.data();
            const int64_t found = loops_.peak_columns(above, here, below, width_, threshold_, columns);
            if (found < 0) {
                column = std::find_if_not(here, here + width_, is_finite) - here;
                return false;
            }
            scratch_.make_room(size_t(found));
            for (int64_t i = 0; i < found; ++i) visit(above, here, below, row, columns[i]);
            above = here, here = below;
        }
        finish();
        return true;
    }

   private:
    void visit(const float* above, const float* here, const float* below, int64_t row, int64_t column) {
        const bool inner = row > 0 && row + 1 < height_ && column > 0 && column + 1 < width_;
        if (inner) {
            const float score = here[column];
            const float corner = std::max({above[column - 1], above[column + 1], below[column - 1], below[column + 1]});
            const float side = std::max({above[column], below[column], here[column - 1], here[column + 1]});
            if (corner > score) return;
            if (corner < score && side < score)
                return push(row, column, score, here[column - 1], here[column + 1], above[column], below[column]);
        }
        switch (classify(plane_, row, column, height_, width_)) {
            case CellKind::not_a_peak:
                return;
            case CellKind::strict_peak:
                return push_fitted(here[column], fit_cell(plane_, row, column, height_, width_));
            case CellKind::plateau:
                return visit_plateau(row * width_ + column, here[column]);
        }
    }

    void visit_plateau(int64_t start, float score) {
        std::vector<uint8_t>& visited = scratch_.visited;
        if (!marked_) visited.assign(size_t(height_ * width_), 0), marked_ = true;
        if (visited[size_t(start)]) return;
        std::vector<int64_t>& cells = scratch_.plateau;
        cells.assign(1, start);
        visited[size_t(start)] = 1;
        bool highest = true;
        double x = 0, y = 0, curvature = 0;
        for (size_t next = 0; next < cells.size(); ++next) {
            const int64_t row = cells[next] / width_, column = cells[next] % width_;
            const CellFit fit = fit_cell(plane_, row, column, height_, width_);
            x += fit.x, y += fit.y, curvature += fit.curvature;
            for (int64_t r = std::max<int64_t>(row - 1, 0); r <= row + 1 && r < height_; ++r) {
                for (int64_t c = std::max<int64_t>(column - 1, 0); c <= column + 1 && c < width_; ++c) {
                    const float other = plane_(r, c);
                    if (other > score) highest = false;
                    if (other != score || visited[size_t(r * width_ + c)]) continue;
                    visited[size_t(r * width_ + c)] = 1;
                    cells.push_back(r * width_ + c);
                }
            }
        }
        const double n = double(cells.size());
        // The scan comes from above, so `start` is the first cell of every plateau that is a peak.
        if (highest) push_fitted(score, {float(x / n), float(y / n), float(curvature / n)});
    }

    void push(int64_t row, int64_t column, float score, float left, float right, float above, float below) {
        Scratch& s = scratch_;
        const size_t n = s.count++;
        s.here[n] = score, s.left[n] = left, s.right[n] = right, s.above[n] = above, s.below[n] = below;
        s.x[n] = float(column), s.y[n] = float(row);
    }

    void push_fitted(float score, const CellFit& fit) {
        scratch_.fitted.push_back({scratch_.count, fit});
        push(0, 0, score, score, score, score, score);
    }

    void finish() {
        Scratch& s = scratch_;
        if (s.count == 0) return;
        const int64_t count = int64_t(s.count);
        loops_.fit_axes(s.left.data(), s.here.data(), s.right.data(), s.x.data(), s.curvature_x.data(), count);
        loops_.fit_axes(s.above.data(), s.here.data(), s.below.data(), s.y.data(), s.curvature_y.data(), count);
        for (const auto& [peak, fit] : s.fitted) {
            s.x[peak] = fit.x, s.y[peak] = fit.y;
            s.curvature_x[peak] = s.curvature_y[peak] = fit.curvature;
        }
        loops_.extents(s.curvature_x.data(), s.curvature_y.data(), s.extent.data(), count);
        rank();
    }

    void rank() {
        constexpr size_t kMostCounted = 1024;
        Scratch& s = scratch_;
        if (s.count <= kMostCounted) {
            std::fill_n(s.here.begin() + std::ptrdiff_t(s.count), kPadding, -FLT_MAX);
            return loops_.rank_falling(s.here.data(), s.rank.data(), int64_t(s.count));
        }
        const auto end = s.order.begin() + std::ptrdiff_t(s.count);
        std::iota(s.order.begin(), end, 0);
        std::sort(s.order.begin(), end, [&s](int32_t a, int32_t b) {
            return s.here[size_t(a)] != s.here[size_t(b)] ? s.here[size_t(a)] > s.here[size_t(b)] : a < b;
        });
        for (size_t place = 0; place < s.count; ++place) s.rank[size_t(s.order[place])] = int32_t(place);
    }

    const Plane<T> plane_;
    const int64_t height_, width_;
    const float threshold_;
    Scratch& scratch_;
    const VectorLoops& loops_ = vector_loops();
    bool marked_ = false;
};

// The peaks that one worker has found, heatmap after heatmap.
struct Store {
    std::vector<float> xy, score, extent;

    void append(const Scratch& s) {
        const size_t count = s.count, begin = score.size();
        xy.resize(2 * (begin + count)), score.resize(begin + count), extent.resize(begin + count);
        for (size_t i = 0; i < count; ++i) {
            const size_t at = begin + size_t(s.rank[i]);
            xy[2 * at] = s.x[i], xy[2 * at + 1] = s.y[i];
            score[at] = s.here[i], extent[at] = s.extent[i];
        }
    }
};

struct Worker {
    Scratch scratch;
    Store store;
};

struct Span {  // of one heatmap's peaks in its worker's store
    int worker;
    size_t begin, count;
    NonFinite non_finite;
};

template <class T>
Span scan_plane(const FieldView& view, int64_t b, int64_t k, float threshold, Worker& worker, int number) {
    Span span{number, worker.store.score.size(), 0, {}};
    worker.scratch.clear();
    int64_t row = 0, column = 0;
    if (PlaneScan<T>(view, b, k, threshold, worker.scratch).run(row, column)) {
        worker.store.append(worker.scratch);
        span.count = worker.scratch.count;
    } else {
        span.non_finite = {b, k, row, column};
    }
    return span;
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from, size_t begin, size_t count) {
    to.insert(to.end(), from.begin() + std::ptrdiff_t(begin), from.begin() + std::ptrdiff_t(begin + count));
}

Peaks collect(std::vector<Worker>& workers, const std::vector<Span>& spans) {
    Peaks peaks;
    peaks.offsets.reserve(spans.size() + 1);
    peaks.offsets.push_back(0);
    for (const Span& span : spans) {
        if (span.non_finite.batch >= 0 && peaks.non_finite.batch < 0) peaks.non_finite = span.non_finite;
        peaks.offsets.push_back(peaks.offsets.back() + int64_t(span.count));
    }
    if (workers.size() == 1) {
        Store& store = workers[0].store;  // everything is there, in order
        peaks.xy = std::move(store.xy), peaks.score = std::move(store.score), peaks.extent = std::move(store.extent);
        return peaks;
    }
    const size_t total = size_t(peaks.offsets.back());
    peaks.xy.reserve(2 * total), peaks.score.reserve(total), peaks.extent.reserve(total);
    for (const Span& span : spans) {
        const Store& store = workers[size_t(span.worker)].store;
        append(peaks.xy, store.xy, 2 * span.begin, 2 * span.count);
        append(peaks.score, store.score, span.begin, span.count);
        append(peaks.extent, store.extent, span.begin, span.count);
    }
    return peaks;
}

template <class T>
Peaks find_in(const FieldView& heatmaps, float threshold, int threads) {
    const int64_t channels = heatmaps.channels, planes = heatmaps.batch * channels;
    std::vector<Worker> workers{size_t(worker_count(planes, threads))};
    std::vector<Span> spans{size_t(planes)};
    const auto scan = [&](const FieldView& view, int64_t b, int64_t p, int number) {
        spans[size_t(p)] = scan_plane<T>(view, b, p % channels, threshold, workers[size_t(number)], number);
    };
    if (are_interleaved<T>(heatmaps)) {
        std::vector<char> memory;
        for (int64_t b = 0; b < heatmaps.batch; ++b) {
            const FieldView image = split_channels<T>(heatmaps, b, threads, memory);
            parallel_for(channels, threads, [&](int number, int64_t k) {
                scan(image, 0, b * channels + k, number);
                NonFinite& place = spans[size_t(b * channels + k)].non_finite;
                if (place.batch >= 0) place.batch = b;
            });
        }
    } else {
        parallel_for(planes, threads, [&](int number, int64_t p) { scan(heatmaps, p / channels, p, number); });
    }
    return collect(workers, spans);
}

}  // namespace

Peaks find_peaks(const FieldView& heatmaps, const PeakCriteria& criteria, int threads) {
    if (criteria.upsample > 1) return find_upsampled_peaks(heatmaps, criteria, threads);
    switch (heatmaps.dtype) {
        case DType::float32:
            return find_in<float>(heatmaps, criteria.threshold, threads);
        case DType::float16:
            return find_in<Half>(heatmaps, criteria.threshold, threads);
        case DType::bfloat16:
            return find_in<BFloat16>(heatmaps, criteria.threshold, threads);
    }
    return {};
}

}  // namespace bottomup::cpu
