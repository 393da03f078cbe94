// The steps of the grouping that run over every limb or person, on plain arrays. bottomup/grouping names and orders
// them, says what each is for, and keeps a plain NumPy twin of each; the formulas are in Rule, below, and in
// PersonJointGraph, and nowhere else.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "../kernels.h"
#include "bitset.h"

namespace bottomup::grouping {

// A way for two people to exchange joints, and the limbs that would lose one end to the other person.
struct Pattern {
    int64_t index;                       // in the table of patterns
    std::vector<int32_t> joints, limbs;  // rising
};

// What the skeleton and the settings say; the same for every image.
struct Rule {
    int64_t joints = 0;
    std::vector<std::array<int32_t, 2>> limbs;
    std::vector<double> reach;       // (K, K) farthest distance of two joints as a share of the body's height, or NaN
    std::vector<double> limb_reach;  // (L,) the same of the limbs' ends
    std::vector<std::vector<int32_t>> neighbours;  // of each joint those that a limb joins it to
    Sets beside;                                   // the same as sets
    Sets limbs_at;                                 // of each joint the limbs that end there
    std::vector<int32_t> order;                    // of the sweep
    std::vector<Pattern> patterns;
    std::vector<std::vector<uint64_t>> patterns_with;  // (L,) the patterns in which a limb loses an end, as bits
    double person_cost = 0, missing_limb_cost = 0, length_tolerance = 1, height_ratio = 1;

    int64_t limb_count() const { return int64_t(limbs.size()); }

    // Whether a limb is longer than it should be of somebody of that scale (NaN if unknown), in cells.
    bool is_long(double length, int32_t limb, double scale) const { return length > longest(limb, scale); }
    // What a limb adds to F when such a person holds both ends: affinity times length prior, and what it costs in so far as
    // it is too long to be shown at all, for which there is twice the tolerance.
    double limb_gain(double affinity, double length, int32_t limb, double scale) const {
        if (!is_long(length, limb, scale)) return affinity;
        const double excess = (length / longest(limb, scale) - 1) / (2 * length_tolerance);
        if (excess > 9) return -missing_limb_cost;  // beyond 9 the priors are less than 1e-17
        const double loose = std::exp(-0.5 * excess * excess), prior = loose * loose * loose * loose;
        return affinity * prior - missing_limb_cost * (1 - loose);
    }
    double longest(int32_t limb, double scale) const {
        const double length = scale * limb_reach[size_t(limb)];
        return length < 1 ? 1 : length;
    }

    // What a candidate adds to F by itself: as a person of one joint if that is worth it, else unused.
    double alone(double response) const { return response > person_cost ? response - person_cost : 0; }

    // The weight of an edge: the change of F if a person takes a candidate, whose limbs to it gain that much together.
    double edge_weight(double limb_gains, int64_t expected, int64_t shown, double response) const {
        return limb_gains - missing_limb_cost * double(expected - shown) + (response - alone(response));
    }
};

// A scored pair of candidates: `own` is the joint that the limb leaves; as a link, the one whose link it is.
struct Pair {
    int32_t own, other, limb;
    float affinity, length;
};
using Link = Pair;

// The scored pairs of one image, listed by candidate: those whose limb leaves it first, then those whose limb ends there.
class Links {
   public:
    Links(const Rule& rule, std::vector<int32_t> types, std::vector<Pair> pairs);

    // With twins of some candidates, each at its original's place, after the other candidates and pairs.
    Links split(const Rule& rule, const std::vector<int32_t>& originals) const;

    int64_t candidates() const { return int64_t(types.size()); }
    const Link* begin(int64_t candidate) const { return links.data() + ranges[size_t(candidate)].begin; }
    const Link* middle(int64_t candidate) const { return links.data() + ranges[size_t(candidate)].middle; }
    const Link* end(int64_t candidate) const { return links.data() + ranges[size_t(candidate)].end; }

    const std::vector<int32_t> types;
    const std::vector<Pair> pairs;
    std::vector<std::vector<int32_t>> members;  // candidates of each joint type, rising

   private:
    struct Range {  // of a candidate's links, side by side, since people hold candidates from everywhere
        int32_t begin = 0, middle = 0, end = 0;
    };
    std::vector<Range> ranges;
    std::vector<Link> links;
};

// Some of the people, each once.
struct PersonSet {
    std::vector<char> has;  // of each person
    std::vector<int32_t> members;

