// How models and graphs are made from what Python hands over, all of which is checked here.
#include "grouping_graph.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "../grouping/build.h"
#include "../grouping/heights.h"
#include "grouping_options.h"

namespace bottomup {

using grouping::Links;
using grouping::Pair;

namespace {

grouping::Pattern pattern_of(const grouping::GroupingModel& model, int64_t index, const bool* exchanged) {
    grouping::Pattern pattern{index, {}, {}};
    for (int32_t joint = 0; joint < int32_t(model.joints); ++joint)
        if (exchanged[joint]) pattern.joints.push_back(joint);
    for (int32_t limb = 0; limb < int32_t(model.limbs.size()); ++limb) {
        const auto& [a, b] = model.limbs[size_t(limb)];
        if (exchanged[a] != exchanged[b]) pattern.limbs.push_back(limb);
    }
    return pattern;
}

grouping::PosePrior make_prior(const py::object& prior) {
    const Bools known = array_of<Bools>(prior, "known");
    const Floats mean = array_of<Floats>(prior, "mean"), covariance = array_of<Floats>(prior, "covariance");
    const int64_t joints = known.size();
    check_shape("known", known, {joints});
    check_shape("mean", mean, {joints, 2});
    check_shape("covariance", covariance, {2 * joints, 2 * joints});
    const std::vector<char> flags(known.data(), known.data() + joints);
    check(std::count(flags.begin(), flags.end(), 1) <= grouping::PosePrior::kMost,
          "known must be true of at most 64 joints");
    return grouping::PosePrior(flags, to_vector(mean), to_vector(covariance));
}

// Places that are not finite would have no square of the grids in which neighbours are sought.
template <class T>
void check_finite(const char* name, const T* values, int64_t count) {
    bool right = true;
    for (int64_t n = 0; n < count; ++n) right &= bool(std::isfinite(values[n]));
    if (!right) throw std::invalid_argument(std::string(name) + " must be finite");
}

void check_model(const PersonJointGraph::Model& model) { check(model != nullptr, "model must be a GroupingModel"); }

std::vector<Pair> pairs_from(const grouping::GroupingModel& model, int64_t candidates, const py::object& from) {
    const Ints own = array_of<Ints>(from, "own"), other = array_of<Ints>(from, "other"), limb = array_of<Ints>(from, "limb");
    const Floats affinity = array_of<Floats>(from, "affinity"), length = array_of<Floats>(from, "length");
    const int64_t pairs = own.size();
    check(candidates < INT32_MAX && pairs < INT32_MAX / 2, "there must be fewer than 2^30 candidates and pairs");
    check_shape("own", own, {pairs});
    check_shape("other", other, {pairs});
    check_shape("limb", limb, {pairs});
    check_shape("affinity", affinity, {pairs});
    check_shape("length", length, {pairs});
    check_range<int64_t>("own", own.data(), pairs, 0, candidates);
    check_range<int64_t>("other", other.data(), pairs, 0, candidates);
    check_range<int64_t>("limb", limb.data(), pairs, 0, model.limb_count());
    std::vector<Pair> all;
    all.reserve(size_t(pairs));
    for (int64_t n = 0; n < pairs; ++n) {
        all.push_back({int32_t(own.data()[n]), int32_t(other.data()[n]), int32_t(limb.data()[n]), float(affinity.data()[n]),
                       float(length.data()[n])});
        check(std::isfinite(all.back().affinity), "affinity must be finite");
    }
    return all;
}

std::vector<int32_t> types_from(const PersonJointGraph::Model& model, const Ints& types) {
    check_model(model);
    check_shape("types", types, {types.size()});
    check_range<int64_t>("types", types.data(), types.size(), 0, model->joints);
    return {types.data(), types.data() + types.size()};
}

}  // namespace

GroupingModel::GroupingModel(const py::object& skeleton, const py::object& prior_, const py::object& grouping_fields,
                             const py::object& fragment_fields, const py::object& sharing_fields)
    : prior(make_prior(prior_)) {
    const auto limb_ends = array_of<LimbArray>(skeleton, "limbs"), joint_order = array_of<LimbArray>(skeleton, "order");
    const auto max_lengths = array_of<Floats>(skeleton, "max_lengths");
    const auto exchanged = array_of<Bools>(skeleton, "patterns");
    check(max_lengths.ndim() == 2 && max_lengths.shape(0) == max_lengths.shape(1), "max_lengths must have shape (K, K)");
    check(limb_ends.ndim() == 2 && limb_ends.shape(1) == 2, "limbs must have shape (L, 2)");
    check(exchanged.ndim() == 2 && exchanged.shape(1) == max_lengths.shape(0), "patterns must have shape (M, K)");
    check(array_of<Bools>(prior_, "known").size() == max_lengths.shape(0), "known must have shape (K,)");
    static_cast<grouping::GroupingOptions&>(*this) = grouping_options(grouping_fields);
    fragments = fragment_options(fragment_fields);
    sharing = sharing_options(sharing_fields);
    check(length_tolerance > 0, "length_tolerance must be positive");
    check(height_ratio >= 1, "height_ratio must be at least 1");
    check(fragments.odds > 0 && fragments.height_spread > 0, "odds and height_spread must be positive");
    joints = max_lengths.shape(0);
    check_range<int32_t>("limbs", limb_ends.data(), limb_ends.size(), 0, int32_t(joints));
    check_range<int32_t>("order", joint_order.data(), joint_order.size(), 0, int32_t(joints));
    order = to_vector(joint_order);
    neighbours.resize(size_t(joints));
    beside = grouping::BitSets(joints, joints), limbs_at = grouping::BitSets(limb_ends.shape(0), joints);
    for (py::ssize_t n = 0; n < limb_ends.shape(0); ++n) {
        const int32_t a = limb_ends.at(n, 0), b = limb_ends.at(n, 1);
        limbs.push_back({a, b});
        max_limb_length.push_back(max_lengths.at(a, b));
        neighbours[size_t(a)].push_back(b), neighbours[size_t(b)].push_back(a);
        beside.add(size_t(a), b), beside.add(size_t(b), a);
        limbs_at.add(size_t(a), int32_t(n)), limbs_at.add(size_t(b), int32_t(n));
    }
    for (py::ssize_t n = 0; n < exchanged.shape(0); ++n) patterns.push_back(pattern_of(*this, n, exchanged.data(n, 0)));
    patterns_with.assign(limbs.size(), std::vector<uint64_t>((patterns.size() + 63) / 64));
    for (const grouping::Pattern& pattern : patterns)
        for (const int32_t limb : pattern.limbs)
            patterns_with[size_t(limb)][size_t(pattern.index / 64)] |= uint64_t(1) << (pattern.index % 64);
}

PersonJointGraph::PersonJointGraph(Model model, std::vector<int32_t> types, std::vector<double> xy,
                                   std::vector<double> responses, std::vector<Pair> pairs)
    : model_(std::move(model)), types_(std::move(types)), first_duplicate_(int64_t(types_.size())), xy_(std::move(xy)),
      responses_(std::move(responses)), scores_(responses_), state_(model_->joints, std::vector<int32_t>(types_.size(), -1), {}, {}),
      links_(std::make_shared<Links>(*model_, types_, std::move(pairs))) {}

PersonJointGraph::PersonJointGraph(Model model, const Ints& types, const Floats& xy, const Floats& responses,
                                   const py::object& pairs)
    : PersonJointGraph(model, types_from(model, types), to_vector(xy), to_vector(responses),
                       pairs_from(*model, types.size(), pairs)) {
    check_shape("xy", xy, {types.size(), 2});
    check_shape("responses", responses, {types.size()});
    check_finite("xy", xy.data(), xy.size());
    check_finite("responses", responses.data(), responses.size());
}

PersonJointGraph PersonJointGraph::of_image(Model model, int64_t image, const py::object& candidates,
                                            const py::object& pairs, double peak_threshold, double typical_affinity) {
    check_model(model);
    check(typical_affinity > 0 && std::isfinite(typical_affinity), "typical_affinity must be positive and finite");
    const CandidateArrays found(candidates);
    const PairArrays links(pairs);
    check(found.joints == model->joints, "candidates must be of the model's joints");
    const FoundCall call(found, links, model->limb_count());
    call.check_image(image);
    const py::gil_scoped_release release;
    const int64_t* range = call.candidates.offsets + image * model->joints;
    const int64_t begin = range[0], end = range[model->joints];
    const float *xy = call.candidates.xy, *scores = call.candidates.scores;
    check_finite("xy", xy + 2 * begin, 2 * (end - begin));
    check_finite("scores", scores + begin, end - begin);
    std::vector<int32_t> types;
    types.reserve(size_t(end - begin));
    for (int64_t joint = 0; joint < model->joints; ++joint)
        types.insert(types.end(), size_t(range[joint + 1] - range[joint]), int32_t(joint));
    return PersonJointGraph(
        model, std::move(types), {xy + 2 * begin, xy + 2 * end}, {scores + begin, scores + end},
        grouping::scored_pairs(*model, call.candidates, call.pairs, image, peak_threshold, typical_affinity));
}

const Links& PersonJointGraph::links() const {
    if (duplicated_.empty()) return *links_;
    if (!all_links_) all_links_ = std::make_shared<Links>(links_->duplicate(*model_, duplicated_));
    return *all_links_;
}

py::array PersonJointGraph::person_of() const {
    return to_numpy(std::vector<int64_t>(state_.person_of.begin(), state_.person_of.end()));
}

py::array PersonJointGraph::members() const {
    const std::vector<py::ssize_t> shape{py::ssize_t(state_.people()), py::ssize_t(state_.joints)};
    return to_numpy(std::vector<int64_t>(state_.members.begin(), state_.members.end())).reshape(shape);
}

py::tuple PersonJointGraph::pairs() const {
    const std::vector<Pair>& all = links().pairs;
    const auto count = py::ssize_t(all.size());
    py::array_t<int64_t> own{count}, other{count}, limb{count};
    py::array_t<double> affinity{count}, length{count};
    for (py::ssize_t n = 0; n < count; ++n) {
        const Pair& pair = all[size_t(n)];
        own.mutable_data()[n] = pair.own, other.mutable_data()[n] = pair.other, limb.mutable_data()[n] = pair.limb;
        affinity.mutable_data()[n] = pair.affinity, length.mutable_data()[n] = pair.length;
    }
    return py::make_tuple(own, other, limb, affinity, length);
}

void PersonJointGraph::check_candidates(const char* name, const Ints& candidates) const {
    check_shape(name, candidates, {candidates.size()});
    check_range<int64_t>(name, candidates.data(), candidates.size(), 0, int64_t(types_.size()));
}

void PersonJointGraph::set_state(const Ints& person_of, const Ints& members, const Floats& heights) {
    const int64_t people = members.ndim() == 2 ? members.shape(0) : 0, candidates = int64_t(types_.size());
    check_shape("person_of", person_of, {candidates});
    check_shape("members", members, {people, model_->joints});
    check_shape("heights", heights, {people});
    check_range<int64_t>("person_of", person_of.data(), candidates, -1, people);
    check_range<int64_t>("members", members.data(), members.size(), -1, candidates);
    std::vector<int64_t> expected(size_t(candidates), -1);
    for (int64_t n = 0; n < members.size(); ++n) {
        const int64_t candidate = members.data()[n];
        if (candidate < 0) continue;
        check(types_[size_t(candidate)] == n % model_->joints, "members must be candidates of the types of their columns");
        check(expected[size_t(candidate)] < 0, "members must have each candidate once");
        expected[size_t(candidate)] = n / model_->joints;
    }
    check(std::equal(expected.begin(), expected.end(), person_of.data()), "person_of must say the same as members");
    state_ = {model_->joints,
              {expected.begin(), expected.end()},
              {members.data(), members.data() + members.size()},
              to_vector(heights)};
}

void PersonJointGraph::duplicate(const Ints& candidates) {
    check_candidates("candidates", candidates);
    const std::vector<int32_t> originals(candidates.data(), candidates.data() + candidates.size());
    state_.person_of.resize(types_.size() + originals.size(), -1);
    add_duplicates(originals);
}

// After their places in the state were made.
void PersonJointGraph::add_duplicates(const std::vector<int32_t>& originals) {
    if (originals.empty()) return;
    if (!duplicated_.empty()) links_ = std::make_shared<Links>(links());  // duplicates of these, too
    duplicated_ = originals, all_links_.reset();
    for (const int32_t original : originals) {
        const auto from = size_t(original);
        types_.push_back(types_[from]);
        xy_.push_back(xy_[2 * from]), xy_.push_back(xy_[2 * from + 1]);
        scores_.push_back(scores_[from] * model_->sharing.score_factor);
        responses_.push_back(responses_[from] - model_->sharing.peak_cost);
    }
}

}  // namespace bottomup
