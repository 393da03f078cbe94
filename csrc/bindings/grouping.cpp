// The part of bottomup._C that groups. Whatever comes from Python is checked here, so that a wrong call raises and
// never reads foreign memory; what it means is said in bottomup/grouping.
#include <algorithm>
#include <optional>

#include "../grouping/merge.h"
#include "grouping_graph.h"
#include "../grouping/sweep.h"

namespace bottomup {
namespace {

using grouping::Couple;
using grouping::PersonSet;
using grouping::Rule;
using grouping::State;
using grouping::WholeBody;

PersonSet to_set(const char* name, const Bools& flags, const State& state) {
    check_shape(name, flags, {state.people()});
    PersonSet people(state.people());
    for (int64_t person = 0; person < state.people(); ++person)
        if (flags.data()[person]) people.add(person);
    return people;
}

py::array_t<int64_t> to_numbers(const std::vector<int32_t>& numbers) {
    py::array_t<int64_t> array{py::ssize_t(numbers.size())};
    std::copy(numbers.begin(), numbers.end(), array.mutable_data());
    return array;
}

py::tuple to_python(State&& state) {
    const std::vector<py::ssize_t> shape{py::ssize_t(state.people()), py::ssize_t(state.joints)};
    return py::make_tuple(to_numbers(state.owner), to_numbers(state.slots).reshape(shape),
                          to_numpy(std::move(state.scales)));
}

// `changed` may be None.
py::tuple sweep(const Graph& graph, const Ints& owner, const Ints& slots, const Floats& scales,
                const Floats& responses, const std::optional<Bools>& changed) {
    State state = graph.state(owner, slots, scales);
    const grouping::Links& links = graph.links();
    const double* values = graph.responses(responses);
    std::optional<PersonSet> who;
    if (changed) who = to_set("changed", *changed, state);
    const int64_t before = state.people();
    std::vector<int64_t> kept;
    std::vector<char> moved;
    {
        const py::gil_scoped_release release;
        grouping::Sweep sweep(*graph.rule, links, values, state);
        const PersonSet& found = sweep.run(who ? &*who : nullptr);
        kept = state.compact();
        for (int64_t& person : kept) {
            moved.push_back(found.contains(person));
            if (person >= before) person = -1;
        }
    }
    py::array_t<bool> mask{py::ssize_t(moved.size())};
    std::copy(moved.begin(), moved.end(), mask.mutable_data());
    return to_python(std::move(state)) + py::make_tuple(to_numpy(std::move(kept)), mask);
}

py::tuple settle(const Graph& graph, const Ints& owner, const Ints& slots, const Floats& scales,
                 const Floats& responses, int most_sweeps, int most_rounds) {
    State state = graph.state(owner, slots, scales);
    const grouping::Links& links = graph.links();
    const double* values = graph.responses(responses);
    {
        const py::gil_scoped_release release;
        grouping::settle(*graph.rule, links, values, state, most_sweeps, most_rounds);
    }
    return to_python(std::move(state));
}

py::tuple edges(const Graph& graph, int64_t joint, const Ints& owner, const Ints& slots, const Floats& scales,
                const Floats& responses) {
    const State state = graph.state(owner, slots, scales);
    const grouping::Links& links = graph.links();
    const double* values = graph.responses(responses);
    check(joint >= 0 && joint < graph.rule->joints, "joint must be one of the skeleton's");
    std::vector<int64_t> person, candidate;
    std::vector<double> weight;
    {
        const py::gil_scoped_release release;
        grouping::EdgeFinder finder(*graph.rule, links, values);
        for (const grouping::Edge& edge : finder.find(state, links.members[size_t(joint)]))
            person.push_back(edge.person), candidate.push_back(edge.candidate), weight.push_back(edge.weight);
    }
    return py::make_tuple(to_numpy(std::move(person)), to_numpy(std::move(candidate)), to_numpy(std::move(weight)));
}

py::array measure(const Graph& graph, const Ints& owner, const Ints& slots, const Floats& scales, const Bools& which) {
    State state = graph.state(owner, slots, scales);
    const grouping::Links& links = graph.links();
    const PersonSet people = to_set("which", which, state);
    {
        const py::gil_scoped_release release;
        grouping::measure(*graph.rule, links, state, people);
    }
    return to_numpy(std::move(state.scales));
}

double objective(const Graph& graph, const Ints& owner, const Ints& slots, const Floats& scales,
                 const Floats& responses) {
    const State state = graph.state(owner, slots, scales);
    const grouping::Links& links = graph.links();
    const double* values = graph.responses(responses);
    const py::gil_scoped_release release;
    const grouping::Within within(*graph.rule, links, state);
    double sum = 0;
    for (int64_t person = 0; person < state.people(); ++person) sum += within.worth(state, values, person);
    return sum;
}

// (person, candidate), each (n,).
py::tuple share(const Graph& graph, const Ints& owner, const Ints& slots, const Floats& scales, const Floats& responses,
                int64_t sharing_joints, double limit, double same_limb, double cost) {
    const State state = graph.state(owner, slots, scales);
    const grouping::Links& links = graph.links();
    const double* values = graph.responses(responses);
    std::vector<int64_t> person, candidate;
    {
        const py::gil_scoped_release release;
        for (const auto& peak :
             grouping::share(*graph.rule, links, state, values, {sharing_joints, limit, same_limb, cost}))
            person.push_back(peak.person), candidate.push_back(peak.candidate);
    }
    return py::make_tuple(to_numpy(std::move(person)), to_numpy(std::move(candidate)));
}

// (first, second, pattern), each (n,).
py::tuple to_python(const std::vector<Couple>& couples) {
    std::vector<int64_t> first, second, pattern;
    for (const Couple& couple : couples) {
        first.push_back(couple.first), second.push_back(couple.second), pattern.push_back(couple.pattern);
    }
    return py::make_tuple(to_numpy(std::move(first)), to_numpy(std::move(second)), to_numpy(std::move(pattern)));
}

template <std::vector<Couple> (grouping::CoupleFinder::*find)(const PersonSet&)>
py::tuple couples_of(const Graph& graph, const Ints& owner, const Ints& slots, const Floats& scales,
                     const Bools& touched) {
    const State state = graph.state(owner, slots, scales);
    const grouping::Links& links = graph.links();
    const PersonSet people = to_set("touched", touched, state);
    std::vector<Couple> couples;
    {
        const py::gil_scoped_release release;
        const grouping::Within within(*graph.rule, links, state);
        couples = (grouping::CoupleFinder(*graph.rule, links, state, within).*find)(people);
    }
    return to_python(couples);
}

std::shared_ptr<WholeBody> make_body(const Bools& known, const Floats& mean, const Floats& covariance) {
    const int64_t joints = known.size();
    check_shape("known", known, {joints});
    check_shape("mean", mean, {joints, 2});
    check_shape("covariance", covariance, {2 * joints, 2 * joints});
    const std::vector<char> flags(known.data(), known.data() + joints);
    check(std::count(flags.begin(), flags.end(), 1) <= WholeBody::kMost, "known must be true of at most 64 joints");
    return std::make_shared<WholeBody>(flags, to_vector(mean), to_vector(covariance));
}

void check_bodies(const Graph& graph, const Floats& xy, const std::shared_ptr<WholeBody>& body, double odds,
                  double height_spread) {
    check_shape("xy", xy, {graph.links().candidates(), 2});
    check(body != nullptr && int64_t(body->number.size()) == graph.rule->joints, "body must be of the rule's joints");
    check(odds > 0 && height_spread > 0, "odds and height_spread must be positive");
}

py::array attach(const Graph& graph, const Ints& owner, const Ints& slots, const Floats& scales, const Floats& xy,
                 const std::shared_ptr<WholeBody>& body, int64_t orphan_joints, double odds, double height_spread) {
    const State state = graph.state(owner, slots, scales);
    check_bodies(graph, xy, body, odds, height_spread);
    std::vector<int64_t> groups;
    {
        const py::gil_scoped_release release;
        groups = grouping::attach(*graph.rule, *body, state, xy.data(), {orphan_joints, odds, height_spread});
    }
    return to_numpy(std::move(groups));
}

// Owner, slots and scales, then the candidates that have a twin.
py::tuple group(const Graph& graph, const Ints& owner, const Ints& slots, const Floats& scales,
                const Floats& responses, const Floats& xy, const std::shared_ptr<WholeBody>& body, int most_sweeps,
                int most_rounds, int64_t orphan_joints, double odds, double height_spread, int64_t sharing_joints,
                double limit, double same_limb, double cost) {
    State state = graph.state(owner, slots, scales);
    const grouping::Links& links = graph.links();
    const double* values = graph.responses(responses);
    check_bodies(graph, xy, body, odds, height_spread);
    std::vector<int32_t> twins;
    {
        const py::gil_scoped_release release;
        twins = grouping::group(*graph.rule, links, *body, values, xy.data(), state, most_sweeps, most_rounds,
                                {orphan_joints, odds, height_spread}, {sharing_joints, limit, same_limb, cost});
    }
    return to_python(std::move(state)) + py::make_tuple(to_numbers(twins));
}

py::tuple unite(const Graph& graph, const Ints& owner, const Ints& slots, const Floats& scales, const Ints& numbers) {
    State state = graph.state(owner, slots, scales);
    const grouping::Links& links = graph.links();
    check_shape("numbers", numbers, {state.people()});
    check_range<int64_t>("numbers", numbers.data(), numbers.size(), 0, state.people());
    {
        const py::gil_scoped_release release;
        grouping::measure(*graph.rule, links, state, state.unite(numbers.data()));
        state.compact();
    }
    return to_python(std::move(state));
}

}  // namespace

void bind_grouping(py::module_& m) {
    py::class_<Rule, std::shared_ptr<Rule>>(m, "GroupingRule")
        .def(py::init(&make_rule), py::arg("limbs").noconvert(), py::arg("reach").noconvert(),
             py::arg("order").noconvert(), py::arg("patterns").noconvert(), py::arg("person_cost"),
             py::arg("missing_limb_cost"), py::arg("length_tolerance"), py::arg("height_ratio"));
    py::class_<WholeBody, std::shared_ptr<WholeBody>>(m, "WholeBody")
        .def(py::init(&make_body), py::arg("known").noconvert(), py::arg("mean").noconvert(),
             py::arg("covariance").noconvert());
    const auto owner = py::arg("owner").noconvert(), slots = py::arg("slots").noconvert();
    const auto scales = py::arg("scales").noconvert(), responses = py::arg("responses").noconvert();
    const auto touched = py::arg("touched").noconvert();
    py::class_<Graph>(m, "GroupingLinks")
        .def(py::init(&make_graph), py::arg("rule"), py::arg("types").noconvert(), py::arg("own").noconvert(),
             py::arg("other").noconvert(), py::arg("limb").noconvert(), py::arg("affinity").noconvert(),
             py::arg("length").noconvert())
        .def_static("of_image", &graph_of, py::arg("rule"), py::arg("image"), py::arg("offsets").noconvert(),
                    py::arg("xy").noconvert(), py::arg("scores").noconvert(), py::arg("pair_offsets").noconvert(),
                    py::arg("first").noconvert(), py::arg("second").noconvert(), py::arg("affinities").noconvert(),
                    py::arg("least_typical"), py::arg("doubt"), py::arg("clear"), py::arg("weak_support"),
                    py::arg("faint_response"), py::arg("peak_threshold"))
        .def("split", &split_graph, py::arg("candidates").noconvert())
        .def("pairs", &pairs_of)
        .def("edges", &edges, py::arg("joint"), owner, slots, scales, responses)
        .def("sweep", &sweep, owner, slots, scales, responses, py::arg("changed").noconvert())
        .def("settle", &settle, owner, slots, scales, responses, py::arg("most_sweeps"), py::arg("most_rounds"))
        .def("measure", &measure, owner, slots, scales, py::arg("which").noconvert())
        .def("objective", &objective, owner, slots, scales, responses)
        .def("share", &share, owner, slots, scales, responses, py::arg("sharing_joints"), py::arg("limit"),
             py::arg("same_limb"), py::arg("cost"))
        .def("mergers", &couples_of<&grouping::CoupleFinder::mergers>, owner, slots, scales, touched)
        .def("exchanges", &couples_of<&grouping::CoupleFinder::exchanges>, owner, slots, scales, touched)
        .def("attach", &attach, owner, slots, scales, py::arg("xy").noconvert(), py::arg("body"),
             py::arg("orphan_joints"), py::arg("odds"), py::arg("height_spread"))
        .def("group", &group, owner, slots, scales, responses, py::arg("xy").noconvert(), py::arg("body"),
             py::arg("most_sweeps"), py::arg("most_rounds"), py::arg("orphan_joints"), py::arg("odds"),
             py::arg("height_spread"), py::arg("sharing_joints"), py::arg("limit"), py::arg("same_limb"), py::arg("cost"))
        .def("unite", &unite, owner, slots, scales, py::arg("numbers").noconvert());
    bind_grouping_functions(m);
}

}  // namespace bottomup
