// The part of bottomup._C that groups, but for the links of an image: functions of arrays.
#include <optional>

#include "../grouping/model.h"
#include "grouping_inputs.h"

namespace bottomup {
namespace {

// Keypoints, their scores, the people's scores, and whether all of that is finite and positive.
py::tuple read_people(const Ints& slots, const Floats& xy, const Floats& scores, const std::optional<Bools>& sure,
                      double stride, double longest, double size_weight, double joint_threshold,
                      double person_threshold, double core_threshold, int64_t min_joints) {
    check(slots.ndim() == 2, "slots must have shape (P, K)");
    const int64_t people = slots.shape(0), joints = slots.shape(1), candidates = scores.size();
    check_shape("xy", xy, {candidates, 2});
    check_shape("scores", scores, {candidates});
    check_range<int64_t>("slots", slots.data(), slots.size(), -1, candidates);
    if (sure) check_shape("sure", *sure, {people});
    const grouping::ResultRule rule{stride,           longest,        size_weight, joint_threshold,
                                    person_threshold, core_threshold, min_joints};
    grouping::Results found;
    {
        const bool* flags = sure ? sure->data() : nullptr;
        const py::gil_scoped_release release;
        found = grouping::read_people(slots.data(), people, joints, xy.data(), scores.data(), flags, rule);
    }
    const auto count = py::ssize_t(found.scores.size());
    return py::make_tuple(to_numpy(std::move(found.keypoints)).reshape({count, py::ssize_t(joints), py::ssize_t(2)}),
                          to_numpy(std::move(found.keypoint_scores)).reshape({count, py::ssize_t(joints)}),
                          to_numpy(std::move(found.scores)), found.right);
}

py::array match(const Ints& person, const Ints& candidate, const Floats& weight, int64_t people) {
    const int64_t count = person.size();
    check(people >= 0 && people < INT32_MAX, "people must be fewer than 2^31");
    check_shape("person", person, {count});
    check_shape("candidate", candidate, {count});
    check_shape("weight", weight, {count});
    check_range<int64_t>("person", person.data(), count, 0, people);
    for (int64_t n = 0; n < count; ++n) {
        check(weight.data()[n] > 0 && std::isfinite(weight.data()[n]), "weight must be positive and finite");
        check(n == 0 || candidate.data()[n] >= candidate.data()[n - 1], "candidate must not fall");
    }
    check(count < INT32_MAX, "there must be fewer than 2^31 edges");
    // The candidates may have any numbers: here each has its place among them.
    std::vector<grouping::Edge> edges;
    int32_t place = 0;
    for (int64_t n = 0; n < count; ++n) {
        if (n > 0) place += candidate.data()[n] != candidate.data()[n - 1];
        edges.push_back({weight.data()[n], int32_t(person.data()[n]), place, 0});
    }
    std::vector<int32_t> matched;
    {
        const py::gil_scoped_release release;
        matched = grouping::Matcher().match(edges, people);
    }
    return to_numpy(std::vector<int64_t>(matched.begin(), matched.end()));
}

// (B,) of each image.
py::array typical_affinities(int64_t joints, int64_t limbs, const OffsetArray& offsets, const FloatArray& scores,
                             const OffsetArray& pair_offsets, const LimbArray& first, const LimbArray& second,
                             const FloatArray& affinities) {
    const FoundCall call(joints, limbs, offsets, scores, pair_offsets, first, second, affinities);
    for (int64_t image = 0; image < call.images; ++image) call.check_image(image);
    std::vector<double> typical;
    {
        const py::gil_scoped_release release;
        for (int64_t image = 0; image < call.images; ++image)
            typical.push_back(grouping::typical_affinity(call.candidates, call.pairs, image));
    }
    return to_numpy(std::move(typical));
}

}  // namespace

void bind_grouping_functions(py::module_& m) {
    m.def("read_people", &read_people, py::arg("slots").noconvert(), py::arg("xy").noconvert(),
          py::arg("scores").noconvert(), py::arg("sure").noconvert(), py::arg("stride"), py::arg("longest"),
          py::arg("size_weight"), py::arg("joint_threshold"), py::arg("person_threshold"), py::arg("core_threshold"),
          py::arg("min_joints"));
    m.def("typical_affinities", &typical_affinities, py::arg("joints"), py::arg("limbs"), py::arg("offsets").noconvert(),
          py::arg("scores").noconvert(), py::arg("pair_offsets").noconvert(), py::arg("first").noconvert(),
          py::arg("second").noconvert(), py::arg("affinities").noconvert());
    m.def("match", &match, py::arg("person").noconvert(), py::arg("candidate").noconvert(),
          py::arg("weight").noconvert(), py::arg("people"));
}

}  // namespace bottomup
