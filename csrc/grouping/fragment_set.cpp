#include "fragment_set.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bottomup::grouping {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// In noise nearly all is fragments, and each has thousands of others near it. Nothing can be said of what belongs together
// then, so where there are more than this on average the fragments stay as they are, and time grows with their number.
constexpr size_t kMostNear = 256;

// Squares, at most so many along each side, with the numbers of what lies in them.
class Grid {
   public:
    // Over the boxes of some fragments, of squares at least so wide.
    Grid(const std::vector<Fragment>& fragments, double least) {
        std::array<double, 2> high{-kInfinity, -kInfinity};
        low = {kInfinity, kInfinity};
        for (const Fragment& fragment : fragments) {
            if (!fragment.small) continue;
            for (size_t axis = 0; axis < 2; ++axis) {
                low[axis] = std::min(low[axis], fragment.low[axis]), high[axis] = std::max(high[axis], fragment.high[axis]);
            }
        }
        side = std::max({least, (high[0] - low[0]) / kMostSquares, (high[1] - low[1]) / kMostSquares});
        for (size_t axis = 0; axis < 2; ++axis) counts[axis] = 1 + int64_t((high[axis] - low[axis]) / side);
    }

    size_t squares() const { return size_t(counts[0] * counts[1]); }

    // Calls `visit(first, last)` for each row of those that a fragment's box, wider by a margin to each side, touches.
    template <class Visit>
    void visit(const Fragment& fragment, double margin, Visit visit) const {
        int64_t from[2], to[2];
        for (size_t axis = 0; axis < 2; ++axis) {
            const auto square = [&](double at) {  // clamped first: a far number may be too large for an integer
                return int64_t(std::clamp(std::floor((at - low[axis]) / side), -1.0, double(counts[axis])));
            };
            from[axis] = std::max<int64_t>(square(fragment.low[axis] - margin), 0);
            to[axis] = std::min(square(fragment.high[axis] + margin), counts[axis] - 1);
        }
        if (from[0] > to[0]) return;
        for (int64_t y = from[1]; y <= to[1]; ++y) visit(size_t(y * counts[0] + from[0]), size_t(y * counts[0] + to[0]));
    }

   private:
    static constexpr double kMostSquares = 64;

    std::array<double, 2> low;
    std::array<int64_t, 2> counts{};
    double side;
};

// What it takes to tell whether a fragment is near, side by side.
struct Reach {
    std::array<double, 2> low, high;
    double height;
    int32_t fragment;

    bool is_near(const Fragment& other) const {
        double square = 0;
        for (size_t axis = 0; axis < 2; ++axis) {
            const double gap = std::max(low[axis] - other.high[axis], other.low[axis] - high[axis]);
            const double apart = (gap + std::fabs(gap)) / 2;  // 0 if they overlap, without a branch
            square += apart * apart;
        }
        const double reach = std::max(height, other.height);
        return square <= reach * reach;
    }
};

}  // namespace

void CsrLists::assign(size_t lists, const std::vector<std::pair<int32_t, int32_t>>& pairs) {
    start.assign(lists + 1, 0), numbers.resize(pairs.size());
    for (const auto& pair : pairs) ++start[size_t(pair.first) + 1];
    for (size_t list = 0; list < lists; ++list) start[list + 1] += start[list];
    for (const auto& [list, number] : pairs) numbers[size_t(start[size_t(list)]++)] = number;
    for (size_t list = lists; list > 0; --list) start[list] = start[list - 1];
    start[0] = 0;
}

