// The part of bottomup._C that groups. Whatever comes from Python is checked here, so that a wrong call raises and
// never reads foreign memory; what it means is said in bottomup/grouping.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "grouping.h"
#include "grouping_inputs.h"

namespace bottomup {
namespace {

using grouping::Couple;
using grouping::Links;
using grouping::Rule;
using grouping::State;
using grouping::View;
grouping::Pattern pattern_of(const Rule& rule, int64_t index, const bool* exchanged) {
    grouping::Pattern pattern{index, {}, 0};
    for (int32_t limb = 0; limb < int32_t(rule.limbs.size()); ++limb) {
        const auto& [a, b] = rule.limbs[size_t(limb)];
        if (exchanged[a] == exchanged[b]) continue;
        pattern.limbs.push_back(limb);
        pattern.bits |= uint64_t(1) << (limb % 64);
    }
    return pattern;
}

std::shared_ptr<Rule> make_rule(const LimbArray& limbs, const Floats& reach, const LimbArray& order,
                                const Bools& patterns, double person_cost, double missing_limb_cost,
                                double length_tolerance) {
    check(reach.ndim() == 2 && reach.shape(0) == reach.shape(1), "reach must have shape (K, K)");
    check(limbs.ndim() == 2 && limbs.shape(1) == 2, "limbs must have shape (L, 2)");
    check(patterns.ndim() == 2 && patterns.shape(1) == reach.shape(0), "patterns must have shape (M, K)");
    check(length_tolerance > 0, "length_tolerance must be positive");
    auto rule = std::make_shared<Rule>();
    const int64_t joints = rule->joints = reach.shape(0);
    check_range<int32_t>("limbs", limbs.data(), limbs.size(), 0, int32_t(joints));
    check_range<int32_t>("order", order.data(), order.size(), 0, int32_t(joints));
    rule->reach = to_vector(reach);
    rule->order = to_vector(order);
    rule->neighbours.resize(size_t(joints));
    for (py::ssize_t n = 0; n < limbs.shape(0); ++n) {
        const int32_t a = limbs.at(n, 0), b = limbs.at(n, 1);
        rule->limbs.push_back({a, b});
        rule->limb_reach.push_back(reach.at(a, b));
        rule->neighbours[size_t(a)].push_back(b);
        rule->neighbours[size_t(b)].push_back(a);
    }
    for (py::ssize_t n = 0; n < patterns.shape(0); ++n)
        rule->patterns.push_back(pattern_of(*rule, n, patterns.data(n, 0)));
    rule->person_cost = person_cost;
    rule->missing_limb_cost = missing_limb_cost;
    rule->length_tolerance = length_tolerance;
    return rule;
}

// The links of one image, with the rule that they are judged by.
struct Graph {
    std::shared_ptr<const Rule> rule;
    Links links;

