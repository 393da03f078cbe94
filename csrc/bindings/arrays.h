// NumPy arrays in and out of the extension: results, and what the wrappers in bottomup/kernels hand over.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../kernels.h"

namespace bottomup {

namespace py = pybind11;

using FloatArray = py::array_t<float, py::array::c_style>;
using OffsetArray = py::array_t<int64_t, py::array::c_style>;
using LimbArray = py::array_t<int32_t, py::array::c_style>;

template <class T>
py::array_t<T> to_numpy(std::vector<T>&& values, size_t columns = 1) {
    auto* owner = new std::vector<T>(std::move(values));
    const py::capsule release(owner, [](void* pointer) { delete static_cast<std::vector<T>*>(pointer); });
    std::vector<py::ssize_t> shape{py::ssize_t(owner->size() / columns)};
    if (columns > 1) shape.push_back(py::ssize_t(columns));
    return py::array_t<T>(shape, owner->data(), release);
}

// float32, float16 or bfloat16: the names that NumPy and DLPack use.
DType dtype_named(const std::string& name);
// A field (B, C, h, w) in CPU memory; that of bfloat16 comes as the bits, uint16.
FieldView view_of(const py::array& field);

py::object to_python(const NonFinite& at);  // (batch, channel, row, column) or None
py::tuple to_python(Peaks&& peaks);
py::tuple to_python(Pairs&& pairs);

// An attribute of a Python object that must be an array of this type, in C order.
template <class Array>
Array array_of(const py::object& owner, const char* name) {
    py::object array = owner.attr(name);
    if (!Array::check_(array)) throw py::type_error(std::string(name) + " must be an array of the right type in C order");
    return py::reinterpret_borrow<Array>(array);
}

// `Candidates` of bottomup/kernels/peaks.py.
struct CandidateArrays {
    OffsetArray offsets;
    FloatArray xy, scores, extents;
    int64_t joints;

    explicit CandidateArrays(const py::object& candidates);
    CandidateView view() const { return {offsets.data(), xy.data(), scores.data(), extents.data(), joints, scores.size()}; }
};

// `LimbPairs` of bottomup/kernels/limbs.py.
struct PairArrays {
    OffsetArray offsets;
    LimbArray first, second;
    FloatArray scores;

    explicit PairArrays(const py::object& pairs);
    PairView view(int64_t limbs) const { return {offsets.data(), first.data(), second.data(), scores.data(), limbs}; }
};

}  // namespace bottomup