    explicit PersonSet(int64_t people = 0) : has(size_t(people)) {}
    bool empty() const { return members.empty(); }
    void add(int64_t person) {
        if (int64_t(has.size()) <= person) has.resize(size_t(person) + 1);
        if (has[size_t(person)]) return;
        has[size_t(person)] = 1;
        members.push_back(int32_t(person));
    }
    void add(const PersonSet& others) {
        for (const int32_t person : others.members) add(person);
    }
    void clear() {
        for (const int32_t person : members) has[size_t(person)] = 0;
        members.clear();
    }
    // That of a person that may have come later.
    bool contains(int64_t person) const { return person < int64_t(has.size()) && has[size_t(person)]; }
};

// Who holds what: owner (n,), slots (P, K) and scales (P,) as in PersonJointGraph. Somebody who holds nothing may be there.
struct State {
    State(int64_t joints, std::vector<int32_t> owner, std::vector<int32_t> slots, std::vector<double> scales);

    int64_t joints;
    std::vector<int32_t> owner, slots;
    std::vector<double> scales;
    Sets held;  // of each person the types

    int64_t people() const { return int64_t(scales.size()); }
    const int32_t* row(int64_t person) const { return slots.data() + person * joints; }
    void hold(int64_t person, int64_t joint, int32_t candidate) {
        owner[size_t(candidate)] = int32_t(person);
        slots[size_t(person * joints + joint)] = candidate;
        held.add(size_t(person), int32_t(joint));
    }
    // Leaves the candidate to whoever takes it next.
    void release(int64_t person, int64_t joint) {
        slots[size_t(person * joints + joint)] = -1;
        held.remove(size_t(person), int32_t(joint));
    }
    int64_t add_person();
    // Lets one person hold all that another holds, with whom it shares no type.
    void absorb(int64_t person, int64_t other);
    // Lets two people exchange what they hold of some types.
    void exchange(int64_t one, int64_t other, const std::vector<int32_t>& types);
    // Lets some people be one: all of those whose `numbers` (P,) are the same, who share no type. Returns who changed.
    PersonSet unite(const int64_t* numbers);
    // Drops the people without anything and returns the numbers of the others, whose order stays.
    std::vector<int64_t> compact();
};

// Edges of the person-joint graph for one joint type, candidate by candidate.
struct Edge {
    double weight;
    int32_t person, candidate;
    int32_t shown;  // limbs that the candidate would have
};

// What bodies look like, lengths in heights of the person; see bottomup/grouping/pose_prior.py. Joints that the model
// does not know are left out, the others are numbered anew.
struct WholeBody {
    static constexpr int32_t kMost = 64;  // known joints, so that a set of them is a word of bits

    // known (K,), mean (K, 2), covariance (2K, 2K), x and y of each joint in turn.
    WholeBody(const std::vector<char>& known, const std::vector<double>& mean, const std::vector<double>& covariance);

    int32_t joints = 0;
    std::vector<int32_t> number;  // (K,) -1 for what the model does not know
    std::vector<double> mean;     // (joints, 2)
    // (joints, 2 joints, 2 joints) for each joint the covariance of the places of all relative to it.
    std::vector<double> relative;
};

// Which fragments may be somebody's, of how many joints at most; the other two as in WholeBody's log_density and Settings.
struct OrphanRule {
    int64_t joints;
    double odds, height_spread;
};

// Settings' sharing_joints, sharing_limit, shared_limb and shared_peak_cost.
struct SharingRule {
    int64_t joints;
    double limit, same_limb, cost;
};

// A candidate that a person may have although somebody else holds it.
struct SharedPeak {
    int32_t person, candidate;
};

// Which of the people and joints are reported, and how; lengths in cells, `stride` in pixels a cell.
struct ResultRule {
    double stride, longest, size_weight, joint_threshold, person_threshold, core_threshold;
    int64_t min_joints;
};

struct Results {
    std::vector<float> keypoints, keypoint_scores, scores;  // (N, K, 2), (N, K), (N,)
    bool right;  // all joints are finite and have a positive score
};

// How far an affinity speaks for a limb; bottomup/grouping/build.py says what each of these is.
struct SupportRule {
    double least_typical, doubt, clear, weak_support, faint_response, peak_threshold;
};

// grouping_build.cpp: the pairs of one image that speak for a limb at all, candidates numbered from the image's first,
// and the affinity that is typical of its true limbs: the median over the pairs that are each other's best on their limb,
// weighted by the lesser response of their two joints; 0 without pairs.
std::vector<Pair> scored_pairs(const CandidateView& candidates, const PairView& pairs, int64_t image,
                               const SupportRule& rule);
double typical_affinity(const CandidateView& candidates, const PairView& pairs, int64_t image);

// grouping_matching.cpp: the one-to-one matching of greatest total weight. What it needs is kept between calls.
class Matcher {
   public:
    // The matching's edges by their index, candidate by candidate, as the edges must be listed. The people are any
    // numbers from 0 to below `people`, weights positive.
    const std::vector<int32_t>& match(const std::vector<Edge>& edges, int64_t people);

