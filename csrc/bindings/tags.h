// What the bindings of the CPU's and of the GPU's kernels for tags share.
#pragma once

#include <utility>
#include <vector>

#include "checks.h"

namespace bottomup {

// Places of joints; throws if they are not within the tags.
TagPlaces tag_places(const FieldView& tags, int64_t depth, const LimbArray& images, const LimbArray& joints,
                     const FloatArray& xy);
py::tuple to_python(TagValues&& found);
// The windows in which something was found: person, joint, cell and score.
py::tuple to_python(const std::vector<TagWindow>& windows, const std::vector<TagCell>& cells, int64_t width);

// People of a batch whose missing joints are sought; see TagPeople.
struct TagSearch {
    LimbArray images;
    FloatArray xy, scores, values, tolerances;
    LimbArray limbs;
    FloatArray lengths;

    TagSearch(LimbArray images_, FloatArray xy_, FloatArray scores_, FloatArray values_, FloatArray tolerances_,
              LimbArray limbs_, FloatArray lengths_)
        : images(std::move(images_)), xy(std::move(xy_)), scores(std::move(scores_)), values(std::move(values_)),
          tolerances(std::move(tolerances_)), limbs(std::move(limbs_)), lengths(std::move(lengths_)) {}

    // Throws if the arrays do not fit each other or the fields.
    void check(const FieldView& heatmaps, const FieldView& tags, int64_t depth) const;
    std::vector<TagWindow> plan(const FieldView& heatmaps, int64_t depth, const TagOptions& options,
                                std::vector<float>& wanted) const;
};

// What a kernel (heatmaps, tags, windows, wanted) finds in the windows that are planned, without the lock of Python.
template <class Kernel>
py::tuple search_windows(const FieldView& heatmaps, const FieldView& tags, int64_t depth, const TagSearch& search,
                         const TagOptions& options, Kernel kernel) {
    search.check(heatmaps, tags, depth);
    std::vector<TagWindow> windows;
    std::vector<TagCell> cells;
    {
        const py::gil_scoped_release release;
        std::vector<float> wanted;
        windows = search.plan(heatmaps, depth, options, wanted);
        cells = kernel(heatmaps, tags, windows, wanted);
    }
    return to_python(windows, cells, heatmaps.width);
}

}  // namespace bottomup
