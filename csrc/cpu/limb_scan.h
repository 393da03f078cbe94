// The candidate pairs of one limb in one image: which of them are scored in a ring, and their scores.
#pragma once

#include <memory>

#include "../kernels.h"
#include "../search_radius.h"
#include "neighbours.h"
#include "simd/vectors.h"

namespace bottomup::cpu {

// What is kept of a limb from ring to ring.
struct Limb {
    int64_t image, limb;  // of the skeleton
    const Neighbours *from, *to;  // candidates of the joint that it leaves and of the one it reaches
    size_t ends = 0;  // place of its candidates' ends among those of all limbs: first those that it leaves, in their order
    std::vector<int32_t> first{}, second{};  // pairs that pass, by the candidates' numbers
    std::vector<float> score{};
    bool non_finite = false;
    std::vector<float> x{}, y{};  // its channels, where they do not lie in memory as rows of floats
    bool mapped = false, tried = false;

    const Neighbours& side(bool second) const { return second ? *to : *from; }
    size_t end(bool second, int64_t place) const { return ends + size_t(second ? from->size() + place : place); }
};

// What the limbs of all images share.
struct Crowd {
    const FieldView& pafs;
    const float* scores;
    LimbCriteria criteria;
    std::vector<float> near{}, reach{};  // of each end; see search_radius.h. `reach` has room for 2 kLanes more
    // Of the directions that the limbs' fields show, one after another. Not all of it may ever be written.
    std::unique_ptr<uint8_t[]> maps{};
};

// The pairs that are looked at together; later only those that pass.
class PairList {
   public:
    int64_t count = 0;

    int64_t room() const { return room_; }
    PairColumns columns() const;

    // Makes room for at least so many. What was in the list is lost.
    void make_room(int64_t pairs);

   private:
    int64_t room_ = 0;
    std::unique_ptr<int32_t[]> places_{};  // not all of which may ever be written
    std::unique_ptr<float[]> values_{};
};

struct Scratch {
    PairList pairs;
    std::vector<uint8_t> flags;
    std::vector<float> squares[2][2];  // of the reaches of the ends that a limb leaves and of those that it reaches
};

template <class T>
class LimbScan {
   public:
    LimbScan(Crowd& crowd, Limb& limb, Scratch& scratch)
        : crowd_(crowd), limb_(limb), scratch_(scratch), plane_x_(crowd.pafs, limb.image, 2 * limb.limb),
          plane_y_(crowd.pafs, limb.image, 2 * limb.limb + 1), height_(crowd.pafs.height), width_(crowd.pafs.width) {}

    void run(const Ring& ring);

   private:
    Points points(bool second);
    void look_at(const Ring& ring);
    void take_planes();
    void widen(const Plane<T>& plane, std::vector<float>& to) const;
    bool make_map();
    uint8_t* map() const {
        return crowd_.maps.get() + (limb_.image * crowd_.pafs.channels / 2 + limb_.limb) * height_ * width_;
    }
    void score(const Ring& ring);
    void score_one_by_one();
    void accept();

    Crowd& crowd_;
    Limb& limb_;
    Scratch& scratch_;
    const Plane<T> plane_x_, plane_y_;
    const int64_t height_, width_;
    LimbPlanes planes_{};
    int64_t sought_ = 0;  // pairs of the ring, so far
    const VectorLoops& loops_ = vector_loops();
};

extern template class LimbScan<float>;
extern template class LimbScan<Half>;
extern template class LimbScan<BFloat16>;

}  // namespace bottomup::cpu
