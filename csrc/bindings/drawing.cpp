// The part of bottomup._C that bottomup/drawing calls.
#include <algorithm>
#include <stdexcept>
#include <vector>

#include "../drawing/limbs.h"
#include "../drawing/painting.h"
#include "../drawing/strokes.h"
#include "arrays.h"
#include "kernels.h"

namespace bottomup {
namespace {

using ByteArray = py::array_t<uint8_t, py::array::c_style>;
using DoubleArray = py::array_t<double, py::array::c_style>;
using BoolArray = py::array_t<bool, py::array::c_style>;

constexpr float kFarthest = 1e7f;  // pixels

constexpr int32_t kSides = 3;

void require(bool fits, const char* message) {
    if (!fits) throw std::invalid_argument(message);
}

bool all_within(const FloatArray& values, float low, float high) {
    return std::all_of(values.data(), values.data() + values.size(), [=](float one) { return one >= low && one <= high; });
}

// The picture (H, W, 3) with strokes on it: a new one, or the same one with `in_place`.
ByteArray paint(const ByteArray& picture, const OffsetArray& offsets, const ByteArray& colors, const FloatArray& ends,
                const FloatArray& radii, const FloatArray& opacities, bool in_place, int threads) {
    require(picture.ndim() == 3 && picture.shape(2) == 3, "picture must have shape (H, W, 3)");
    require(offsets.ndim() == 1 && offsets.size() >= 1, "offsets must have shape (M + 1,)");
    require(ends.ndim() == 2 && ends.shape(1) == 4, "ends must have shape (S, 4)");
    const int64_t layers = offsets.size() - 1, strokes = ends.shape(0);
    require(colors.ndim() == 3 && colors.shape(0) == layers && colors.shape(1) == 2 && colors.shape(2) == 3,
            "colors must have shape (M, 2, 3)");
    require(radii.ndim() == 2 && radii.shape(0) == strokes && radii.shape(1) == 3, "radii must have shape (S, 3)");
    require(opacities.ndim() == 2 && opacities.shape(0) == strokes && opacities.shape(1) == 2,
            "opacities must have shape (S, 2)");
    require(offsets.at(0) == 0 && offsets.at(layers) == strokes, "offsets must lead from 0 to the number of strokes");
    require(std::is_sorted(offsets.data(), offsets.data() + offsets.size()), "offsets must not fall");
    require(all_within(ends, -kFarthest, kFarthest), "ends must be within ten million pixels");
    require(all_within(radii, 0.0f, kFarthest), "radii must be within ten million pixels");
    require(all_within(opacities, 0.0f, 1.0f), "opacities must be within 0..1");
    for (int64_t i = 0; i < strokes; ++i)
        require(radii.at(i, 0) > 0 && radii.at(i, 1) > 0, "radii of casing and core must be positive");
    ByteArray canvas = in_place ? picture : ByteArray({picture.shape(0), picture.shape(1), picture.shape(2)});
    uint8_t* to = canvas.mutable_data();
    {
        const py::gil_scoped_release release;
        drawing::paint({picture.data(), to, picture.shape(0), picture.shape(1)},
                       {layers, offsets.data(), colors.data(), ends.data(), radii.data(), opacities.data()}, threads);
    }
    return canvas;
}

void check_limbs(int64_t joints, const LimbArray& limbs, const LimbArray& turns) {
    require(limbs.ndim() == 2 && limbs.shape(1) == 2, "limbs must have shape (L, 2)");
    require(turns.ndim() == 1 && turns.size() == limbs.shape(0), "turns must have shape (L,)");
    require(std::all_of(limbs.data(), limbs.data() + limbs.size(), [=](int32_t one) { return one >= 0 && one < joints; }),
            "limbs must join joints");
}

// (N, L) which limbs to draw, for points (N, K, 2) of which those are seen (N, K).
BoolArray choose_limbs(const DoubleArray& points, const BoolArray& seen, const LimbArray& limbs, const LimbArray& turns,
                       int32_t bridge, double detour) {
    require(points.ndim() == 3 && points.shape(2) == 2, "points must have shape (N, K, 2)");
    const int64_t people = points.shape(0), joints = points.shape(1);
    require(seen.ndim() == 2 && seen.shape(0) == people && seen.shape(1) == joints, "seen must have shape (N, K)");
    check_limbs(joints, limbs, turns);
    BoolArray taken({people, int64_t(limbs.shape(0))});
    std::fill(taken.mutable_data(), taken.mutable_data() + taken.size(), false);
    drawing::choose_limbs({people, joints, limbs.shape(0), limbs.data(), turns.data(), bridge, detour}, points.data(),
                          seen.data(), taken.mutable_data());
    return taken;
}

template <class T>
py::array_t<T> to_array(const std::vector<T>& values, py::ssize_t columns) {
    return py::array_t<T>({py::ssize_t(values.size()) / columns, columns}, values.data());
}

// Layers (S,), ends (S, 4), radii (S, 3) and opacities (S, 2) of the strokes that show people; sides are (J,) or empty.
py::tuple pose_strokes(const DoubleArray& points, const DoubleArray& strength, const BoolArray& traced, const DoubleArray& widths,
                       const LimbArray& sides, const LimbArray& limbs, const LimbArray& turns, int32_t bridge, double detour,
                       const drawing::StrokeOptions& options) {
    require(points.ndim() == 3 && points.shape(2) == 2, "points must have shape (N, J, 2)");
    const int64_t people = points.shape(0), joints = points.shape(1);
    require(strength.ndim() == 2 && strength.shape(0) == people && strength.shape(1) == joints, "strength must have shape (N, J)");
    require(traced.ndim() == 2 && traced.shape(0) == people && traced.shape(1) <= joints, "traced must have shape (N, K)");
    require(widths.ndim() == 1 && widths.size() == people, "widths must have shape (N,)");
    require(sides.ndim() == 1 && (sides.size() == 0 || sides.size() == joints), "sides must have shape (J,) or (0,)");
    require(std::all_of(sides.data(), sides.data() + sides.size(), [](int32_t one) { return one >= 0 && one < kSides; }),
            "sides must be 0, 1 or 2");
    check_limbs(joints, limbs, turns);
    const drawing::StrokeLists lists = drawing::pose_strokes(
        {people, joints, int64_t(traced.shape(1)), points.data(), strength.data(), traced.data(), widths.data(),
         sides.size() == 0 ? nullptr : sides.data()},
        {people, joints, limbs.shape(0), limbs.data(), turns.data(), bridge, detour}, options);
    return py::make_tuple(py::array_t<int64_t>(py::ssize_t(lists.layers.size()), lists.layers.data()), to_array(lists.ends, 4),
                          to_array(lists.radii, 3), to_array(lists.opacities, 2));
}

}  // namespace

void bind_drawing(py::module_& m) {
    using drawing::StrokeOptions;
    py::class_<StrokeOptions>(m, "StrokeOptions")
        .def(py::init([] { return StrokeOptions{}; }))
        .def_readwrite("casing_opacity", &StrokeOptions::casing_opacity)
        .def_readwrite("min_casing", &StrokeOptions::min_casing)
        .def_readwrite("casing_width", &StrokeOptions::casing_width)
        .def_readwrite("min_limb_opacity", &StrokeOptions::min_limb_opacity)
        .def_readwrite("min_dot_radius", &StrokeOptions::min_dot_radius)
        .def_readwrite("light_radius", &StrokeOptions::light_radius);
    m.def("pose_strokes", &pose_strokes);
    m.def("paint", &paint);
    m.def("choose_limbs", &choose_limbs);
}

}  // namespace bottomup
