// GroupingModel and PersonJointGraph of bottomup._C, and how they are made.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "../grouping/links.h"
#include "../grouping/model.h"
#include "../grouping/pose_prior.h"
#include "../grouping/state.h"
#include "grouping_inputs.h"

namespace bottomup {

// What a skeleton and the options mean for the grouping.
struct GroupingModel : grouping::GroupingModel {
    // From `SkeletonArrays` of bottomup/grouping/model.py, `PosePrior` of bottomup/grouping/pose_prior.py, and options.
    GroupingModel(const py::object& skeleton, const py::object& prior, const py::object& grouping_options,
                  const py::object& fragment_options, const py::object& sharing_options);

    grouping::PosePrior prior;
};

// Candidates of one image, their links, and the assignment state: which person has which candidate.
class PersonJointGraph {
   public:
    using Model = std::shared_ptr<const GroupingModel>;

    // `pairs` are `Pairs` of bottomup/grouping/edges.py.
    PersonJointGraph(Model model, const Ints& types, const Floats& xy, const Floats& responses, const py::object& pairs);
    // The graph of one image of what the kernels found.
    static PersonJointGraph of_image(Model model, int64_t image, const py::object& candidates, const py::object& pairs,
                                     double peak_threshold, double typical_affinity);

    py::array types() const { return to_numpy(std::vector<int64_t>(types_.begin(), types_.end())); }
    py::array xy() const { return to_numpy(std::vector<double>(xy_), 2); }
    py::array responses() const { return to_numpy(std::vector<double>(responses_)); }
    py::array scores() const { return to_numpy(std::vector<double>(scores_)); }
    py::array person_of() const;
    py::array members() const;
    py::array heights() const { return to_numpy(std::vector<double>(state_.heights)); }
    int64_t people() const { return state_.people(); }
    py::tuple pairs() const;  // own, other, limb, affinity, length

    void set_state(const Ints& person_of, const Ints& members, const Floats& heights);
    void assign(int64_t joint, const Ints& person, const Ints& candidate);
    void merge_people(int64_t person, int64_t other);
    void add_person(const Ints& candidates);
    void compact() { state_.compact(); }
    void measure();
    void duplicate(const Ints& candidates);

    py::tuple edges(int64_t joint) const;
    double objective() const;
    void optimize();
    void attach_fragments();
    void share_peaks();
    void group();

    py::tuple read_people(const std::optional<Bools>& sure, double stride, double longest, double joint_threshold,
                          double person_threshold, double peak_threshold, int64_t min_joints,
                          const py::object& options) const;

   private:
    PersonJointGraph(Model model, std::vector<int32_t> types, std::vector<double> xy, std::vector<double> responses,
                     std::vector<grouping::Pair> pairs);

    const grouping::Links& links() const;
    void check_candidates(const char* name, const Ints& candidates) const;
    void add_duplicates(const std::vector<int32_t>& originals);

    Model model_;
    std::vector<int32_t> types_;                   // (n,)
    int64_t first_duplicate_;                      // duplicates come last
    std::vector<double> xy_, responses_, scores_;  // (n, 2), (n,), (n,)
    grouping::State state_;
    // Those of candidates without duplicates; links with them are made when they are asked for, mostly never.
    std::shared_ptr<const grouping::Links> links_;
    std::vector<int32_t> duplicated_;
    mutable std::shared_ptr<const grouping::Links> all_links_;
};

}  // namespace bottomup
