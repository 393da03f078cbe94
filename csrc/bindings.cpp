// pybind11 bindings of bottomup._C, and nothing else. Shapes and dtypes are checked in bottomup/kernels, with
// messages for people; the checks here only keep a wrong call from reading foreign memory.
#include "bindings.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>

#include "dlpack.h"
#if defined(BOTTOMUP_CUDA)
#include "cuda/kernels.h"
#endif

namespace bottomup {
namespace {

DType dtype_of(char kind, py::ssize_t itemsize) {
    if (kind == 'f' && itemsize == 4) return DType::float32;
    if (kind == 'f' && itemsize == 2) return DType::float16;
    if (kind == 'u' && itemsize == 2) return DType::bfloat16;  // NumPy has no such type, so its bits come as integers
    throw std::invalid_argument("a field must be float32, float16 or the bits of bfloat16");
}

FieldView view_of(const py::array& field) {
    if (field.ndim() != 4) throw std::invalid_argument("a field must have 4 dimensions");
    return {static_cast<const char*>(field.data()), dtype_of(field.dtype().kind(), field.itemsize()),
            field.shape(0), field.shape(1), field.shape(2), field.shape(3),
            field.strides(0), field.strides(1), field.strides(2), field.strides(3)};
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

py::tuple find_upsampled_peaks(const py::array& heatmaps, float threshold, int64_t factor, int threads) {
    const FieldView view = view_of(heatmaps);
    constexpr int64_t kMost = (int64_t(1) << 30) - 1;
    if (factor < 1 || factor > kMost / std::max<int64_t>({1, view.height, view.width}) ||
        view.height * factor > kMost / std::max<int64_t>(1, view.width * factor))
        throw std::invalid_argument("heatmaps must have fewer than 2^30 cells per channel, once upsampled");
    Peaks peaks;
    {
        const py::gil_scoped_release release;
        peaks = cpu::find_upsampled_peaks(view, threshold, factor, threads);
    }
    return to_python(std::move(peaks));
}

py::tuple score_limbs(const py::array& pafs, const FloatArray& xy, const FloatArray& scores, const OffsetArray& offsets,
                      int64_t joints, const LimbArray& limbs, const py::dict& rule_settings, int threads) {
    const FieldView view = view_of(pafs);
    const LimbCall call(view, xy, offsets, joints, limbs);
    check_scores(xy, scores);
    const LimbRule rule = limb_rule_of(rule_settings);
    Pairs pairs;
    {
        const py::gil_scoped_release release;
        pairs = cpu::score_limbs(view, {call.offsets, call.xy, scores.data(), nullptr, joints, xy.size() / 2}, call.limbs,
                                 call.limb_count, rule, threads);
    }
    return to_python(std::move(pairs));
}

py::tuple trace_limbs(const py::array& pafs, const FloatArray& xy, const FloatArray& scores, const FloatArray& extents,
                      const OffsetArray& offsets, int64_t joints, const OffsetArray& pair_offsets,
                      const LimbArray& first, const LimbArray& second, const FloatArray& affinities,
                      const LimbArray& limbs, const FloatArray& typical, const py::dict& rule, int threads) {
    const FieldView view = view_of(pafs);
    const TraceCall call(view, xy, scores, extents, offsets, joints, pair_offsets, first, second, affinities, limbs,
                         typical, rule);
    LimbEnds ends;
    {
        const py::gil_scoped_release release;
        ends = cpu::trace_limbs(view, call.candidates, call.pairs, call.limbs, call.rule, threads);
    }
    return to_python(call, ends);
}

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

std::vector<std::string> cuda_device_faults() {
#if defined(BOTTOMUP_CUDA)
    const py::gil_scoped_release release;
    return cuda::device_faults();
#else
    return {};
#endif
}

}  // namespace

PYBIND11_MODULE(_C, m) {
    m.doc() = "Kernels of bottomup: peak extraction and limb scoring.";
    m.def("find_peaks", &find_peaks, py::arg("heatmaps"), py::arg("threshold"), py::arg("threads"));
    m.def("find_upsampled_peaks", &find_upsampled_peaks, py::arg("heatmaps"), py::arg("threshold"), py::arg("upsample"),
          py::arg("threads"));
    m.def("score_limbs", &score_limbs, py::arg("pafs"), py::arg("xy").noconvert(), py::arg("scores").noconvert(),
          py::arg("offsets").noconvert(), py::arg("joints"), py::arg("limbs").noconvert(), py::arg("rule"), py::arg("threads"));
    m.def("trace_limbs", &trace_limbs, py::arg("pafs"), py::arg("xy").noconvert(), py::arg("scores").noconvert(),
          py::arg("extents").noconvert(), py::arg("offsets").noconvert(), py::arg("joints"),
          py::arg("pair_offsets").noconvert(), py::arg("first").noconvert(), py::arg("second").noconvert(),
          py::arg("affinities").noconvert(), py::arg("limbs").noconvert(), py::arg("typical").noconvert(),
          py::arg("rule"), py::arg("threads"));
    bind_grouping(m);
#if defined(BOTTOMUP_CUDA)
    bind_cuda(m);
#endif
    m.def("take_dlpack", &dlpack::take, py::arg("capsule"));
    m.def("build_info", &build_info);
    m.def("cpu_isa", &cpu::instruction_set);
    m.def("cuda_device_count", &cuda_device_count);
    m.def("cuda_device_faults", &cuda_device_faults);
}

}  // namespace bottomup