    View view(const Ints& owner, const Ints& slots, const Floats* scales, const Floats* responses) const {
        const int64_t people = slots.ndim() == 2 ? slots.shape(0) : 0, candidates = links.candidates();
        check_shape("owner", owner, {candidates});
        check_shape("slots", slots, {people, rule->joints});
        if (scales) check_shape("scales", *scales, {people});
        if (responses) check_shape("responses", *responses, {candidates});
        check_range<int64_t>("owner", owner.data(), owner.size(), -1, people);
        check_range<int64_t>("slots", slots.data(), slots.size(), -1, candidates);
        return {owner.data(), slots.data(), scales ? scales->data() : nullptr, responses ? responses->data() : nullptr,
                people};
    }
};

std::unique_ptr<Graph> make_graph(const std::shared_ptr<Rule>& rule, const Ints& types, const Ints& own,
                                  const Ints& other, const Ints& limb, const Floats& affinity, const Floats& length) {
    const int64_t candidates = types.size(), pairs = own.size();
    check(rule != nullptr, "rule must be a GroupingRule");
    check(candidates < INT32_MAX && pairs < INT32_MAX, "there must be fewer than 2^31 candidates and pairs");
    check_shape("types", types, {candidates});
    check_shape("own", own, {pairs});
    check_shape("other", other, {pairs});
    check_shape("limb", limb, {pairs});
    check_shape("affinity", affinity, {pairs});
    check_shape("length", length, {pairs});
    check_range<int64_t>("types", types.data(), candidates, 0, rule->joints);
    check_range<int64_t>("own", own.data(), pairs, 0, candidates);
    check_range<int64_t>("other", other.data(), pairs, 0, candidates);
    check_range<int64_t>("limb", limb.data(), pairs, 0, rule->limb_count());
    for (int64_t n = 0; n < pairs; ++n) check(std::isfinite(affinity.data()[n]), "affinity must be finite");
    const py::gil_scoped_release release;
    return std::unique_ptr<Graph>(
        new Graph{rule, Links(*rule, std::vector<int32_t>(types.data(), types.data() + candidates), pairs, own.data(),
                              other.data(), limb.data(), affinity.data(), length.data())});
}

py::tuple edges(const Graph& graph, int64_t joint, const Ints& owner, const Ints& slots, const Floats& scales,
                const Floats& responses) {
    const View view = graph.view(owner, slots, &scales, &responses);
    check(joint >= 0 && joint < graph.rule->joints, "joint must be one of the skeleton's");
    grouping::Edges found;
    {
        const py::gil_scoped_release release;
        found = grouping::edges(*graph.rule, graph.links, view, joint);
    }
    return py::make_tuple(to_numpy(std::move(found.person)), to_numpy(std::move(found.candidate)),
                          to_numpy(std::move(found.weight)));
}

py::array to_mask(const std::vector<char>& flags) {
    py::array_t<bool> mask{py::ssize_t(flags.size())};
    std::copy(flags.begin(), flags.end(), mask.mutable_data());
    return mask;
}

// `changed` may be None.
py::tuple sweep(const Graph& graph, const Ints& owner, const Ints& slots, const Floats& scales,
                const Floats& responses, const std::optional<Bools>& changed) {
    const View view = graph.view(owner, slots, &scales, &responses);
    if (changed) check_shape("changed", *changed, {view.people});
    State state{to_vector(owner), to_vector(slots), to_vector(scales)};
    std::vector<int64_t> kept;
    std::vector<char> moved;
    {
        const bool* flags = changed ? changed->data() : nullptr;
        const py::gil_scoped_release release;
        grouping::sweep(*graph.rule, graph.links, view.responses, state, flags, kept, moved);
    }
    const std::vector<py::ssize_t> shape{state.people(), graph.rule->joints};
    return py::make_tuple(to_numpy(std::move(state.owner)), to_numpy(std::move(state.slots)).reshape(shape),
                          to_numpy(std::move(state.scales)), to_numpy(std::move(kept)), to_mask(moved));
}

py::array measure(const Graph& graph, const Ints& owner, const Ints& slots, const Floats& scales, const Bools& which) {
    const View view = graph.view(owner, slots, &scales, nullptr);
    check_shape("which", which, {view.people});
    std::vector<double> heights;
    {
        const bool* flags = which.data();
        const py::gil_scoped_release release;
        heights = grouping::measure(*graph.rule, graph.links, view, flags);
    }
    return to_numpy(std::move(heights));
}

double objective(const Graph& graph, const Ints& owner, const Ints& slots, const Floats& scales,
                 const Floats& responses) {
    const View view = graph.view(owner, slots, &scales, &responses);
    const py::gil_scoped_release release;
    return grouping::objective(*graph.rule, graph.links, view);
}

py::array shareable(const Graph& graph, const Ints& owner, const Ints& slots, const Floats& scales,
                    const Floats& responses, int64_t sharing_joints, double cost) {
    const View view = graph.view(owner, slots, &scales, &responses);
    std::vector<int64_t> wanted;
    {
        const py::gil_scoped_release release;
        wanted = grouping::shareable(*graph.rule, graph.links, view, sharing_joints, cost);
    }
    return to_numpy(std::move(wanted));
}

// (first, second, pattern), each (n,).
py::tuple to_python(const std::vector<Couple>& couples) {
    std::vector<int64_t> first, second, pattern;
    for (const Couple& couple : couples) {
        first.push_back(couple.first), second.push_back(couple.second), pattern.push_back(couple.pattern);
    }
    return py::make_tuple(to_numpy(std::move(first)), to_numpy(std::move(second)), to_numpy(std::move(pattern)));
}

py::tuple mergers(const Graph& graph, const Ints& owner, const Ints& slots, const Floats& scales,
                  const Bools& touched) {
    const View view = graph.view(owner, slots, &scales, nullptr);
    check_shape("touched", touched, {view.people});
    std::vector<Couple> couples;
    {
        const py::gil_scoped_release release;
        couples = grouping::mergers(*graph.rule, graph.links, view, touched.data());
    }
    return to_python(couples);
}

py::tuple exchanges(const Graph& graph, const Ints& owner, const Ints& slots, const Floats& scales,
                    const Bools& touched) {
    const View view = graph.view(owner, slots, &scales, nullptr);
    check_shape("touched", touched, {view.people});
    std::vector<Couple> couples;
    {
        const py::gil_scoped_release release;
        couples = grouping::exchanges(*graph.rule, graph.links, view, touched.data());
    }
    return to_python(couples);
}

py::tuple hosts(const Graph& graph, const Ints& owner, const Ints& slots, const Floats& scales, const Floats& xy,
                int64_t orphan_joints, double stretch) {
    const View view = graph.view(owner, slots, &scales, nullptr);
    check_shape("xy", xy, {graph.links.candidates(), 2});
    std::vector<Couple> couples;
    {
        const py::gil_scoped_release release;
        couples = grouping::hosts(*graph.rule, view, xy.data(), orphan_joints, stretch);
    }
    return to_python(couples);
}

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
    const grouping::Edges edges{to_vector(person), to_vector(candidate), to_vector(weight)};
    std::vector<int64_t> matched;
    {
        const py::gil_scoped_release release;
        matched = grouping::Matcher().match(edges, people);
    }
    return to_numpy(std::move(matched));
}

double typical_affinity(const Ints& first, const Ints& second, const Ints& limb, const Floats& affinity,
                        const Floats& responses) {
    const int64_t pairs = first.size(), candidates = responses.size();
    check_shape("first", first, {pairs});
    check_shape("second", second, {pairs});
    check_shape("limb", limb, {pairs});
    check_shape("affinity", affinity, {pairs});
    check_shape("responses", responses, {candidates});
    check_range<int64_t>("first", first.data(), pairs, 0, candidates);
    check_range<int64_t>("second", second.data(), pairs, 0, candidates);
    const py::gil_scoped_release release;
    return grouping::typical_affinity(pairs, first.data(), second.data(), limb.data(), affinity.data(), candidates,
                                      responses.data());
}

}  // namespace

