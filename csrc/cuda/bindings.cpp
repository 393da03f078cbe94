// The part of bottomup._C that is there only where a CUDA toolkit was: arrays come as an address and a layout.
#include "../bindings.h"

#include <array>
#include <string>

namespace bottomup {
namespace {

// (address, dtype, shape, strides in bytes) of an array on the GPU.
FieldView device_view(uintptr_t address, const std::string& dtype, const std::array<int64_t, 4>& shape,
                      const std::array<int64_t, 4>& strides) {
    return {reinterpret_cast<const char*>(address), dtype_named(dtype), shape[0], shape[1], shape[2], shape[3],
            strides[0], strides[1], strides[2], strides[3]};
}

py::tuple find_peaks_cuda(uintptr_t address, const std::string& dtype, const std::array<int64_t, 4>& shape,
                          const std::array<int64_t, 4>& strides, float threshold, uintptr_t stream) {
    const FieldView view = device_view(address, dtype, shape, strides);
    Peaks peaks;
    {
        const py::gil_scoped_release release;
        peaks = cuda::find_peaks(view, threshold, reinterpret_cast<void*>(stream));
    }
    return to_python(std::move(peaks));
}

py::tuple score_limbs_cuda(uintptr_t address, const std::string& dtype, const std::array<int64_t, 4>& shape,
                           const std::array<int64_t, 4>& strides, const FloatArray& xy, const OffsetArray& offsets,
                           int64_t joints, const LimbArray& limbs, float threshold, float coverage,
                           float sample_threshold, float max_length, int max_samples, uintptr_t stream) {
    const FieldView view = device_view(address, dtype, shape, strides);
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

}  // namespace

void bind_cuda(py::module_& m) {
    m.def("find_peaks_cuda", &find_peaks_cuda, py::arg("address"), py::arg("dtype"), py::arg("shape"),
          py::arg("strides"), py::arg("threshold"), py::arg("stream"));
    m.def("score_limbs_cuda", &score_limbs_cuda, py::arg("address"), py::arg("dtype"), py::arg("shape"),
          py::arg("strides"), py::arg("xy").noconvert(), py::arg("offsets").noconvert(), py::arg("joints"),
          py::arg("limbs").noconvert(), py::arg("threshold"), py::arg("coverage"), py::arg("sample_threshold"),
          py::arg("max_length"), py::arg("max_samples"), py::arg("stream"));
}

}  // namespace bottomup
