// The part of bottomup._C that is there only where a CUDA toolkit was: arrays come as an address and a layout.
#include "../bindings.h"

#include <array>
#include <string>
#include <tuple>

#include "kernels.h"

namespace bottomup {
namespace {

// (address, dtype, shape, strides in bytes) of an array on the GPU.
using GpuField = std::tuple<uintptr_t, std::string, std::array<int64_t, 4>, std::array<int64_t, 4>>;

FieldView view_of(const GpuField& field) {
    const auto& [address, dtype, shape, strides] = field;
    return {reinterpret_cast<const char*>(address), dtype_named(dtype), shape[0], shape[1], shape[2], shape[3],
            strides[0], strides[1], strides[2], strides[3]};
}

void* stream_of(uintptr_t handle) { return reinterpret_cast<void*>(handle); }

// Runs without the lock of Python and puts the times of the stages into a dict, if one is given.
template <class Kernel>
auto timed(const py::object& dict, Kernel kernel) {
    cuda::Timings timings;
    cuda::Timings* const wanted = dict.is_none() ? nullptr : &timings;
    auto result = [&] {
        const py::gil_scoped_release release;
        return kernel(wanted);
    }();
    if (wanted) {
        const py::dict out = dict;
        out["detect"] = timings.detect, out["sort_peaks"] = timings.sort_peaks, out["score"] = timings.score;
        out["sort_pairs"] = timings.sort_pairs, out["copy"] = timings.copy, out["total"] = timings.total;
        out["runs"] = timings.runs;
    }
    return result;
}

py::tuple find_peaks_cuda(const GpuField& heatmaps, float threshold, int64_t upsample, uintptr_t stream,
                          const py::object& timings) {
    const FieldView view = view_of(heatmaps);
    return to_python(timed(timings, [&](cuda::Timings* times) {
        return cuda::find_peaks(view, {threshold, upsample}, stream_of(stream), times);
    }));
}

py::tuple score_limbs_cuda(const GpuField& pafs, const FloatArray& xy, const FloatArray& scores,
                           const OffsetArray& offsets, int64_t joints, const LimbArray& limbs, const py::dict& rule_settings, uintptr_t stream,
                           const py::object& timings) {
    const FieldView view = view_of(pafs);
    const LimbCall call(view, xy, offsets, joints, limbs);
    check_scores(xy, scores);
    const LimbRule rule = limb_rule_of(rule_settings);
    return to_python(timed(timings, [&](cuda::Timings* times) {
        return cuda::score_limbs(view, call.xy, scores.data(), call.offsets, {joints, call.limb_count, call.limbs, rule},
                                 stream_of(stream), times);
    }));
}

py::tuple find_peaks_and_limbs_cuda(const GpuField& heatmaps, const GpuField& pafs, float peak_threshold,
                                    int64_t upsample, const LimbArray& limbs, const py::dict& rule_settings,
                                    uintptr_t stream, uintptr_t pafs_stream, const py::object& timings) {
    const FieldView view = view_of(heatmaps), paf_view = view_of(pafs);
    const int64_t joints = view.channels, limb_count = limbs.size() / 2;
    if (paf_view.batch != view.batch || paf_view.channels != 2 * limb_count)
        throw std::invalid_argument("pafs must fit the heatmaps and the limbs");
    for (int64_t i = 0; i < 2 * limb_count; ++i)
        if (limbs.data()[i] < 0 || limbs.data()[i] >= joints) throw std::invalid_argument("limbs must point at joints");
    const LimbRule rule = limb_rule_of(rule_settings);
    auto found = timed(timings, [&](cuda::Timings* times) {
        return cuda::find_peaks_and_limbs(view, paf_view, {peak_threshold, upsample},
                                          {joints, limb_count, limbs.data(), rule}, stream_of(stream),
                                          stream_of(pafs_stream), times);
    });
    return py::make_tuple(to_python(std::move(found.first)), to_python(std::move(found.second)));
}

py::tuple trace_limbs_cuda(const GpuField& pafs, const FloatArray& xy, const FloatArray& scores,
                           const FloatArray& extents, const OffsetArray& offsets, int64_t joints,
                           const OffsetArray& pair_offsets, const LimbArray& first, const LimbArray& second,
                           const FloatArray& affinities, const LimbArray& limbs, const FloatArray& typical,
                           const py::dict& rule, uintptr_t stream) {
    const FieldView view = view_of(pafs);
    const TraceCall call(view, xy, scores, extents, offsets, joints, pair_offsets, first, second, affinities, limbs,
                         typical, rule);
    LimbEnds ends;
    {
        const py::gil_scoped_release release;
        ends = cuda::trace_limbs(view, call.candidates, call.pairs, call.limbs, call.rule, stream_of(stream));
    }
    return to_python(call, ends);
}

}  // namespace

void bind_cuda(py::module_& m) {
    m.def("find_peaks_cuda", &find_peaks_cuda, py::arg("heatmaps"), py::arg("threshold"), py::arg("upsample"),
          py::arg("stream"), py::arg("timings") = py::none());
    m.def("score_limbs_cuda", &score_limbs_cuda, py::arg("pafs"), py::arg("xy").noconvert(), py::arg("scores").noconvert(),
          py::arg("offsets").noconvert(), py::arg("joints"), py::arg("limbs").noconvert(), py::arg("rule"), py::arg("stream"), py::arg("timings") = py::none());
    m.def("find_peaks_and_limbs_cuda", &find_peaks_and_limbs_cuda, py::arg("heatmaps"), py::arg("pafs"),
          py::arg("peak_threshold"), py::arg("upsample"), py::arg("limbs").noconvert(), py::arg("rule"), py::arg("stream"), py::arg("pafs_stream"), py::arg("timings") = py::none());
    m.def("trace_limbs_cuda", &trace_limbs_cuda, py::arg("pafs"), py::arg("xy").noconvert(),
          py::arg("scores").noconvert(), py::arg("extents").noconvert(), py::arg("offsets").noconvert(),
          py::arg("joints"), py::arg("pair_offsets").noconvert(), py::arg("first").noconvert(),
          py::arg("second").noconvert(), py::arg("affinities").noconvert(), py::arg("limbs").noconvert(),
          py::arg("typical").noconvert(), py::arg("rule"), py::arg("stream"));
    m.def("release_cuda_memory", &cuda::release_memory, py::call_guard<py::gil_scoped_release>());
}

}  // namespace bottomup
