// The steps of the grouping that run over every limb or person, on plain arrays. bottomup/grouping names and orders
// them, says what each is for, and keeps a plain NumPy twin of each; the formulas are in Rule, below, and in
// PersonJointGraph, and nowhere else.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace bottomup::grouping {

// A way for two people to exchange joints: the limbs that would lose one end to the other person.
struct Pattern {
    int64_t index;               // in the table of patterns
    std::vector<int32_t> limbs;  // rising
    uint64_t bits;               // of those limbs, modulo 64: a quick way to see that none of some limbs is among them
};

// What the skeleton and the settings say; the same for every image.
struct Rule {
    int64_t joints = 0;
    std::vector<std::array<int32_t, 2>> limbs;
    std::vector<double> reach;       // (K, K) farthest distance of two joints as a share of the body's height, or NaN
    std::vector<double> limb_reach;  // (L,) the same of the limbs' ends
    std::vector<std::vector<int32_t>> neighbours;  // of each joint those that a limb joins it to
    std::vector<int32_t> order;                    // of the sweep
    std::vector<Pattern> patterns;
    double person_cost = 0, missing_limb_cost = 0, length_tolerance = 1;

    int64_t limb_count() const { return int64_t(limbs.size()); }

    // What a limb adds to F when somebody of that scale (NaN if unknown) holds both ends: affinity times length prior.
    double limb_gain(double affinity, double length, int32_t limb, double scale) const {
        double longest = scale * limb_reach[size_t(limb)];
        if (longest < 1) longest = 1;
        if (!(length > longest)) return affinity;
        const double excess = (length / longest - 1) / length_tolerance;
        return excess > 9 ? 0 : affinity * std::exp(-0.5 * excess * excess);  // beyond 9 it is less than 1e-17
    }

    // What a candidate adds to F by itself: as a person of one joint if that is worth it, else unused.
    double alone(double response) const { return response > person_cost ? response - person_cost : 0; }

    // The weight of an edge: the change of F if a person takes a candidate, whose limbs to it gain that much together.
    double edge_weight(double limb_gains, int64_t expected, int64_t shown, double response) const {
        return limb_gains - missing_limb_cost * double(expected - shown) + (response - alone(response));
    }
};

struct Link {
    int32_t other, limb;
    double affinity, length;
};

// The scored pairs of one image, listed by candidate: those whose limb leaves it first, then those whose limb ends there.
class Links {
   public:
    Links(const Rule& rule, std::vector<int32_t> types, int64_t pairs, const int64_t* own, const int64_t* other,
          const int64_t* limb, const double* affinity, const double* length);

    int64_t candidates() const { return int64_t(types.size()); }
    const Link* begin(int64_t candidate) const { return links.data() + start[size_t(candidate)]; }
    const Link* middle(int64_t candidate) const { return links.data() + outward_end[size_t(candidate)]; }
    const Link* end(int64_t candidate) const { return links.data() + start[size_t(candidate) + 1]; }

    std::vector<int32_t> types;
    std::vector<std::vector<int32_t>> members;  // candidates of each joint type, rising

   private:
    std::vector<int64_t> start, outward_end;
    std::vector<Link> links;
};

// Who holds what: owner (n,), slots (P, K) and scales (P,) as in PersonJointGraph; responses (n,) or null.
struct View {
    const int64_t* owner;
    const int64_t* slots;
    const double* scales;
    const double* responses;
    int64_t people;
};

struct State {
    std::vector<int64_t> owner, slots;
    std::vector<double> scales;

    int64_t people() const { return int64_t(scales.size()); }
    View view(const double* responses) const {
        return {owner.data(), slots.data(), scales.data(), responses, people()};
    }
};

struct Edges {
    std::vector<int64_t> person, candidate;
    std::vector<double> weight;

    void clear() { person.clear(), candidate.clear(), weight.clear(); }
    void add(const Edges& from, size_t edge) {
        person.push_back(from.person[edge]), candidate.push_back(from.candidate[edge]);
        weight.push_back(from.weight[edge]);
    }
};

// Two people who had better merge or exchange joints by a pattern, or a fragment and its host.
struct Couple {
    int64_t first, second, pattern;
    double gain;
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

// grouping_links.cpp. `which` (P,): whose heights to measure; the others keep theirs.
std::vector<double> measure(const Rule& rule, const Links& links, const View& view, const bool* which);
double objective(const Rule& rule, const Links& links, const View& view);
// The median of the affinities of pairs that are each other's best on their limb, weighted by the lesser response of
// their two joints; 0 without pairs. The pairs of a limb follow each other.
double typical_affinity(int64_t pairs, const int64_t* first, const int64_t* second, const int64_t* limb,
                        const double* affinity, int64_t candidates, const double* responses);

// grouping_matching.cpp: the one-to-one matching of greatest total weight. What it needs is kept between calls.
class Matcher {
   public:
    // The matching's edges by their index, candidate by candidate, as the edges must be listed. The people are any
    // numbers from 0 to below `people`, weights positive.
    const std::vector<int64_t>& match(const Edges& edges, int64_t people);

   private:
    using Reached = std::pair<double, int64_t>;  // distance, person: ties by index

    void take_best(size_t row);
    void augment(size_t root);
    void relax(size_t row, double length);
    void update_prices(size_t root, double shortest);
    void shift(size_t root, size_t dropped, int64_t person);

    const Edges* edges = nullptr;
    std::vector<size_t> start;  // of each row's edges; a row is a candidate
    std::vector<double> row_price;
    std::vector<int64_t> row_edge;       // by which a row is matched, or -1
    std::vector<double> price, distance;  // of each person
    std::vector<int64_t> row_of;          // the row that a person is matched to, or -1
    std::vector<int64_t> reached_by;      // the edge by which the tree reached a person, or -1
    std::vector<size_t> reached_from;     // the row that this edge leaves
    std::vector<int64_t> seen;            // people that the tree reached
    std::vector<Reached> heap;
    std::vector<int64_t> matched;
};

// grouping_sweep.cpp. `changed` (P,): who changed since the last sweep began, or null for everything anew. Of the people
// that there are then, `kept` tells the number that they had, -1 if none, and `moved` who holds anything else than before.
Edges edges(const Rule& rule, const Links& links, const View& view, int64_t joint);
void sweep(const Rule& rule, const Links& links, const double* responses, State& state, const bool* changed,
           std::vector<int64_t>& kept, std::vector<char>& moved);
std::vector<int64_t> shareable(const Rule& rule, const Links& links, const View& view, int64_t sharing_joints,
                               double cost);

// grouping_couples.cpp: who merges and who is taken in, the best first, each person at most once. `touched` (P,): two
// people neither of whom is are left out.
std::vector<Couple> mergers(const Rule& rule, const Links& links, const View& view, const bool* touched);
std::vector<Couple> hosts(const Rule& rule, const View& view, const double* xy, int64_t orphan_joints, double stretch);
std::vector<Couple> each_once(std::vector<Couple>&& couples, int64_t people);

// grouping_results.cpp. `sure` (P,): for whom core_threshold is waived, or null.
Results read_people(const int64_t* slots, int64_t people, int64_t joints, const double* xy, const double* scores,
                    const bool* sure, const ResultRule& rule);

// grouping_exchange.cpp: who exchanges what, likewise.
std::vector<Couple> exchanges(const Rule& rule, const Links& links, const View& view, const bool* touched);

}  // namespace bottomup::grouping
