// pybind11 bindings of bottomup._C, and nothing else. Shapes and dtypes are checked in bottomup/kernels, with
// messages for people; the checks here only keep a wrong call from reading foreign memory.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <map>
#include <stdexcept>
#include <string>

#include "kernels.h"

namespace py = pybind11;

namespace bottomup {
namespace {

template <class T>
py::array_t<T> to_numpy(std::vector<T>&& values, size_t columns = 1) {
    auto* owner = new std::vector<T>(std::move(values));
    const py::capsule release(owner, [](void* pointer) { delete static_cast<std::vector<T>*>(pointer); });
    std::vector<py::ssize_t> shape{py::ssize_t(owner->size() / columns)};
    if (columns > 1) shape.push_back(py::ssize_t(columns));
    return py::array_t<T>(shape, owner->data(), release);
}

DType dtype_of(char kind, py::ssize_t itemsize) {
    if (kind == 'f' && itemsize == 4) return DType::float32;
    if (kind == 'f' && itemsize == 2) return DType::float16;
    throw std::invalid_argument("a field must be float32 or float16");
}

FieldView view_of(const py::array& field) {
    if (field.ndim() != 4) throw std::invalid_argument("a field must have 4 dimensions");
    return {static_cast<const char*>(field.data()), dtype_of(field.dtype().kind(), field.itemsize()),
            field.shape(0), field.shape(1), field.shape(2), field.shape(3),
            field.strides(0), field.strides(1), field.strides(2), field.strides(3)};
}

py::object place(const NonFinite& at) {
    if (at.batch < 0) return py::none();
    return py::make_tuple(at.batch, at.channel, at.row, at.column);
}

py::tuple to_python(Peaks&& peaks) {
    return py::make_tuple(to_numpy(std::move(peaks.offsets)), to_numpy(std::move(peaks.xy), 2),
                          to_numpy(std::move(peaks.score)), to_numpy(std::move(peaks.extent)), place(peaks.non_finite));
}

py::tuple to_python(Pairs&& pairs) {
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

LimbRule rule_of(float threshold, float coverage, float sample_threshold, float max_length, int max_samples) {
    return {threshold, coverage, sample_threshold, max_length, max_samples < 3 ? 3 : max_samples};
}

py::tuple find_peaks(const py::array& heatmaps, float threshold, int threads) {
    const FieldView view = view_of(heatmaps);
    Peaks peaks;
    {
        const py::gil_scoped_release release;
        peaks = cpu::find_peaks(view, threshold, threads);
    }
    return to_python(std::move(peaks));
}

py::tuple score_limbs(const py::array& pafs, const FloatArray& xy, const OffsetArray& offsets, int64_t joints,
                      const LimbArray& limbs, float threshold, float coverage, float sample_threshold, float max_length,
                      int max_samples, int threads) {
    const FieldView view = view_of(pafs);
    const LimbCall call(view, xy, offsets, joints, limbs);
    const LimbRule rule = rule_of(threshold, coverage, sample_threshold, max_length, max_samples);
    Pairs pairs;
    {
        const py::gil_scoped_release release;
        pairs = cpu::score_limbs(view, call.xy, call.offsets, joints, call.limbs, call.limb_count, rule, threads);
    }
    return to_python(std::move(pairs));
}

#if defined(BOTTOMUP_CUDA)
// (address, itemsize, shape, strides in bytes) of a float array on the GPU, as in __cuda_array_interface__.
FieldView device_view(uintptr_t address, py::ssize_t itemsize, const std::array<int64_t, 4>& shape,
                      const std::array<int64_t, 4>& strides) {
    return {reinterpret_cast<const char*>(address), dtype_of('f', itemsize), shape[0], shape[1], shape[2], shape[3],
            strides[0], strides[1], strides[2], strides[3]};
}

py::tuple find_peaks_cuda(uintptr_t address, py::ssize_t itemsize, const std::array<int64_t, 4>& shape,
                          const std::array<int64_t, 4>& strides, float threshold, uintptr_t stream) {
    const FieldView view = device_view(address, itemsize, shape, strides);
    Peaks peaks;
    {
        const py::gil_scoped_release release;
        peaks = cuda::find_peaks(view, threshold, reinterpret_cast<void*>(stream));
    }
    return to_python(std::move(peaks));
}

py::tuple score_limbs_cuda(uintptr_t address, py::ssize_t itemsize, const std::array<int64_t, 4>& shape,
                           const std::array<int64_t, 4>& strides, const FloatArray& xy, const OffsetArray& offsets,
                           int64_t joints, const LimbArray& limbs, float threshold, float coverage,
                           float sample_threshold, float max_length, int max_samples, uintptr_t stream) {
    const FieldView view = device_view(address, itemsize, shape, strides);
    const LimbCall call(view, xy, offsets, joints, limbs);
    const LimbRule rule = rule_of(threshold, coverage, sample_threshold, max_length, max_samples);
    Pairs pairs;
    {
        const py::gil_scoped_release release;
        pairs = cuda::score_limbs(view, call.xy, call.offsets, joints, call.limbs, call.limb_count, rule,
                                  reinterpret_cast<void*>(stream));
    }
    return to_python(std::move(pairs));
}
#endif

std::map<std::string, std::string> build_info() {
    return {
        {"version", BOTTOMUP_VERSION},
        {"compiler", BOTTOMUP_COMPILER},
#if defined(BOTTOMUP_CUDA)
        {"cuda", BOTTOMUP_CUDA},
        {"cuda_architectures", BOTTOMUP_CUDA_ARCHITECTURES},
#else
        {"cuda", ""},
        {"cuda_architectures", ""},
#endif
    };
}

int cuda_device_count() {
#if defined(BOTTOMUP_CUDA)
    return cuda::device_count();
#else
    return 0;
#endif
}

}  // namespace

PYBIND11_MODULE(_C, m) {
    m.doc() = "Kernels of bottomup: peak extraction and limb scoring.";
    m.def("find_peaks", &find_peaks, py::arg("heatmaps"), py::arg("threshold"), py::arg("threads"));
    m.def("score_limbs", &score_limbs, py::arg("pafs"), py::arg("xy").noconvert(), py::arg("offsets").noconvert(),
          py::arg("joints"), py::arg("limbs").noconvert(), py::arg("threshold"), py::arg("coverage"),
          py::arg("sample_threshold"), py::arg("max_length"), py::arg("max_samples"), py::arg("threads"));
#if defined(BOTTOMUP_CUDA)
    m.def("find_peaks_cuda", &find_peaks_cuda, py::arg("address"), py::arg("itemsize"), py::arg("shape"),
          py::arg("strides"), py::arg("threshold"), py::arg("stream"));
    m.def("score_limbs_cuda", &score_limbs_cuda, py::arg("address"), py::arg("itemsize"), py::arg("shape"),
          py::arg("strides"), py::arg("xy").noconvert(), py::arg("offsets").noconvert(), py::arg("joints"),
          py::arg("limbs").noconvert(), py::arg("threshold"), py::arg("coverage"), py::arg("sample_threshold"),
          py::arg("max_length"), py::arg("max_samples"), py::arg("stream"));
#endif
    m.def("build_info", &build_info);
    m.def("cpu_isa", &cpu::instruction_set);
    m.def("cuda_device_count", &cuda_device_count);
}

}  // namespace bottomup
