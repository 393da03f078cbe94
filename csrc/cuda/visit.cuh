// What both ways of scanning heatmaps do with a cell at or above the threshold.
#pragma once

#include "stages.cuh"

namespace bottomup::cuda {

// Adds the peak of a cell, or of the plateau that begins with it. `near` reads the cell and its neighbours, `map` the
// whole channel; both in cells of the map that is looked at, which has the size given.
template <class Near, class Map>
__device__ void visit_cell(Near near, Map map, int64_t plane, int64_t row, int64_t column, int64_t height, int64_t width,
                           int64_t factor, const PeakSink& sink) {
    const float score = near(row, column);
    const Around around = look_around(near, row, column, height, width, score);
    if (around.higher || around.earlier) return;
    const int64_t index = row * width + column;
    if (!around.equal) {
        sink.add(plane, index, fit_cell(near, row, column, height, width), score, factor);
        return;
    }
    PlateauSum sum;
    const Plateau kind = walk_plateau(map, row, column, height, width, &sum);
    if (kind == Plateau::peak) sink.add(plane, index, sum.mean(), score, factor);
    if (kind == Plateau::too_large) sink.large_plateau(plane);
}

void detect_upsampled_peaks(const FieldView& heatmaps, const PeakCriteria& criteria, const PeakSink& sink,
                            cudaStream_t stream);

}  // namespace bottomup::cuda
