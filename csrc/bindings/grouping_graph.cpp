// How rules and links are made from what Python hands over, all of which is checked here.
#include "grouping_graph.h"

#include <string>

namespace bottomup {

using grouping::Links;
using grouping::Pair;
using grouping::Rule;

namespace {

grouping::Pattern pattern_of(const Rule& rule, int64_t index, const bool* exchanged) {
    grouping::Pattern pattern{index, {}, {}};
    for (int32_t joint = 0; joint < int32_t(rule.joints); ++joint)
        if (exchanged[joint]) pattern.joints.push_back(joint);
    for (int32_t limb = 0; limb < int32_t(rule.limbs.size()); ++limb) {
        const auto& [a, b] = rule.limbs[size_t(limb)];
        if (exchanged[a] != exchanged[b]) pattern.limbs.push_back(limb);
    }
    return pattern;
}

}  // namespace

std::shared_ptr<Rule> make_rule(const LimbArray& limbs, const Floats& reach, const LimbArray& order,
                                const Bools& patterns, double person_cost, double missing_limb_cost,
                                double length_tolerance, double height_ratio) {
    check(reach.ndim() == 2 && reach.shape(0) == reach.shape(1), "reach must have shape (K, K)");
    check(limbs.ndim() == 2 && limbs.shape(1) == 2, "limbs must have shape (L, 2)");
    check(patterns.ndim() == 2 && patterns.shape(1) == reach.shape(0), "patterns must have shape (M, K)");
    check(length_tolerance > 0, "length_tolerance must be positive");
    check(height_ratio >= 1, "height_ratio must be at least 1");
    auto rule = std::make_shared<Rule>();
    const int64_t joints = rule->joints = reach.shape(0);
    check_range<int32_t>("limbs", limbs.data(), limbs.size(), 0, int32_t(joints));
    check_range<int32_t>("order", order.data(), order.size(), 0, int32_t(joints));
    rule->reach = to_vector(reach);
    rule->order = to_vector(order);
    rule->neighbours.resize(size_t(joints));
    rule->beside = grouping::Sets(joints, joints), rule->limbs_at = grouping::Sets(limbs.shape(0), joints);
    for (py::ssize_t n = 0; n < limbs.shape(0); ++n) {
        const int32_t a = limbs.at(n, 0), b = limbs.at(n, 1);
        rule->limbs.push_back({a, b});
        rule->limb_reach.push_back(reach.at(a, b));
        rule->neighbours[size_t(a)].push_back(b);
        rule->neighbours[size_t(b)].push_back(a);
        rule->beside.add(size_t(a), b), rule->beside.add(size_t(b), a);
        rule->limbs_at.add(size_t(a), int32_t(n)), rule->limbs_at.add(size_t(b), int32_t(n));
    }
    for (py::ssize_t n = 0; n < patterns.shape(0); ++n)
        rule->patterns.push_back(pattern_of(*rule, n, patterns.data(n, 0)));
    rule->patterns_with.assign(rule->limbs.size(), std::vector<uint64_t>((rule->patterns.size() + 63) / 64));
    for (const grouping::Pattern& pattern : rule->patterns)
        for (const int32_t limb : pattern.limbs)
            rule->patterns_with[size_t(limb)][size_t(pattern.index / 64)] |= uint64_t(1) << (pattern.index % 64);
    rule->person_cost = person_cost;
    rule->missing_limb_cost = missing_limb_cost;
    rule->length_tolerance = length_tolerance;
    rule->height_ratio = height_ratio;
    return rule;
}

std::unique_ptr<Graph> make_graph(const std::shared_ptr<Rule>& rule, const Ints& types, const Ints& own,
                                  const Ints& other, const Ints& limb, const Floats& affinity, const Floats& length) {
    const int64_t candidates = types.size(), pairs = own.size();
    check(rule != nullptr, "rule must be a GroupingRule");
    check(candidates < INT32_MAX && pairs < INT32_MAX / 2, "there must be fewer than 2^30 candidates and pairs");
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
    std::vector<Pair> all;
    all.reserve(size_t(pairs));
    for (int64_t n = 0; n < pairs; ++n) {
        all.push_back({int32_t(own.data()[n]), int32_t(other.data()[n]), int32_t(limb.data()[n]),
                       float(affinity.data()[n]), float(length.data()[n])});
        check(std::isfinite(all.back().affinity), "affinity must be finite");
    }
    const py::gil_scoped_release release;
    return std::unique_ptr<Graph>(
        new Graph(rule, Links(*rule, {types.data(), types.data() + candidates}, std::move(all))));
}

std::unique_ptr<Graph> graph_of(const std::shared_ptr<Rule>& rule, int64_t image, const OffsetArray& offsets,
                                const FloatArray& xy, const FloatArray& scores, const OffsetArray& pair_offsets,
                                const LimbArray& first, const LimbArray& second, const FloatArray& affinities,
                                double least_typical, double doubt, double clear, double weak_support,
                                double faint_response, double peak_threshold) {
    check(rule != nullptr, "rule must be a GroupingRule");
    FoundCall call(rule->joints, rule->limb_count(), offsets, scores, pair_offsets, first, second, affinities);
    call.check_image(image);
    check_shape("xy", xy, {call.candidates.count, 2});
    call.candidates.xy = xy.data();
    const py::gil_scoped_release release;
    const int64_t* range = offsets.data() + image * rule->joints;
    std::vector<int32_t> types;
    types.reserve(size_t(range[rule->joints] - range[0]));
    for (int64_t joint = 0; joint < rule->joints; ++joint)
        types.insert(types.end(), size_t(range[joint + 1] - range[joint]), int32_t(joint));
    std::vector<Pair> pairs = grouping::scored_pairs(
        call.candidates, call.pairs, image, {least_typical, doubt, clear, weak_support, faint_response, peak_threshold});
    return std::unique_ptr<Graph>(new Graph(rule, Links(*rule, std::move(types), std::move(pairs))));
}

std::unique_ptr<Graph> split_graph(const Graph& graph, const Ints& candidates) {
    check_shape("candidates", candidates, {candidates.size()});
    check_range<int64_t>("candidates", candidates.data(), candidates.size(), 0, graph.links().candidates());
    return std::make_unique<Graph>(
        graph, std::vector<int32_t>{candidates.data(), candidates.data() + candidates.size()});
}

py::tuple pairs_of(const Graph& graph) {
    const auto count = py::ssize_t(graph.links().pairs.size());
    py::array_t<int64_t> own{count}, other{count}, limb{count};
    py::array_t<double> affinity{count}, length{count};
    for (py::ssize_t n = 0; n < count; ++n) {
        const Pair& pair = graph.links().pairs[size_t(n)];
        own.mutable_data()[n] = pair.own, other.mutable_data()[n] = pair.other, limb.mutable_data()[n] = pair.limb;
        affinity.mutable_data()[n] = pair.affinity, length.mutable_data()[n] = pair.length;
    }
    return py::make_tuple(own, other, limb, affinity, length);
}

}  // namespace bottomup
