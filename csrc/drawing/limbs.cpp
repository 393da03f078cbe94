// Which limbs of a pose to draw. bottomup/drawing/limbs.py explains it.
#include "limbs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace bottomup::drawing {
namespace {

constexpr double kNone = std::numeric_limits<double>::infinity();

struct Limb {
    int32_t turn;
    double length;
    int64_t number;
    bool operator<(const Limb& other) const {
        if (turn != other.turn) return turn < other.turn;
        return length != other.length ? length < other.length : number < other.number;
    }
};

// The shortest ways (K, K) once there is a limb between joints that none led to: only those across it are new.
void join(std::vector<double>& ways, int64_t joints, int64_t a, int64_t b, double length, std::vector<int64_t>& beyond) {
    beyond.clear();
    for (int64_t to = 0; to < joints; ++to)
        if (ways[size_t(b * joints + to)] != kNone) beyond.push_back(to);
    for (int64_t from = 0; from < joints; ++from) {
        const double to_a = ways[size_t(from * joints + a)] + length;
        if (to_a == kNone || ways[size_t(from * joints + b)] != kNone) continue;
        for (const int64_t to : beyond)
            ways[size_t(from * joints + to)] = ways[size_t(to * joints + from)] = to_a + ways[size_t(b * joints + to)];
    }
}

// The same once there is one more between joints that are joined.
void shorten(std::vector<double>& ways, int64_t joints, int64_t a, int64_t b, double length) {
    for (int64_t from = 0; from < joints; ++from) {
        const double to_a = ways[size_t(from * joints + a)] + length, to_b = ways[size_t(from * joints + b)] + length;
        if (to_a == kNone && to_b == kNone) continue;
        for (int64_t to = 0; to < joints; ++to) {
            const double through = std::min(to_a + ways[size_t(b * joints + to)], to_b + ways[size_t(a * joints + to)]);
            double& known = ways[size_t(from * joints + to)];
            known = std::min(known, through);
        }
    }
}

}  // namespace

void choose_limbs(const LimbChoice& choice, const double* points, const bool* seen, bool* taken) {
    const int64_t joints = choice.joints;
    std::vector<Limb> limbs;
    std::vector<double> ways(size_t(joints * joints));
    std::vector<int64_t> beyond;
    for (int64_t person = 0; person < choice.people; ++person) {
        const double* own = points + 2 * person * joints;
        limbs.clear();
        for (int64_t limb = 0; limb < choice.limbs; ++limb) {
            const int64_t a = choice.ends[2 * limb], b = choice.ends[2 * limb + 1];
            if (!seen[person * joints + a] || !seen[person * joints + b]) continue;
            const double dx = own[2 * a] - own[2 * b], dy = own[2 * a + 1] - own[2 * b + 1];
            limbs.push_back({choice.turns[limb], std::sqrt(dx * dx + dy * dy), limb});
        }
        std::sort(limbs.begin(), limbs.end());
        std::fill(ways.begin(), ways.end(), kNone);
        for (int64_t joint = 0; joint < joints; ++joint) ways[size_t(joint * joints + joint)] = 0;
        for (const Limb& limb : limbs) {
            const int64_t a = choice.ends[2 * limb.number], b = choice.ends[2 * limb.number + 1];
            const double known = ways[size_t(a * joints + b)];
            if (!(known > choice.detour * limb.length) || (limb.turn == choice.bridge && known != kNone)) continue;
            taken[person * choice.limbs + limb.number] = true;
            known == kNone ? join(ways, joints, a, b, limb.length, beyond) : shorten(ways, joints, a, b, limb.length);
        }
    }
}

}  // namespace bottomup::drawing
