// Fragments that no limb joins: who belongs together by what whole bodies look like. bottomup/grouping/whole_body.py has
// the formulas, bottomup/grouping/orphans.py the same steps in plain NumPy.
#include <algorithm>
#include <cmath>
#include <limits>

#include "grouping.h"

namespace bottomup::grouping {
namespace {

constexpr double kTwoPi = 6.283185307179586;
constexpr double kLeastGain = 1e-9;  // rounding alone is no reason
constexpr int kMostRounds = 3;       // of swaps; hardly any are left for the third

// log_density of a set of joints; what it needs is kept between calls.
class Density {
   public:
    Density(const WholeBody& body_, const double* xy_, double height_, double spread_)
        : body(body_), xy(xy_), height(height_), spread(spread_) {}

    // `held`: (K,) candidates, -1 for none.
    double of(const std::vector<int32_t>& held) {
        joints.clear();
        for (size_t joint = 0; joint < held.size(); ++joint)
            if (held[joint] >= 0 && body.known[joint]) joints.push_back(joint);
        if (joints.size() < 2) return 0;
        const size_t others = joints.size() - 1, size = 2 * others;
        const double log_det = factorise(size);
        y.resize(size), w.resize(size);
        const double* origin = xy + 2 * held[joints[0]];
        for (size_t n = 0; n < size; ++n) {
            const size_t joint = joints[1 + n / 2], axis = n % 2;
            y[n] = (xy[2 * size_t(held[joint]) + axis] - origin[axis]) / height;
            w[n] = body.mean[2 * joint + axis] - body.mean[2 * joints[0] + axis];
        }
        solve(size);
        const double prior = 1 / (spread * spread), power = double(size) + 1;
        double a = prior, b = prior, c = prior;
        for (size_t n = 0; n < size; ++n) a += y[n] * y[n], b += y[n] * w[n], c += w[n] * w[n];
        const double q = (b + std::sqrt(b * b + 4 * a * power)) / (2 * a);
        const double peak =
            power * std::log(q) - 0.5 * (a * q * q - 2 * b * q + c) - 0.5 * std::log(a * q * q + power);
        return peak - log_det - double(others) * std::log(kTwoPi * height * height) - std::log(spread);
    }

   private:
    // Covariance of the joints' places relative to the first one's, then its lower Cholesky factor in place; the
    // logarithm of that one's determinant.
    double factorise(size_t size) {
        const size_t width = 2 * body.known.size();
        lower.resize(size * size);
        double log_det = 0;
        for (size_t i = 0; i < size; ++i) {
            const size_t r = 2 * joints[1 + i / 2] + i % 2, r0 = 2 * joints[0] + i % 2;
            for (size_t j = 0; j <= i; ++j) {
                const size_t s = 2 * joints[1 + j / 2] + j % 2, s0 = 2 * joints[0] + j % 2;
                const auto& table = body.covariance;
                double sum = table[r * width + s] - table[r * width + s0] - table[r0 * width + s] + table[r0 * width + s0];
                for (size_t k = 0; k < j; ++k) sum -= lower[i * size + k] * lower[j * size + k];
                lower[i * size + j] = i == j ? std::sqrt(sum) : sum / lower[j * size + j];
            }
            log_det += std::log(lower[i * size + i]);
        }
        return log_det;
    }

    void solve(size_t size) {
        for (size_t i = 0; i < size; ++i) {
            for (size_t k = 0; k < i; ++k) y[i] -= lower[i * size + k] * y[k], w[i] -= lower[i * size + k] * w[k];
            y[i] /= lower[i * size + i], w[i] /= lower[i * size + i];
        }
    }

