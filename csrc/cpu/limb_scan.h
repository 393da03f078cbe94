// The candidate pairs of one limb in one image: which of them are scored in a ring, and their scores.
#pragma once

#include "../kernels.h"
#include "../reach.h"
#include "neighbours.h"
#include "vectors.h"

namespace bottomup::cpu {

// What is kept of a limb from ring to ring.
struct Limb {
    int64_t image, limb;      // of the skeleton
    int64_t a0, a1, b0, b1;   // numbers of the candidates of the joint that it leaves and of the one it reaches
    size_t ends = 0;          // place of its candidates' ends among those of all limbs: first of all a, then of all b
    std::vector<int32_t> first{}, second{};  // pairs that pass
    std::vector<float> score{};
    bool non_finite = false;
    std::vector<float> x{}, y{};  // its channels, where they do not lie in memory as rows of floats
    std::vector<int32_t> map{};   // of the directions that its field shows
    bool mapped = false, tried = false;

    size_t first_end(int64_t candidate) const { return ends + size_t(candidate - a0); }
    size_t second_end(int64_t candidate) const { return ends + size_t(a1 - a0) + size_t(candidate - b0); }
};

// What the limbs of all images share.
struct Crowd {
    const FieldView& pafs;
    const float *xy, *scores;
    LimbRule rule;
    std::vector<float> near{}, reach{};  // of each end; see reach.h
};

struct Scratch {
    std::vector<int32_t> hits, first, second;
    std::vector<int32_t> limited[2], unlimited[2];  // candidates of either joint, by whether their reach has a limit
    std::vector<uint8_t> flags;
    PairLanes lanes;
};

template <class T>
class LimbScan {
public:
    LimbScan(Crowd& crowd, Limb& limb, Scratch& scratch)
        : crowd_(crowd), limb_(limb), scratch_(scratch), plane_x_(crowd.pafs, limb.image, 2 * limb.limb),
          plane_y_(crowd.pafs, limb.image, 2 * limb.limb + 1), height_(crowd.pafs.height), width_(crowd.pafs.width) {}

    void run(const Ring& ring, const Neighbours& from, const Neighbours& to);

private:
    void seek(const Ring& ring, const Neighbours& from, const Neighbours& to);
    void seek_from(bool second, const std::vector<int32_t>& candidates, float nearer, float farther, const Ring& ring,
                   const Neighbours& others);
    float reach(bool second, int32_t candidate) const {
        return crowd_.reach[second ? limb_.second_end(candidate) : limb_.first_end(candidate)];
    }
    void take_planes();
    void widen(const Plane<T>& plane, std::vector<float>& to) const;
    bool make_map();
    void rule_out();
    void score();
    void score_one(int64_t i, int64_t j);
    void accept(int32_t i, int32_t j, float score);
    int fill_lanes(size_t begin);

    Crowd& crowd_;
    Limb& limb_;
    Scratch& scratch_;
    const Plane<T> plane_x_, plane_y_;
    const int64_t height_, width_;
    LimbPlanes planes_{};
    const VectorLoops& loops_ = vector_loops();
};

extern template class LimbScan<float>;
extern template class LimbScan<Half>;
extern template class LimbScan<BFloat16>;

}  // namespace bottomup::cpu
