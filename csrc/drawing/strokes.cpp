// The strokes that show people. bottomup/drawing/strokes.py explains them.
#include "strokes.h"

#include <algorithm>
#include <memory>

namespace bottomup::drawing {
namespace {

constexpr int32_t kSides = 3, kLeft = 0, kRight = 1, kMiddle = 2;

struct Limb {
    const double *from, *to;
    double weaker;
    int32_t side;
    bool has_cap;  // limbs end in the dots of their joints, but for the neck, which has none
};

struct Shape {
    double ends[4], casing_radius, radius, light_radius, casing_opacity, opacity;
    int32_t side;
};

int32_t side_of_limb(int32_t one, int32_t other) {
    if ((one == kLeft && other == kRight) || (one == kRight && other == kLeft)) return kMiddle;
    return one == kMiddle ? other : one;
}

class Maker {
   public:
    Maker(const Poses& poses, const LimbChoice& choice, const StrokeOptions& options)
        : poses_(poses), choice_(choice), options_(options) {}

    // The shapes of a person from the lowest to the uppermost: limbs from faint to opaque, so that where they overlap the
    // opaque one decides, their caps, dots.
    const std::vector<Shape>& shapes(int64_t person, const bool* taken) {
        find_limbs(person, taken);
        shapes_.clear();
        const double width = poses_.widths[person], border = std::max(options_.min_casing, options_.casing_width * width);
        for (const bool is_cap : {false, true}) {
            for (const Limb& limb : limbs_) {
                if (is_cap && !limb.has_cap) continue;
                const double* from = is_cap ? neck(person) : limb.from;
                const double* to = is_cap ? neck(person) : limb.to;
                const double opacity = options_.min_limb_opacity + (1 - options_.min_limb_opacity) * limb.weaker;
                shapes_.push_back({{from[0], from[1], to[0], to[1]}, width / 2 + border, width / 2, 0,
                                   options_.casing_opacity * opacity, opacity, limb.side});
            }
        }
        for (int64_t joint = 0; joint < poses_.dots; ++joint) {
            const double strength = poses_.strength[person * poses_.joints + joint], *at = point(person, joint);
            if (!(strength > 0)) continue;
            const double radius = width * (options_.min_dot_radius + (1 - options_.min_dot_radius) * strength);
            const double light = poses_.traced[person * poses_.dots + joint] ? 0 : options_.light_radius * radius;
            shapes_.push_back({{at[0], at[1], at[0], at[1]}, radius + border, radius, light, options_.casing_opacity, 1, side(joint)});
        }
        return shapes_;
    }

   private:
    const double* point(int64_t person, int64_t joint) const { return poses_.points + 2 * (person * poses_.joints + joint); }
    const double* neck(int64_t person) const { return point(person, poses_.joints - 1); }
    int32_t side(int64_t joint) const { return poses_.sides ? poses_.sides[joint] : kMiddle; }

    void find_limbs(int64_t person, const bool* taken) {
        limbs_.clear();
        const double* strength = poses_.strength + person * poses_.joints;
        for (int64_t limb = 0; limb < choice_.limbs; ++limb) {
            if (!taken[person * choice_.limbs + limb]) continue;
            const int64_t a = choice_.ends[2 * limb], b = choice_.ends[2 * limb + 1];
            limbs_.push_back({point(person, a), point(person, b), std::min(strength[a], strength[b]),
                              side_of_limb(side(a), side(b)), a >= poses_.dots || b >= poses_.dots});
        }
        std::stable_sort(limbs_.begin(), limbs_.end(), [](const Limb& a, const Limb& b) { return a.weaker < b.weaker; });
    }

    const Poses& poses_;
    const LimbChoice& choice_;
    const StrokeOptions& options_;
    std::vector<Limb> limbs_;
    std::vector<Shape> shapes_;
};

void add(StrokeLists& to, int64_t layer, const Shape& shape, double light_radius, double casing_opacity, double opacity) {
    to.layers.push_back(layer);
    for (const double end : shape.ends) to.ends.push_back(float(end));
    for (const double radius : {shape.casing_radius, shape.radius, light_radius}) to.radii.push_back(float(radius));
    to.opacities.push_back(float(casing_opacity)), to.opacities.push_back(float(opacity));
}

}  // namespace

StrokeLists pose_strokes(const Poses& poses, const LimbChoice& choice, const StrokeOptions& options) {
    const auto seen = std::make_unique<bool[]>(size_t(poses.people * poses.joints));
    const auto taken = std::make_unique<bool[]>(size_t(poses.people * choice.limbs));
    for (int64_t i = 0; i < poses.people * poses.joints; ++i) seen[size_t(i)] = poses.strength[i] > 0;
    choose_limbs(choice, poses.points, seen.get(), taken.get());
    StrokeLists lists;
    Maker maker(poses, choice, options);
    for (int64_t person = 0; person < poses.people; ++person) {
        const std::vector<Shape>& shapes = maker.shapes(person, taken.get());
        if (poses.sides == nullptr) {
            for (const Shape& shape : shapes)
                add(lists, person, shape, shape.light_radius, shape.casing_opacity, shape.opacity);
            continue;
        }
        // Casings alone in the lowest layer, and the rest in the layer of its side.
        for (const Shape& shape : shapes) add(lists, (1 + kSides) * person, shape, 0, shape.casing_opacity, 0);
        for (int32_t side = 0; side < kSides; ++side)
            for (const Shape& shape : shapes)
                if (shape.side == side) add(lists, (1 + kSides) * person + 1 + side, shape, shape.light_radius, 0, shape.opacity);
    }
    return lists;
}

}  // namespace bottomup::drawing