    const WholeBody& body;
    const double* xy;
    const double height, spread;
    std::vector<size_t> joints;
    std::vector<double> lower, y, w;
};

// What there was before: a person, from now on a piece of one.
struct Piece {
    std::vector<int32_t> types, barred;  // joint types that it has; those that keep others from being the same person
    std::array<double, 2> low, high;
    double height;
    bool small;
};

struct Offer {
    double gain;
    int64_t guest, host;
};

// The greater gain first, ties by number.
bool better(const Offer& a, const Offer& b) {
    if (a.gain != b.gain) return a.gain > b.gain;
    return a.guest != b.guest ? a.guest < b.guest : a.host < b.host;
}

class Orphans {
   public:
    Orphans(const Rule& rule_, const WholeBody& body, const State& state_, const double* xy_, const OrphanRule& orphans_,
            double height_)
        : rule(rule_), state(state_), xy(xy_), orphans(orphans_), height(height_),
          density(body, xy_, height_, orphans_.height_spread), near(size_t(state_.people())) {
        bonus = std::log(orphans.odds * spanned_area());
        for (int64_t person = 0; person < state.people(); ++person) add_piece(body, person);
        find_near();
    }

    std::vector<int64_t> attach() {
        merge();
        for (int round = 0; round < kMostRounds && swap_once(); ++round) {}
        return {group.begin(), group.end()};
    }

   private:
    void add_piece(const WholeBody& body, int64_t person) {
        constexpr double kInfinity = std::numeric_limits<double>::infinity();
        Piece piece{{}, {}, {kInfinity, kInfinity}, {-kInfinity, -kInfinity}, height, false};
        const double own = state.scales[size_t(person)];
        if (own > height) piece.height = own;
        for (int32_t joint = 0; joint < rule.joints; ++joint) {
            const int32_t candidate = state.row(person)[joint];
            if (candidate < 0) continue;
            piece.types.push_back(joint), piece.barred.push_back(joint);
            for (const int32_t beside : rule.neighbours[size_t(joint)]) piece.barred.push_back(beside);
            for (size_t axis = 0; axis < 2; ++axis) {
                piece.low[axis] = std::min(piece.low[axis], xy[2 * candidate + int64_t(axis)]);
                piece.high[axis] = std::max(piece.high[axis], xy[2 * candidate + int64_t(axis)]);
            }
        }
        if (std::none_of(piece.types.begin(), piece.types.end(), [&](int32_t joint) { return body.known[size_t(joint)]; }))
            piece.types.clear();  // nobody can say where it belongs
        piece.small = !piece.types.empty() && int64_t(piece.types.size()) <= orphans.joints;
        held.emplace_back(state.row(person), state.row(person) + rule.joints);
        pieces.push_back(std::move(piece));
        members.push_back({int32_t(person)});
        group.push_back(int32_t(person));
        value.push_back(std::numeric_limits<double>::quiet_NaN());  // until somebody asks
    }

    double spanned_area() const {
        double low[2] = {0, 0}, high[2] = {0, 0};
        bool first = true;
        for (size_t candidate = 0; candidate < state.owner.size(); ++candidate) {
            if (state.owner[candidate] < 0) continue;
            for (size_t axis = 0; axis < 2; ++axis) {
                const double place = xy[2 * candidate + axis];
                low[axis] = first ? place : std::min(low[axis], place);
                high[axis] = first ? place : std::max(high[axis], place);
            }
            first = false;
        }
        return (high[0] - low[0] + 1) * (high[1] - low[1] + 1);
    }

    void find_near() {
        for (size_t a = 0; a < pieces.size(); ++a) {
            if (!pieces[a].small) continue;
            for (size_t b = 0; b < pieces.size(); ++b) {
                if (a == b || pieces[b].types.empty() || (pieces[b].small && b < a)) continue;
                double square = 0;
                for (size_t axis = 0; axis < 2; ++axis) {
                    const double gap = std::max({pieces[a].low[axis] - pieces[b].high[axis],
                                                 pieces[b].low[axis] - pieces[a].high[axis], 0.0});
                    square += gap * gap;
                }
                const double reach = std::max(pieces[a].height, pieces[b].height);
                if (square > reach * reach) continue;
                near[a].push_back(int32_t(b)), near[b].push_back(int32_t(a));
            }
        }
    }