   private:
    using Reached = std::pair<double, int32_t>;  // distance, person: ties by index

    void take_best(size_t row);
    void augment(size_t root);
    void relax(size_t row, double length);
    void update_prices(size_t root, double shortest);
    void shift(size_t root, size_t dropped, int32_t person);

    const Edge* edges = nullptr;
    std::vector<size_t> start;  // of each row's edges; a row is a candidate
    std::vector<double> row_price;
    std::vector<int32_t> row_edge;        // by which a row is matched, or -1
    std::vector<double> price, distance;  // of each person
    std::vector<int32_t> row_of;          // the row that a person is matched to, or -1
    std::vector<int32_t> reached_by;      // the edge by which the tree reached a person, or -1
    std::vector<size_t> reached_from;     // the row that this edge leaves
    std::vector<int32_t> seen;            // people that the tree reached
    std::vector<Reached> heap;
    std::vector<int32_t> matched;
};

// grouping_edges.cpp: the edges that pass between people and candidates, whoever holds these. Memory is kept between
// calls.
class EdgeFinder {
   public:
    EdgeFinder(const Rule& rule_, const Links& links_, const double* responses_)
        : rule(rule_), links(links_), responses(responses_) {}

    const std::vector<Edge>& find(const State& state, const std::vector<int32_t>& candidates);

   private:
    struct Held {
        const Link* link;
        int32_t person;
        double gain;
    };

    void weigh_held(const State& state);
    void find_held(const State& state, const std::vector<int32_t>& candidates);

    const Rule& rule;
    const Links& links;
    const double* responses;
    std::vector<Held> held;         // links to what people hold, and what they gain
    std::vector<int32_t> too_long;  // which of these are
    // Of each person the edge that was found last, and of which candidate it is, counted as they were looked at.
    std::vector<std::pair<uint64_t, int32_t>> last_edge;
    uint64_t looked_at = 0;
    std::vector<Edge> found;
};

// grouping_bodies.cpp: for each person the number of the group of pieces that becomes one person.
std::vector<int64_t> attach(const Rule& rule, const WholeBody& body, const State& state, const double* xy,
                            const OrphanRule& orphans);

// grouping_shared.cpp: who may have which candidate of somebody else as well, the best first.
std::vector<SharedPeak> share(const Rule& rule, const Links& links, const State& state, const double* responses,
                              const SharingRule& sharing);

// grouping_settle.cpp: bottomup/grouping/sweep.py's `settle`, all of it.
void settle(const Rule& rule, const Links& links, const double* responses, State& state, int most_sweeps,
            int most_rounds);

// grouping_settle.cpp: bottomup/grouping/sweep.py's `group`, all of it. Returns the candidates of which somebody has a
// twin: these are numbered after all others.
std::vector<int32_t> group(const Rule& rule, const Links& links, const WholeBody& body, const double* responses,
                           const double* xy, State& state, int most_sweeps, int most_rounds, const OrphanRule& orphans,
                           const SharingRule& sharing);

// grouping_results.cpp. `sure` (P,): for whom core_threshold is waived, or null.
Results read_people(const int64_t* slots, int64_t people, int64_t joints, const double* xy, const double* scores,
                    const bool* sure, const ResultRule& rule);

}  // namespace bottomup::grouping
