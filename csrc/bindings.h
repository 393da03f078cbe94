// What the bindings of the CPU and of the CUDA kernels share: results as NumPy arrays, and checks of a call.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels.h"

namespace bottomup {

namespace py = pybind11;

template <class T>
py::array_t<T> to_numpy(std::vector<T>&& values, size_t columns = 1) {
    auto* owner = new std::vector<T>(std::move(values));
    const py::capsule release(owner, [](void* pointer) { delete static_cast<std::vector<T>*>(pointer); });
    std::vector<py::ssize_t> shape{py::ssize_t(owner->size() / columns)};
    if (columns > 1) shape.push_back(py::ssize_t(columns));
    return py::array_t<T>(shape, owner->data(), release);
}

// float32, float16 or bfloat16: the names that NumPy and DLPack use.
inline DType dtype_named(const std::string& name) {
    if (name == "float32") return DType::float32;
    if (name == "float16") return DType::float16;
    if (name == "bfloat16") return DType::bfloat16;
    throw std::invalid_argument("a field must be float32, float16 or bfloat16 but is " + name);
}

inline py::object place(const NonFinite& at) {
    if (at.batch < 0) return py::none();
    return py::make_tuple(at.batch, at.channel, at.row, at.column);
}

inline py::tuple to_python(Peaks&& peaks) {
    return py::make_tuple(to_numpy(std::move(peaks.offsets)), to_numpy(std::move(peaks.xy), 2),
                          to_numpy(std::move(peaks.score)), to_numpy(std::move(peaks.extent)), place(peaks.non_finite));
}

inline py::tuple to_python(Pairs&& pairs) {
    return py::make_tuple(to_numpy(std::move(pairs.offsets)), to_numpy(std::move(pairs.first)),
                          to_numpy(std::move(pairs.second)), to_numpy(std::move(pairs.score)), place(pairs.non_finite));
}

using FloatArray = py::array_t<float, py::array::c_style>;
using OffsetArray = py::array_t<int64_t, py::array::c_style>;
using LimbArray = py::array_t<int32_t, py::array::c_style>;

struct LimbCall {
    const float* xy;
    const int64_t* offsets;
    int64_t joints;
    const int32_t* limbs;
    int64_t limb_count;

    LimbCall(const FieldView& pafs, const FloatArray& xy_array, const OffsetArray& offset_array, int64_t joint_count,
             const LimbArray& limb_array)
        : xy(xy_array.data()), offsets(offset_array.data()), joints(joint_count), limbs(limb_array.data()),
          limb_count(limb_array.size() / 2) {
        const int64_t candidates = xy_array.size() / 2;
        if (offset_array.size() != pafs.batch * joints + 1 || pafs.channels != 2 * limb_count)
            throw std::invalid_argument("offsets, joints and limbs must fit the fields");
        for (int64_t i = 0; i < offset_array.size(); ++i)
            if (offsets[i] < (i ? offsets[i - 1] : 0) || offsets[i] > candidates)
                throw std::invalid_argument("offsets must rise within the candidates");
        for (int64_t i = 0; i < 2 * limb_count; ++i)
            if (limbs[i] < 0 || limbs[i] >= joints) throw std::invalid_argument("limbs must point at joints");
        if (candidates > INT32_MAX) throw std::invalid_argument("there must be fewer than 2^31 candidates");
    }
};

inline LimbRule rule_of(float threshold, float coverage, float sample_threshold, float max_length, int max_samples) {
    return {threshold, coverage, sample_threshold, max_length, max_samples < 3 ? 3 : max_samples};
}

#if defined(BOTTOMUP_CUDA)
void bind_cuda(py::module_& m);
#endif

}  // namespace bottomup
