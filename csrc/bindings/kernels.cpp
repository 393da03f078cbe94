// The part of bottomup._C that bottomup/kernels calls: the kernels on the CPU, and their options.
#include "kernels.h"

#include <algorithm>
#include <stdexcept>

#include "dlpack.h"

namespace bottomup {
namespace {

py::tuple find_peaks(const py::array& heatmaps, float threshold, int64_t upsample, int threads) {
    const FieldView view = view_of(heatmaps);
    constexpr int64_t kMost = (int64_t(1) << 30) - 1;
    if (upsample < 1 || upsample > kMost / std::max<int64_t>({1, view.height, view.width}) ||
        view.height * upsample > kMost / std::max<int64_t>(1, view.width * upsample))
        throw std::invalid_argument("heatmaps must have fewer than 2^30 cells per channel, once upsampled");
    Peaks peaks;
    {
        const py::gil_scoped_release release;
        peaks = cpu::find_peaks(view, {threshold, upsample}, threads);
    }
    return to_python(std::move(peaks));
}

py::tuple score_limbs(const py::array& pafs, const py::object& candidates, const LimbArray& limbs, float threshold,
                      const LimbOptions& options, int threads) {
    const FieldView view = view_of(pafs);
    const CandidateArrays arrays(candidates);
    check_pafs(view, limbs), check_limbs(arrays, limbs, view.batch);
    const LimbCriteria criteria = limb_criteria(view, threshold, options);
    Pairs pairs;
    {
        const py::gil_scoped_release release;
        pairs = cpu::score_limbs(view, arrays.view(), limbs.data(), limbs.shape(0), criteria, threads);
    }
    return to_python(std::move(pairs));
}

py::tuple trace_limbs(const py::array& pafs, const py::object& candidates, const py::object& pairs, const LimbArray& limbs,
                      const FloatArray& typical, float score, const LimbOptions& limb_options, const TraceOptions& options,
                      int threads) {
    const FieldView view = view_of(pafs);
    const CandidateArrays joints(candidates);
    const PairArrays links(pairs);
    check_pafs(view, limbs), check_limbs(joints, limbs, view.batch), check_pairs(joints, links, limbs, view.batch);
    const TraceCriteria criteria = trace_criteria(view, typical, score, limb_options, options);
    LimbEnds ends;
    {
        const py::gil_scoped_release release;
        ends = cpu::trace_limbs(view, joints.view(), links.view(limbs.shape(0)), limbs.data(), criteria, threads);
    }
    return to_python(joints.view(), links.view(limbs.shape(0)), view.batch, ends);
}

void bind_options(py::module_& m) {
    py::class_<LimbOptions>(m, "LimbOptions")
        .def(py::init([] { return LimbOptions{}; }))
        .def_readwrite("coverage", &LimbOptions::coverage)
        .def_readwrite("sample_threshold", &LimbOptions::sample_threshold)
        .def_readwrite("max_limb_length", &LimbOptions::max_limb_length)
        .def_readwrite("max_samples", &LimbOptions::max_samples)
        .def_readwrite("good_affinity", &LimbOptions::good_affinity)
        .def_readwrite("good_response", &LimbOptions::good_response)
        .def_readwrite("search_radius", &LimbOptions::search_radius)
        .def_readwrite("fallback_radius", &LimbOptions::fallback_radius);
    py::class_<TraceOptions>(m, "TraceOptions")
        .def(py::init([] { return TraceOptions{}; }))
        .def_readwrite("min_response", &TraceOptions::min_response)
        .def_readwrite("max_pair_affinity", &TraceOptions::max_pair_affinity)
        .def_readwrite("min_sample", &TraceOptions::min_sample)
        .def_readwrite("min_support", &TraceOptions::min_support)
        .def_readwrite("min_length", &TraceOptions::min_length)
        .def_readwrite("clearance", &TraceOptions::clearance)
        .def_readwrite("merge_radius", &TraceOptions::merge_radius);
}

}  // namespace

LimbCriteria limb_criteria(const FieldView& pafs, float threshold, const LimbOptions& options) {
    LimbCriteria criteria{options, threshold, float(options.max_limb_length * double(std::max(pafs.height, pafs.width)))};
    criteria.max_samples = std::clamp(options.max_samples, 3, kMostSamples);
    return criteria;
}

TraceCriteria trace_criteria(const FieldView& pafs, const FloatArray& typical, float score, const LimbOptions& limbs,
                             const TraceOptions& options) {
    if (typical.size() != pafs.batch) throw std::invalid_argument("typical must fit the fields");
    // Twice the longer side is beyond every limb, also where the option is infinite.
    const double longest = std::min(limbs.max_limb_length, 2.0) * double(std::max(pafs.height, pafs.width));
    return {options, typical.data(), pafs.channels / 2, limbs.sample_threshold, score, int(longest)};
}

py::tuple to_python(const CandidateView& candidates, const PairView& pairs, int64_t images, const LimbEnds& ends) {
    if (ends.type.empty()) return py::make_tuple(py::none(), to_python(ends.non_finite));
    Found found;
    {
        const py::gil_scoped_release release;
        found = insert_ends(candidates, pairs, images, ends);
    }
    return py::make_tuple(py::make_tuple(to_numpy(std::move(found.offsets)), to_numpy(std::move(found.xy), 2),
                                         to_numpy(std::move(found.score)), to_numpy(std::move(found.extent)),
                                         to_numpy(std::move(found.pair_offsets)), to_numpy(std::move(found.first)),
                                         to_numpy(std::move(found.second)), to_numpy(std::move(found.affinity))),
                          to_python(ends.non_finite));
}

void bind_kernels(py::module_& m) {
    bind_options(m);
    m.def("find_peaks", &find_peaks, py::arg("heatmaps"), py::arg("threshold"), py::arg("upsample"), py::arg("threads"));
    m.def("score_limbs", &score_limbs, py::arg("pafs"), py::arg("candidates"), py::arg("limbs").noconvert(),
          py::arg("threshold"), py::arg("options"), py::arg("threads"));
    m.def("trace_limbs", &trace_limbs, py::arg("pafs"), py::arg("candidates"), py::arg("pairs"),
          py::arg("limbs").noconvert(), py::arg("typical").noconvert(), py::arg("score"), py::arg("limb_options"),
          py::arg("options"), py::arg("threads"));
    m.def("take_dlpack", &dlpack::take, py::arg("capsule"));
    m.def("cpu_isa", &cpu::instruction_set);
}

}  // namespace bottomup
