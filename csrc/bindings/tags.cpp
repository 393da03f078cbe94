// The part of bottomup._C that bottomup/kernels/tags.py calls: tags of joints on the CPU, and the pairs that they make.
#include "tags.h"

#include <stdexcept>

namespace bottomup {
namespace {

void check_that(bool right, const char* message) {
    if (!right) throw std::invalid_argument(message);
}

void check_image_of(const LimbArray& images, int64_t batch) {
    for (py::ssize_t n = 0; n < images.size(); ++n)
        check_that(images.data()[n] >= 0 && images.data()[n] < batch, "images must be of the batch");
}

py::tuple read_tags(const py::array& tags, int64_t depth, const LimbArray& images, const LimbArray& joints,
                    const FloatArray& xy) {
    const FieldView view = view_of(tags);
    const TagPlaces places = tag_places(view, depth, images, joints, xy);
    TagValues found;
    {
        const py::gil_scoped_release release;
        found = cpu::read_tags(view, depth, places);
    }
    return to_python(std::move(found));
}

py::tuple score_pairs(const FloatArray& tags, const py::object& candidates, const LimbArray& limbs, int64_t skeleton_limbs,
                      int64_t images, double longer_side, const TagOptions& options) {
    const CandidateArrays joints(candidates);
    check_that(limbs.ndim() == 2 && limbs.shape(1) == 2 && skeleton_limbs >= 0 && skeleton_limbs <= limbs.shape(0),
               "limbs must have shape (L, 2), the skeleton's first");
    check_limbs(joints, limbs, images);
    check_that(tags.ndim() == 2 && tags.shape(0) == joints.scores.size() && tags.shape(1) > 0,
               "tags must fit the candidates");
    TagPairs found;
    {
        const py::gil_scoped_release release;
        found = score_tags(joints.view(), tags.data(), tags.shape(1), images, limbs.data(), limbs.shape(0), skeleton_limbs,
                           longer_side, options);
    }
    return py::make_tuple(to_numpy(std::move(found.pairs.offsets)), to_numpy(std::move(found.pairs.first)),
                          to_numpy(std::move(found.pairs.second)), to_numpy(std::move(found.pairs.score)),
                          to_numpy(std::move(found.tolerances)));
}

py::tuple search(const py::array& heatmaps, const py::array& tags, int64_t depth, const TagSearch& search,
                 const TagOptions& options, int threads) {
    const auto kernel = [&](const FieldView& heat, const FieldView& view, const std::vector<TagWindow>& windows,
                            const std::vector<float>& wanted) {
        return cpu::search_windows(heat, view, depth, windows, wanted, options, threads);
    };
    return search_windows(view_of(heatmaps), view_of(tags), depth, search, options, kernel);
}

}  // namespace

TagPlaces tag_places(const FieldView& tags, int64_t depth, const LimbArray& images, const LimbArray& joints,
                     const FloatArray& xy) {
    check_that(depth > 0 && tags.channels % depth == 0 && tags.height > 0 && tags.width > 0, "depth must fit the tags");
    check_that(images.size() == joints.size() && xy.size() == 2 * joints.size(),
               "images, joints and xy must fit each other");
    check_image_of(images, tags.batch);
    for (py::ssize_t n = 0; n < joints.size(); ++n)
        check_that(joints.data()[n] >= 0 && joints.data()[n] < tags.channels / depth, "joints must be those of the tags");
    return {images.data(), joints.data(), xy.data(), joints.size()};
}

py::tuple to_python(TagValues&& found) {
    return py::make_tuple(to_numpy(std::move(found.values)), to_python(found.non_finite));
}

py::tuple to_python(const std::vector<TagWindow>& windows, const std::vector<TagCell>& cells, int64_t width) {
    std::vector<int32_t> person, joint;
    std::vector<float> xy, scores;
    for (size_t n = 0; n < cells.size(); ++n) {
        if (!(cells[n].score > 0)) continue;
        person.push_back(int32_t(windows[n].person)), joint.push_back(int32_t(windows[n].joint));
        xy.push_back(float(cells[n].cell % width)), xy.push_back(float(cells[n].cell / width));
        scores.push_back(cells[n].score);
    }
    return py::make_tuple(to_numpy(std::move(person)), to_numpy(std::move(joint)), to_numpy(std::move(xy), 2),
                          to_numpy(std::move(scores)));
}

void TagSearch::check(const FieldView& heatmaps, const FieldView& tags, int64_t depth) const {
    const int64_t people = images.size(), joints = heatmaps.channels;
    check_that(depth > 0 && tags.channels == joints * depth && tags.batch == heatmaps.batch &&
                   tags.height == heatmaps.height && tags.width == heatmaps.width,
               "tags must fit the heatmaps");
    check_that(xy.size() == 2 * people * joints && scores.size() == people * joints &&
                   values.size() == people * joints * depth && tolerances.size() == people &&
                   lengths.size() == joints * joints,
               "the people's arrays must fit each other");
    check_image_of(images, heatmaps.batch);
    check_that(limbs.ndim() == 2 && limbs.shape(1) == 2, "limbs must have shape (L, 2)");
    for (py::ssize_t n = 0; n < limbs.size(); ++n)
        check_that(limbs.data()[n] >= 0 && limbs.data()[n] < joints, "limbs must point at joints");
}

std::vector<TagWindow> TagSearch::plan(const FieldView& heatmaps, int64_t depth, const TagOptions& options,
                                       std::vector<float>& wanted) const {
    const TagPeople people{images.data(),     xy.data(),     scores.data(),     values.data(),
                           tolerances.data(), images.size(), heatmaps.channels, depth};
    return plan_windows(people, limbs.data(), limbs.shape(0), lengths.data(), heatmaps.height, heatmaps.width, options,
                        wanted);
}

void bind_tags(py::module_& m) {
    py::class_<TagOptions>(m, "TagOptions")
        .def(py::init([] { return TagOptions{}; }))
        .def_readwrite("tolerance_factor", &TagOptions::tolerance_factor)
        .def_readwrite("min_tolerance", &TagOptions::min_tolerance)
        .def_readwrite("max_tolerance", &TagOptions::max_tolerance)
        .def_readwrite("clear_response", &TagOptions::clear_response)
        .def_readwrite("min_agreement", &TagOptions::min_agreement)
        .def_readwrite("distance_weight", &TagOptions::distance_weight)
        .def_readwrite("max_limb_length", &TagOptions::max_limb_length)
        .def_readwrite("min_response", &TagOptions::min_response)
        .def_readwrite("search_tolerance", &TagOptions::search_tolerance)
        .def_readwrite("search_reach", &TagOptions::search_reach)
        .def_readwrite("far_reach", &TagOptions::far_reach);
    py::class_<TagSearch>(m, "TagSearch")
        .def(py::init<LimbArray, FloatArray, FloatArray, FloatArray, FloatArray, LimbArray, FloatArray>(),
             py::arg("images").noconvert(), py::arg("xy").noconvert(), py::arg("scores").noconvert(),
             py::arg("values").noconvert(), py::arg("tolerances").noconvert(), py::arg("limbs").noconvert(),
             py::arg("lengths").noconvert());
    m.def("read_tags", &read_tags, py::arg("tags"), py::arg("depth"), py::arg("images").noconvert(),
          py::arg("joints").noconvert(), py::arg("xy").noconvert());
    m.def("score_tags", &score_pairs, py::arg("tags").noconvert(), py::arg("candidates"), py::arg("limbs").noconvert(),
          py::arg("skeleton_limbs"), py::arg("images"), py::arg("longer_side"), py::arg("options"));
    m.def("search_windows", &search, py::arg("heatmaps"), py::arg("tags"), py::arg("depth"), py::arg("search"),
          py::arg("options"), py::arg("threads"));
}

}  // namespace bottomup