    double value_of(int64_t number) {
        double& known = value[size_t(number)];
        if (std::isnan(known)) known = density.of(held[size_t(number)]);
        return known;
    }

    size_t size_of(int64_t number) const {
        size_t count = 0;
        for (const int32_t piece : members[size_t(number)]) count += pieces[size_t(piece)].types.size();
        return count;
    }

    bool barred(int32_t one, const std::vector<int32_t>& row) const {
        const auto& types = pieces[size_t(one)].barred;
        return std::any_of(types.begin(), types.end(), [&](int32_t joint) { return row[size_t(joint)] >= 0; });
    }

    // The groups of which a piece is near one of a group's pieces, rising.
    std::vector<int32_t> groups_near(int64_t number) const {
        std::vector<int32_t> found;
        for (const int32_t piece : members[size_t(number)])
            for (const int32_t other : near[size_t(piece)])
                if (group[size_t(other)] != number) found.push_back(group[size_t(other)]);
        std::sort(found.begin(), found.end());
        found.erase(std::unique(found.begin(), found.end()), found.end());
        return found;
    }

    void offer(int64_t guest, int64_t host) {
        const size_t small = size_of(guest);
        if (!pieces[size_t(members[size_t(guest)][0])].small || int64_t(small) > orphans.joints) return;
        const size_t large = size_of(host);
        if (large < small || (large == small && host > guest)) return;  // of equals, the later one joins the earlier
        for (const int32_t piece : members[size_t(guest)])
            if (barred(piece, held[size_t(host)])) return;
        together = held[size_t(host)];
        put(together, members[size_t(guest)]);
        const double gain = density.of(together) - value_of(guest) - value_of(host) + bonus;
        if (gain > kLeastGain) offers.push_back({gain, guest, host});
    }

    void put(std::vector<int32_t>& row, const std::vector<int32_t>& of_pieces) const {
        for (const int32_t piece : of_pieces)
            for (const int32_t joint : pieces[size_t(piece)].types) row[size_t(joint)] = state.row(piece)[joint];
    }

    // Whole groups, the greatest gain first, while there is any.
    void merge() {
        for (size_t a = 0; a < pieces.size(); ++a)
            if (pieces[a].small)
                for (const int32_t b : groups_near(int64_t(a))) offer(int64_t(a), b);
        while (!offers.empty()) {
            const Offer best = *std::min_element(offers.begin(), offers.end(), better);
            const auto gone = [&](const Offer& one) {
                return one.guest == best.guest || one.host == best.guest || one.guest == best.host ||
                       one.host == best.host;
            };
            offers.erase(std::remove_if(offers.begin(), offers.end(), gone), offers.end());
            join(best.guest, best.host);
            for (const int32_t other : groups_near(best.host)) offer(best.host, other), offer(other, best.host);
        }
    }

    void join(int64_t guest, int64_t host) {
        auto &from = members[size_t(guest)], &to = members[size_t(host)];
        put(held[size_t(host)], from);
        for (const int32_t piece : from) group[size_t(piece)] = int32_t(host), to.push_back(piece);
        from.clear();
        std::fill(held[size_t(guest)].begin(), held[size_t(guest)].end(), -1);
        value[size_t(host)] = value[size_t(guest)] = std::numeric_limits<double>::quiet_NaN();
    }

    // Small pieces change places with those that others have in their stead, the greatest gain first, in each group once.
    bool swap_once() {
        offers.clear();
        for (size_t piece = 0; piece < pieces.size(); ++piece)
            if (pieces[piece].small) offer_swaps(int32_t(piece));
        std::sort(offers.begin(), offers.end(), better);
        std::vector<bool> touched(pieces.size());
        for (const Offer& swap : offers) {
            const auto home = size_t(group[size_t(swap.guest)]), host = size_t(group[size_t(swap.host)]);
            if (touched[home] || touched[host]) continue;
            touched[home] = touched[host] = true;
            exchange(int32_t(swap.guest), int32_t(swap.host));
        }
        return !offers.empty();
    }

