// find_peaks on heatmaps that are upsampled on the way: a block makes a tile of the upsampled map in shared memory,
// looks for peaks there and forgets it. Tiles whose cells are all low, which are most, are left at once.
#include "visit.cuh"

namespace bottomup::cuda {
namespace {

constexpr int kTileRows = 16, kTileColumns = 64;
// A tile with the cells around it, and the field's cells that it is made from if it is upsampled by two; by more needs
// fewer.
constexpr int kRows = kTileRows + 2, kColumns = kTileColumns + 2;
constexpr int kSourceRows = kRows / 2 + 4, kSourceColumns = kColumns / 2 + 4;

// Where a tile lies on its map along one axis: outputs [low, high), with their neighbours, are made from `count` cells
// from `source` on.
struct Span {
    int64_t low, high, source;
    int count;

    __device__ Span(int64_t first, int64_t length, int64_t upsampled, int64_t factor) {
        low = first > 0 ? first - 1 : 0;
        high = first + length + 1 < upsampled ? first + length + 1 : upsampled;
        source = cubic_tap(low, factor).cell - 1;
        count = int(cubic_tap(high - 1, factor).cell + 2 - source) + 1;
    }
    __device__ int outputs() const { return int(high - low); }
};

struct Tile {
    float source[kSourceRows][kSourceColumns];
    float lines[kSourceRows][kColumns];  // upsampled along the rows only
    float values[kRows][kColumns];
};

// Reads the tile through its place on the map.
struct TileReader {
    const Tile* tile;
    int64_t top, left;

    __device__ float operator()(int64_t row, int64_t column) const { return tile->values[row - top][column - left]; }
};

// Reads the field's cells of a tile; whether any of them lets a peak be there, and whether any is not finite.
template <class T>
__device__ void read_source(Tile& tile, const FieldView& view, int64_t plane, const Span& rows, const Span& columns,
                            float threshold, bool& promising, bool& broken, const PeakSink& sink) {
    const Plane<T> source(view, plane / view.channels, plane % view.channels);
    for (int i = int(threadIdx.x); i < rows.count * columns.count; i += kThreads) {
        const int r = i / columns.count, c = i % columns.count;
        const int64_t row = clamp_to(rows.source + r, view.height), column = clamp_to(columns.source + c, view.width);
        const float value = source(row, column);
        tile.source[r][c] = value;
        promising = promising || fabsf(value) * kMostOvershoot >= threshold;
        if (is_finite(value)) continue;
        broken = true;
        PeakSink::report(&sink.header->non_finite_cell, (plane * view.height + row) * view.width + column);
    }
}

__device__ void upsample(Tile& tile, const Span& rows, const Span& columns, int64_t factor) {
    for (int i = int(threadIdx.x); i < rows.count * columns.outputs(); i += kThreads) {
        const int r = i / columns.outputs(), c = i % columns.outputs();
        const CubicTap x = cubic_tap(columns.low + c, factor);
        const float* from = &tile.source[r][x.cell - 1 - columns.source];
        tile.lines[r][c] = cubic(from[0], from[1], from[2], from[3], x);
    }
    __syncthreads();
    for (int i = int(threadIdx.x); i < rows.outputs() * columns.outputs(); i += kThreads) {
        const int r = i / columns.outputs(), c = i % columns.outputs();
        const CubicTap y = cubic_tap(rows.low + r, factor);
        const int from = int(y.cell - 1 - rows.source);
        tile.values[r][c] =
            cubic(tile.lines[from][c], tile.lines[from + 1][c], tile.lines[from + 2][c], tile.lines[from + 3][c], y);
    }
    __syncthreads();
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    scan_tiles(FieldView view, PeakCriteria criteria, int64_t tile_rows, int64_t tile_columns, PeakSink sink) {
    __shared__ Tile tile;
    const int64_t factor = criteria.upsample, height = view.height * factor, width = view.width * factor;
    const int64_t line = blockIdx.x / tile_columns, plane = line / tile_rows;
    const int64_t top = line % tile_rows * kTileRows, left = blockIdx.x % tile_columns * kTileColumns;
    const Span rows(top, kTileRows, height, factor), columns(left, kTileColumns, width, factor);
    bool promising = false, broken = false;
    read_source<T>(tile, view, plane, rows, columns, criteria.threshold, promising, broken, sink);
    if (__syncthreads_or(broken) || !__syncthreads_or(promising)) return;
    upsample(tile, rows, columns, factor);
    const TileReader near{&tile, rows.low, columns.low};
    const Plane<T> source(view, plane / view.channels, plane % view.channels);
    const Upsampled<Plane<T>> map{source, view.height, view.width, factor};
    for (int i = int(threadIdx.x); i < kTileRows * kTileColumns; i += kThreads) {
        const int64_t row = top + i / kTileColumns, column = left + i % kTileColumns;
        if (row >= height || column >= width) continue;
        const float value = near(row, column);
        if (!is_finite(value)) {
            const int64_t cell = (plane * view.height + row / factor) * view.width + column / factor;
            PeakSink::report(&sink.header->overflow_cell, cell);
        } else if (value >= criteria.threshold) {
            visit_cell(near, map, plane, row, column, height, width, factor, sink);
        }
    }
}

}  // namespace

void detect_upsampled_peaks(const FieldView& heatmaps, const PeakCriteria& criteria, const PeakSink& sink,
                            cudaStream_t stream) {
    const int64_t rows = blocks_of(heatmaps.height * criteria.upsample, kTileRows);
    const int64_t columns = blocks_of(heatmaps.width * criteria.upsample, kTileColumns);
    const int64_t blocks = heatmaps.batch * heatmaps.channels * rows * columns;
    with_type(heatmaps.dtype, [&](auto zero) {
        launch("look for peaks", scan_tiles<decltype(zero)>, blocks, stream, heatmaps, criteria, rows, columns, sink);
    });
}

}  // namespace bottomup::cuda