FragmentSet::FragmentSet(const GroupingModel& model, const PosePrior& body, const State& state, const double* xy,
                         int64_t most_joints, double height)
    : types(model.joints, state.people()), barred(types) {
    fragments.reserve(size_t(state.people())), first.reserve(fragments.capacity() + 1),
        seen.reserve(state.person_of.size());
    for (int64_t person = 0; person < state.people(); ++person) {
        const auto set = size_t(person);
        Fragment fragment{{kInfinity, kInfinity}, {-kInfinity, -kInfinity}, height, 0, 0, false};
        if (state.heights[set] > height) fragment.height = state.heights[set];
        first.push_back(int32_t(seen.size()));
        types.add(set, state.types_of, set), barred.add(set, state.types_of, set);
        state.types_of.visit(set, [&](size_t joint) {
            ++fragment.joints;
            barred.add(set, model.beside, joint);
            const double* place = xy + 2 * state.row(person)[joint];
            for (size_t axis = 0; axis < 2; ++axis) {
                fragment.low[axis] = std::min(fragment.low[axis], place[axis]);
                fragment.high[axis] = std::max(fragment.high[axis], place[axis]);
            }
            const int32_t number = body.number[joint];
            if (number < 0) return;
            fragment.known |= uint64_t(1) << number;
            seen.push_back({number, place[0], place[1]});
        });
        if (fragment.known == 0) fragment.joints = 0;
        fragment.small = fragment.joints > 0 && fragment.joints <= most_joints;
        any_small |= fragment.small;
        fragments.push_back(fragment);
    }
    first.push_back(int32_t(seen.size()));
    find_near(height);
}

// No fragment is to join another.
void FragmentSet::leave_alone() {
    any_small = false;
    near.assign(size(), {});
}

void FragmentSet::find_near(double height) {
    std::vector<std::pair<int32_t, int32_t>> pairs;
    if (any_small) {
        const Grid grid(fragments, height);
        const auto count = int32_t(size());
        const auto is_small = [](const Fragment& one) { return one.small; };
        const bool mostly_small = 2 * std::count_if(fragments.begin(), fragments.end(), is_small) > count;
        const auto is_noise = [&] { return mostly_small && pairs.size() > kMostNear * size(); };
        // All reach as far as the typical height; the small ones are where they can be reached by that.
        for (int32_t a = 0; a < count; ++a) {
            const Fragment& one = fragments[size_t(a)];
            if (!one.small) continue;
            grid.visit(one, one.height - height, [&](size_t first, size_t last) {
                for (size_t square = first; square <= last; ++square) pairs.emplace_back(square, a);
            });
            if (is_noise()) return leave_alone();
        }
        CsrLists inside;
        inside.assign(grid.squares(), pairs);
        std::vector<Reach> small;  // square by square
        for (size_t square = 0; square < grid.squares(); ++square)
            for (const int32_t a : inside.of(square))
                small.push_back({fragments[size_t(a)].low, fragments[size_t(a)].high, fragments[size_t(a)].height, a});
        pairs.clear();
        std::vector<int32_t> last(size(), -1);  // by which other one each was seen
        std::vector<int32_t> found(small.size() + 1);
        for (int32_t b = 0; b < count; ++b) {
            const Fragment& other = fragments[size_t(b)];
            if (other.joints == 0) continue;
            size_t near_ones = 0;
            grid.visit(other, other.height, [&](size_t first, size_t last) {
                for (int32_t n = inside.range(first).first; n < inside.range(last).second; ++n) {
                    found[near_ones] = small[size_t(n)].fragment;
                    near_ones += small[size_t(n)].is_near(other);
                }
            });
            size_t kept = 0;
            for (size_t n = 0; n < near_ones; ++n) {
                const int32_t a = found[n];
                found[kept] = a;
                // Of two small ones once is enough.
                kept += (last[size_t(a)] != b) & (other.small ? a < b : !barred.meet(size_t(a), types, size_t(b)));
                last[size_t(a)] = b;
            }
            for (size_t n = 0; n < kept; ++n) pairs.emplace_back(found[n], b), pairs.emplace_back(b, found[n]);
            if (is_noise()) return leave_alone();
        }
    }
    near.assign(size(), pairs);
}

}  // namespace bottomup::grouping