    void offer_swaps(int32_t piece) {
        const int64_t home = group[size_t(piece)];
        hosts.clear();
        for (const int32_t other : near[size_t(piece)]) hosts.push_back(group[size_t(other)]);
        std::sort(hosts.begin(), hosts.end());
        hosts.erase(std::unique(hosts.begin(), hosts.end()), hosts.end());
        for (const int32_t host : hosts) {
            const int32_t other = host == home ? -1 : in_stead(piece, host);
            if (other < 0) continue;
            without(home, piece, apart);
            if (barred(other, apart)) continue;
            without(host, other, together);
            put(apart, {other}), put(together, {piece});
            const double gain = density.of(apart) + density.of(together) - value_of(home) - value_of(host);
            if (gain > kLeastGain) offers.push_back({gain, piece, other});
        }
    }

    // The one piece of a group that keeps another from joining it, if it is small; else -1.
    int32_t in_stead(int32_t piece, int64_t host) const {
        int32_t found = -1;
        for (const int32_t member : members[size_t(host)]) {
            const auto& types = pieces[size_t(member)].types;
            const auto& kept_off = pieces[size_t(piece)].barred;
            if (std::none_of(types.begin(), types.end(), [&](int32_t joint) {
                    return std::find(kept_off.begin(), kept_off.end(), joint) != kept_off.end();
                }))
                continue;
            if (found >= 0 || !pieces[size_t(member)].small) return -1;
            found = member;
        }
        return found;
    }

    void without(int64_t number, int32_t piece, std::vector<int32_t>& row) const {
        row = held[size_t(number)];
        for (const int32_t joint : pieces[size_t(piece)].types) row[size_t(joint)] = -1;
    }

    void exchange(int32_t one, int32_t other) {
        const int32_t first = group[size_t(one)], second = group[size_t(other)];
        std::replace(members[size_t(first)].begin(), members[size_t(first)].end(), one, other);
        std::replace(members[size_t(second)].begin(), members[size_t(second)].end(), other, one);
        group[size_t(one)] = second, group[size_t(other)] = first;
        for (const int32_t number : {first, second}) {
            std::fill(held[size_t(number)].begin(), held[size_t(number)].end(), -1);
            put(held[size_t(number)], members[size_t(number)]);
            value[size_t(number)] = std::numeric_limits<double>::quiet_NaN();
        }
    }

    const Rule& rule;
    const State& state;
    const double* xy;
    const OrphanRule orphans;
    const double height;
    double bonus = 0;
    Density density;
    std::vector<Piece> pieces;
    std::vector<std::vector<int32_t>> near;     // of each piece, at least one of the two small
    std::vector<std::vector<int32_t>> members;  // pieces of each group
    std::vector<std::vector<int32_t>> held;     // (K,) candidates of each group
    std::vector<int32_t> group;                 // of each piece
    std::vector<double> value;                  // log_density of each group, NaN until somebody asks
    std::vector<Offer> offers;
    std::vector<int32_t> together, apart, hosts;
};

// The median of the heights that are known, the lower one of two in the middle; 0 if none is.
double typical_height(const std::vector<double>& scales) {
    std::vector<double> known;
    for (const double height : scales)
        if (height > 0 && std::isfinite(height)) known.push_back(height);
    if (known.empty()) return 0;
    const auto middle = known.begin() + std::ptrdiff_t((known.size() - 1) / 2);
    std::nth_element(known.begin(), middle, known.end());
    return *middle;
}

}  // namespace

std::vector<int64_t> attach(const Rule& rule, const WholeBody& body, const State& state, const double* xy,
                            const OrphanRule& orphans) {
    const double height = typical_height(state.scales);
    if (height > 0) return Orphans(rule, body, state, xy, orphans, height).attach();
    std::vector<int64_t> same(size_t(state.people()));
    for (size_t person = 0; person < same.size(); ++person) same[person] = int64_t(person);
    return same;
}

}  // namespace bottomup::grouping
