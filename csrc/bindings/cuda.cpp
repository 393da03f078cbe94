// The part of bottomup._C that is there only where a CUDA toolkit was: arrays come as an address and a layout.
#include <array>
#include <stdexcept>
#include <string>
#include <tuple>

#include "../cuda/kernels.h"
#include "kernels.h"
#include "tags.h"

namespace bottomup {
namespace {

// (address, dtype, shape, strides in bytes) of an array on the GPU.
using GpuField = std::tuple<uintptr_t, std::string, std::array<int64_t, 4>, std::array<int64_t, 4>>;

FieldView view_of(const GpuField& field) {
    const auto& [address, dtype, shape, strides] = field;
    return {reinterpret_cast<const char*>(address),
            dtype_named(dtype),
            shape[0],
            shape[1],
            shape[2],
            shape[3],
            strides[0],
            strides[1],
            strides[2],
            strides[3]};
}

void* stream_of(uintptr_t handle) { return reinterpret_cast<void*>(handle); }

// Runs without the lock of Python and tells the times of the stages, if a `GpuTimings` of bottomup/kernels/fused.py is given.
template <class Kernel>
auto timed(const py::object& out, Kernel kernel) {
    cuda::Timings timings;
    cuda::Timings* const wanted = out.is_none() ? nullptr : &timings;
    auto result = [&] {
        const py::gil_scoped_release release;
        return kernel(wanted);
    }();
    if (wanted) {
        out.attr("detect") = timings.detect, out.attr("sort_peaks") = timings.sort_peaks;
        out.attr("score") = timings.score, out.attr("sort_pairs") = timings.sort_pairs;
        out.attr("copy") = timings.copy, out.attr("total") = timings.total, out.attr("runs") = timings.runs;
    }
    return result;
}

py::tuple find_peaks(const GpuField& heatmaps, float threshold, int64_t upsample, uintptr_t stream,
                     const py::object& timings) {
    const FieldView view = view_of(heatmaps);
    return to_python(timed(timings, [&](cuda::Timings* times) {
        return cuda::find_peaks(view, {threshold, upsample}, stream_of(stream), times);
    }));
}

py::tuple score_limbs(const GpuField& pafs, const py::object& candidates, const LimbArray& limbs, float threshold,
                      const LimbOptions& options, uintptr_t stream, const py::object& timings) {
    const FieldView view = view_of(pafs);
    const CandidateArrays arrays(candidates);
    check_pafs(view, limbs), check_limbs(arrays, limbs, view.batch);
    const cuda::LimbQuery query{arrays.joints, limbs.shape(0), limbs.data(), limb_criteria(view, threshold, options)};
    return to_python(timed(timings, [&](cuda::Timings* times) {
        return cuda::score_limbs(view, arrays.xy.data(), arrays.scores.data(), arrays.offsets.data(), query,
                                 stream_of(stream), times);
    }));
}

py::tuple find_peaks_and_limbs(const GpuField& heatmaps, const GpuField& pafs, const LimbArray& limbs, float peak_threshold,
                               int64_t upsample, float limb_threshold, const LimbOptions& options, uintptr_t stream,
                               uintptr_t pafs_stream, const py::object& timings) {
    const FieldView view = view_of(heatmaps), paf_view = view_of(pafs);
    if (paf_view.batch != view.batch) throw std::invalid_argument("pafs must fit the heatmaps");
    check_pafs(paf_view, limbs);
    for (py::ssize_t i = 0; i < limbs.size(); ++i)
        if (limbs.data()[i] < 0 || limbs.data()[i] >= view.channels)
            throw std::invalid_argument("limbs must point at joints");
    const cuda::LimbQuery query{view.channels, limbs.shape(0), limbs.data(),
                                limb_criteria(paf_view, limb_threshold, options)};
    auto found = timed(timings, [&](cuda::Timings* times) {
        return cuda::find_peaks_and_limbs(view, paf_view, {peak_threshold, upsample}, query, stream_of(stream),
                                          stream_of(pafs_stream), times);
    });
    return py::make_tuple(to_python(std::move(found.first)), to_python(std::move(found.second)));
}

py::tuple trace_limbs(const GpuField& pafs, const py::object& candidates, const py::object& pairs, const LimbArray& limbs,
                      const FloatArray& typical, float score, const LimbOptions& limb_options, const TraceOptions& options,
                      uintptr_t stream) {
    const FieldView view = view_of(pafs);
    const CandidateArrays joints(candidates);
    const PairArrays links(pairs);
    check_pafs(view, limbs), check_limbs(joints, limbs, view.batch), check_pairs(joints, links, limbs, view.batch);
    const TraceCriteria criteria = trace_criteria(view, typical, score, limb_options, options);
    LimbEnds ends;
    {
        const py::gil_scoped_release release;
        ends =
            cuda::trace_limbs(view, joints.view(), links.view(limbs.shape(0)), limbs.data(), criteria, stream_of(stream));
    }
    return to_python(joints.view(), links.view(limbs.shape(0)), view.batch, ends);
}

py::tuple read_tags(const GpuField& tags, int64_t depth, const LimbArray& images, const LimbArray& joints,
                    const FloatArray& xy, uintptr_t stream) {
    const FieldView view = view_of(tags);
    const TagPlaces places = tag_places(view, depth, images, joints, xy);
    TagValues found;
    {
        const py::gil_scoped_release release;
        found = cuda::read_tags(view, depth, places, stream_of(stream));
    }
    return to_python(std::move(found));
}

py::tuple search(const GpuField& heatmaps, const GpuField& tags, int64_t depth, const TagSearch& search,
                 const TagOptions& options, uintptr_t stream) {
    const auto kernel = [&](const FieldView& heat, const FieldView& view, const std::vector<TagWindow>& windows,
                            const std::vector<float>& wanted) {
        return cuda::search_windows(heat, view, depth, windows, wanted, options, stream_of(stream));
    };
    return search_windows(view_of(heatmaps), view_of(tags), depth, search, options, kernel);
}

}  // namespace

void bind_cuda(py::module_& m) {
    const auto stream = py::arg("stream"), options = py::arg("options");
    const auto limbs = py::arg("limbs").noconvert();
    const auto timings = py::arg("timings") = py::none();
    m.def("find_peaks_cuda", &find_peaks, py::arg("heatmaps"), py::arg("threshold"), py::arg("upsample"), stream, timings);
    m.def("score_limbs_cuda", &score_limbs, py::arg("pafs"), py::arg("candidates"), limbs, py::arg("threshold"), options,
          stream, timings);
    m.def("find_peaks_and_limbs_cuda", &find_peaks_and_limbs, py::arg("heatmaps"), py::arg("pafs"), limbs,
          py::arg("peak_threshold"), py::arg("upsample"), py::arg("limb_threshold"), options, stream,
          py::arg("pafs_stream"), timings);
    m.def("trace_limbs_cuda", &trace_limbs, py::arg("pafs"), py::arg("candidates"), py::arg("pairs"), limbs,
          py::arg("typical").noconvert(), py::arg("score"), py::arg("limb_options"), options, stream);
    m.def("read_tags_cuda", &read_tags, py::arg("tags"), py::arg("depth"), py::arg("images").noconvert(),
          py::arg("joints").noconvert(), py::arg("xy").noconvert(), stream);
    m.def("search_windows_cuda", &search, py::arg("heatmaps"), py::arg("tags"), py::arg("depth"), py::arg("search"),
          options, stream);
    m.def("release_cuda_memory", &cuda::release_memory, py::call_guard<py::gil_scoped_release>());
}

}  // namespace bottomup