void bind_grouping(py::module_& m) {
    py::class_<Rule, std::shared_ptr<Rule>>(m, "GroupingRule")
        .def(py::init(&make_rule), py::arg("limbs").noconvert(), py::arg("reach").noconvert(),
             py::arg("order").noconvert(), py::arg("patterns").noconvert(), py::arg("person_cost"),
             py::arg("missing_limb_cost"), py::arg("length_tolerance"));
    const auto owner = py::arg("owner").noconvert(), slots = py::arg("slots").noconvert();
    const auto scales = py::arg("scales").noconvert(), responses = py::arg("responses").noconvert();
    py::class_<Graph>(m, "GroupingLinks")
        .def(py::init(&make_graph), py::arg("rule"), py::arg("types").noconvert(), py::arg("own").noconvert(),
             py::arg("other").noconvert(), py::arg("limb").noconvert(), py::arg("affinity").noconvert(),
             py::arg("length").noconvert())
        .def("edges", &edges, py::arg("joint"), owner, slots, scales, responses)
        .def("sweep", &sweep, owner, slots, scales, responses, py::arg("changed").noconvert())
        .def("measure", &measure, owner, slots, scales, py::arg("which").noconvert())
        .def("objective", &objective, owner, slots, scales, responses)
        .def("shareable", &shareable, owner, slots, scales, responses, py::arg("sharing_joints"), py::arg("cost"))
        .def("mergers", &mergers, owner, slots, scales, py::arg("touched").noconvert())
        .def("exchanges", &exchanges, owner, slots, scales, py::arg("touched").noconvert())
        .def("hosts", &hosts, owner, slots, scales, py::arg("xy").noconvert(), py::arg("orphan_joints"),
             py::arg("stretch"));
    m.def("read_people", &read_people, slots, py::arg("xy").noconvert(), py::arg("scores").noconvert(),
          py::arg("sure").noconvert(), py::arg("stride"), py::arg("longest"), py::arg("size_weight"),
          py::arg("joint_threshold"), py::arg("person_threshold"), py::arg("core_threshold"), py::arg("min_joints"));
    m.def("typical_affinity", &typical_affinity, py::arg("first").noconvert(), py::arg("second").noconvert(),
          py::arg("limb").noconvert(), py::arg("affinity").noconvert(), py::arg("responses").noconvert());
    m.def("match", &match, py::arg("person").noconvert(), py::arg("candidate").noconvert(),
          py::arg("weight").noconvert(), py::arg("people"));
}

}  // namespace bottomup
