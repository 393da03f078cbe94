// What a GroupingRule and GroupingLinks of Python are, and how they are made.
#pragma once

#include <memory>

#include "../grouping/model.h"
#include "grouping_inputs.h"

namespace bottomup {

// The links of one image, with the rule that they are judged by.
class Graph {
   public:
    Graph(std::shared_ptr<const grouping::Rule> rule_, grouping::Links links)
        : rule(std::move(rule_)), made(std::make_shared<grouping::Links>(std::move(links))) {}
    // Those of another one with twins of some candidates.
    Graph(const Graph& original, std::vector<int32_t> candidates)
        : rule(original.rule), unsplit(original.shared_links()), twins(std::move(candidates)) {}

    // Made when they are asked for, since after the grouping hardly anybody asks. Call it with the GIL.
    const grouping::Links& links() const { return *shared_links(); }

    const std::shared_ptr<const grouping::Rule> rule;

    grouping::State state(const Ints& owner, const Ints& slots, const Floats& scales) const {
        const int64_t people = slots.ndim() == 2 ? slots.shape(0) : 0, candidates = links().candidates();
        check_shape("owner", owner, {candidates});
        check_shape("slots", slots, {people, rule->joints});
        check_shape("scales", scales, {people});
        check_range<int64_t>("owner", owner.data(), owner.size(), -1, people);
        check_range<int64_t>("slots", slots.data(), slots.size(), -1, candidates);
        return {rule->joints, {owner.data(), owner.data() + owner.size()}, {slots.data(), slots.data() + slots.size()},
                to_vector(scales)};
    }

    const double* responses(const Floats& values) const {
        check_shape("responses", values, {links().candidates()});
        return values.data();
    }

   private:
    std::shared_ptr<const grouping::Links> shared_links() const {
        if (!made) made = std::make_shared<grouping::Links>(unsplit->split(*rule, twins));
        return made;
    }

    mutable std::shared_ptr<const grouping::Links> made;
    std::shared_ptr<const grouping::Links> unsplit;
    std::vector<int32_t> twins;
};

std::shared_ptr<grouping::Rule> make_rule(const LimbArray& limbs, const Floats& reach, const LimbArray& order,
                                          const Bools& patterns, double person_cost, double missing_limb_cost,
                                          double length_tolerance, double height_ratio);
std::unique_ptr<Graph> make_graph(const std::shared_ptr<grouping::Rule>& rule, const Ints& types, const Ints& own,
                                  const Ints& other, const Ints& limb, const Floats& affinity, const Floats& length);
// The links of one image of what the kernels found.
std::unique_ptr<Graph> graph_of(const std::shared_ptr<grouping::Rule>& rule, int64_t image, const OffsetArray& offsets,
                                const FloatArray& xy, const FloatArray& scores, const OffsetArray& pair_offsets,
                                const LimbArray& first, const LimbArray& second, const FloatArray& affinities,
                                double least_typical, double doubt, double clear, double weak_support,
                                double faint_response, double peak_threshold);
std::unique_ptr<Graph> split_graph(const Graph& graph, const Ints& candidates);
// own, other, limb, affinity, length.
py::tuple pairs_of(const Graph& graph);

}  // namespace bottomup
