// The part of bottomup._C that groups. What comes from Python is checked before it is used, so that a wrong call raises
// and never reads foreign memory; what it means is said in bottomup/grouping.
#include <algorithm>
#include <chrono>
#include <optional>

#include "../grouping/assignment.h"
#include "../grouping/build.h"
#include "../grouping/edges.h"
#include "../grouping/fragments.h"
#include "../grouping/heights.h"
#include "../grouping/held_limbs.h"
#include "../grouping/optimize.h"
#include "../grouping/shared_peaks.h"
#include "../grouping/to_people.h"
#include "grouping_graph.h"
#include "grouping_options.h"

namespace bottomup {
namespace {

using grouping::Interrupt;
using grouping::PersonSet;
using grouping::State;

// Looks for signals, as that of Ctrl-C, some twenty times a second. Call it without the GIL.
Interrupt signals() {
    return [last = std::chrono::steady_clock::now()]() mutable {
        const auto now = std::chrono::steady_clock::now();
        if (now - last < std::chrono::milliseconds(50)) return;
        last = now;
        const py::gil_scoped_acquire acquire;
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    };
}

PersonSet all_people(const State& state) {
    PersonSet people(state.people());
    for (int64_t person = 0; person < state.people(); ++person) people.add(person);
    return people;
}

// The indices of the matched edges; see bottomup/grouping/assignment.py.
py::array solve_assignment(const Ints& person, const Ints& candidate, const Floats& weight, int64_t people) {
    const int64_t count = person.size();
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
        matched = grouping::AssignmentSolver().solve(edges, people);
    }
    return to_numpy(std::vector<int64_t>(matched.begin(), matched.end()));
}

// (B,) of each image.
py::array typical_affinities(const py::object& candidates, const py::object& pairs, int64_t limbs) {
    const CandidateArrays joints(candidates);
    const PairArrays links(pairs);
    const FoundCall call(joints, links, limbs);
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

// Gives people candidates of a type of which none has one; the other candidates open new people where that pays.
void PersonJointGraph::assign(int64_t joint, const Ints& person, const Ints& candidate) {
    check(joint >= 0 && joint < model_->joints, "joint must be one of the skeleton's");
    check_shape("candidate", candidate, {person.size()});
    check_range<int64_t>("person", person.data(), person.size(), 0, state_.people());
    check_candidates("candidate", candidate);
    for (int64_t n = 0; n < person.size(); ++n) {
        const int64_t who = person.data()[n], what = candidate.data()[n];
        check(types_[size_t(what)] == joint && state_.person_of[size_t(what)] < 0,
              "candidate must be a free one of the joint");
        check(state_.row(who)[joint] < 0, "person must have no candidate of the joint");
        state_.assign(who, joint, int32_t(what));
    }
    for (size_t n = 0; n < types_.size(); ++n)
        if (types_[n] == joint && state_.person_of[n] < 0 && responses_[n] > model_->person_cost)
            state_.assign(state_.add_person(), joint, int32_t(n));
}

void PersonJointGraph::merge_people(int64_t person, int64_t other) {
    const auto is_there = [&](int64_t one) { return one >= 0 && one < state_.people(); };
    check(is_there(person) && is_there(other) && person != other, "person and other must be two of the people");
    check(!state_.types_of.meet(size_t(person), state_.types_of, size_t(other)),
          "person and other must share no joint type");
    state_.merge_people(person, other);
}

void PersonJointGraph::add_person(const Ints& candidates) {
    check_candidates("candidates", candidates);
    const int64_t person = state_.add_person();
    for (int64_t n = 0; n < candidates.size(); ++n) {
        const auto candidate = size_t(candidates.data()[n]);
        check(state_.person_of[candidate] < 0, "candidates must be free");
        check(state_.row(person)[types_[candidate]] < 0, "candidates must be of different types");
        state_.assign(person, types_[candidate], int32_t(candidate));
    }
}

void PersonJointGraph::measure() {
    const grouping::Links& all = links();
    const py::gil_scoped_release release;
    grouping::measure(*model_, all, state_, all_people(state_));
}

py::tuple PersonJointGraph::edges(int64_t joint) const {
    const grouping::Links& all = links();
    check(joint >= 0 && joint < model_->joints, "joint must be one of the skeleton's");
    std::vector<int64_t> person, candidate;
    std::vector<double> weight;
    {
        const py::gil_scoped_release release;
        grouping::EdgeFinder finder(*model_, all, responses_.data());
        for (const grouping::Edge& edge : finder.find(state_, all.candidates_of[size_t(joint)]))
            person.push_back(edge.person), candidate.push_back(edge.candidate), weight.push_back(edge.weight);
    }
    return py::make_tuple(to_numpy(std::move(person)), to_numpy(std::move(candidate)), to_numpy(std::move(weight)));
}

double PersonJointGraph::objective() const {
    const grouping::Links& all = links();
    const py::gil_scoped_release release;
    const grouping::HeldLimbs held_limbs(*model_, all, state_);
    double sum = 0;
    for (int64_t person = 0; person < state_.people(); ++person) sum += held_limbs.worth(state_, responses_.data(), person);
    return sum;
}

// These work on a copy of the state, so that one that is interrupted changes nothing.
void PersonJointGraph::optimize() {
    const grouping::Links& all = links();
    const py::gil_scoped_release release;
    State next = state_;
    grouping::optimize(*model_, all, responses_.data(), next, signals());
    state_ = std::move(next);
}

void PersonJointGraph::attach_fragments() {
    const grouping::Links& all = links();
    const py::gil_scoped_release release;
    const std::vector<int64_t> groups = grouping::attach_fragments(*model_, model_->prior, state_, xy_.data(), signals());
    grouping::measure(*model_, all, state_, state_.merge_groups(groups.data()));
    state_.compact();
}

void PersonJointGraph::share_peaks() {
    const grouping::Links& all = links();
    const py::gil_scoped_release release;
    add_duplicates(grouping::duplicate_shared_peaks(*model_, all, responses_.data(), state_, signals()));
}

void PersonJointGraph::group() {
    const grouping::Links& all = links();
    const py::gil_scoped_release release;
    State next = state_;
    const std::vector<int32_t> originals =
        grouping::group(*model_, all, model_->prior, responses_.data(), xy_.data(), next, signals());
    state_ = std::move(next);
    add_duplicates(originals);
}

// Keypoints, their scores, which of them were traced, the people's scores, and whether all of that is finite and positive.
py::tuple PersonJointGraph::read_people(const std::optional<Bools>& sure, double stride, double longest,
                                        double joint_threshold, double person_threshold, double peak_threshold,
                                        int64_t min_joints, const py::object& options) const {
    if (sure) check_shape("sure", *sure, {state_.people()});
    const grouping::ResultOptions read = result_options(options);
    grouping::Results found;
    {
        const bool* flags = sure ? sure->data() : nullptr;
        const py::gil_scoped_release release;
        found = grouping::read_people(state_, xy_.data(), scores_.data(), flags,
                                      {stride, longest, joint_threshold, person_threshold, double(float(peak_threshold)),
                                       min_joints, first_duplicate_},
                                      read);
    }
    const auto count = py::ssize_t(found.scores.size()), joints = py::ssize_t(state_.joints);
    return py::make_tuple(to_numpy(std::move(found.keypoints)).reshape({count, joints, py::ssize_t(2)}),
                          to_numpy(std::move(found.keypoint_scores)).reshape({count, joints}),
                          to_numpy(std::move(found.traced)).reshape({count, joints}).view("bool"),
                          to_numpy(std::move(found.scores)), found.right);
}

void bind_grouping(py::module_& m) {
    py::class_<GroupingModel, std::shared_ptr<GroupingModel>>(m, "GroupingModel")
        .def(py::init<const py::object&, const py::object&, const py::object&, const py::object&, const py::object&>(),
             py::arg("skeleton"), py::arg("prior"), py::arg("grouping"), py::arg("fragments"), py::arg("sharing"));
    using Graph = PersonJointGraph;
    const auto make = [](const std::shared_ptr<GroupingModel>& model, const Ints& types, const Floats& xy,
                         const Floats& responses, const py::object& pairs) {
        check(model != nullptr, "model must be a GroupingModel");
        return Graph(model, types, xy, responses, pairs);
    };
    const auto of_image = [](const std::shared_ptr<GroupingModel>& model, int64_t image, const py::object& candidates,
                             const py::object& pairs, double peak_threshold, double typical_affinity) {
        return Graph::of_image(model, image, candidates, pairs, peak_threshold, typical_affinity);
    };
    py::class_<Graph>(m, "PersonJointGraph")
        .def(py::init(make), py::arg("model"), py::arg("types").noconvert(), py::arg("xy").noconvert(),
             py::arg("responses").noconvert(), py::arg("pairs"))
        .def_static("of_image", of_image, py::arg("model"), py::arg("image"), py::arg("candidates"), py::arg("pairs"),
                    py::arg("peak_threshold"), py::arg("typical_affinity"))
        .def("copy", [](const Graph& graph) { return Graph(graph); })
        .def_property_readonly("types", &Graph::types)
        .def_property_readonly("xy", &Graph::xy)
        .def_property_readonly("responses", &Graph::responses)
        .def_property_readonly("scores", &Graph::scores)
        .def_property_readonly("person_of", &Graph::person_of)
        .def_property_readonly("members", &Graph::members)
        .def_property_readonly("heights", &Graph::heights)
        .def_property_readonly("num_people", &Graph::people)
        .def("pairs", &Graph::pairs)
        .def("set_state", &Graph::set_state, py::arg("person_of").noconvert(), py::arg("members").noconvert(),
             py::arg("heights").noconvert())
        .def("assign", &Graph::assign, py::arg("joint"), py::arg("person").noconvert(), py::arg("candidate").noconvert())
        .def("merge_people", &Graph::merge_people, py::arg("person"), py::arg("other"))
        .def("add_person", &Graph::add_person, py::arg("candidates").noconvert())
        .def("compact", &Graph::compact)
        .def("measure", &Graph::measure)
        .def("duplicate", &Graph::duplicate, py::arg("candidates").noconvert())
        .def("edges", &Graph::edges, py::arg("joint"))
        .def("objective", &Graph::objective)
        .def("optimize", &Graph::optimize)
        .def("attach_fragments", &Graph::attach_fragments)
        .def("share_peaks", &Graph::share_peaks)
        .def("group", &Graph::group)
        .def("read_people", &Graph::read_people, py::arg("sure").noconvert(), py::arg("stride"), py::arg("longest"),
             py::arg("joint_threshold"), py::arg("person_threshold"), py::arg("peak_threshold"), py::arg("min_joints"),
             py::arg("options"));
    m.def("typical_affinities", &typical_affinities, py::arg("candidates"), py::arg("pairs"), py::arg("limbs"));
    m.def("solve_assignment", &solve_assignment, py::arg("person").noconvert(), py::arg("candidate").noconvert(),
          py::arg("weight").noconvert(), py::arg("people"));
}

}  // namespace bottomup
