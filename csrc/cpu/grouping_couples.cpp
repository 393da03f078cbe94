// Fragments of one person: who merges with whom, and which body takes in a fragment that no limb reaches.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "grouping.h"

namespace bottomup::grouping {
namespace {

bool share_a_type(const Rule& rule, const State& state, int64_t a, int64_t b) {
    const int32_t *one = state.row(a), *other = state.row(b);
    int32_t both = -1;  // not negative once a type is held by both; no branch, so that the loop is vectorised
    for (int64_t joint = 0; joint < rule.joints; ++joint) both &= one[joint] | other[joint];
    return both >= 0;
}

// Limbs that the joints of two people together would have, one end each.
int64_t limbs_between(const Rule& rule, const State& state, int64_t a, int64_t b) {
    const int32_t *one = state.row(a), *other = state.row(b);
    int64_t count = 0;
    for (const auto& limb : rule.limbs)
        count += (one[limb[0]] >= 0 && other[limb[1]] >= 0) || (other[limb[0]] >= 0 && one[limb[1]] >= 0);
    return count;
}

}  // namespace

// The best first, ties by index; of those whom a better couple has, none.
std::vector<Couple> each_once(std::vector<Couple>&& couples, int64_t people) {
    std::sort(couples.begin(), couples.end(), [](const Couple& a, const Couple& b) {
        if (a.gain != b.gain) return a.gain > b.gain;
        return a.first != b.first ? a.first < b.first : a.second < b.second;
    });
    std::vector<bool> touched(static_cast<size_t>(people));
    std::vector<Couple> chosen;
    for (const Couple& couple : couples) {
        if (touched[size_t(couple.first)] || touched[size_t(couple.second)]) continue;
        touched[size_t(couple.first)] = touched[size_t(couple.second)] = true;
        chosen.push_back(couple);
    }
    return chosen;
}

std::vector<Couple> mergers(const Rule& rule, const Links& links, const State& state, const PersonSet& touched) {
    enum : int32_t { kUnseen = -1, kNever = -2 };
    std::vector<int32_t> place(size_t(state.people()), kUnseen);  // of each person's merger with the one in turn
    std::vector<int64_t> seen;
    std::vector<Couple> near, all;
    std::vector<int64_t> shown;
    for (const int64_t a : touched.members) {
        for (int64_t joint = 0; joint < rule.joints; ++joint) {
            const int32_t candidate = state.row(a)[joint];
            if (candidate < 0) continue;
            for (const Link* link = links.begin(candidate); link != links.end(candidate); ++link) {
                const int64_t b = state.owner[size_t(link->other)];
                if (b < 0 || b == a || (b < a && touched.contains(b))) continue;  // the earlier one's turn had that pair
                int32_t& at = place[size_t(b)];
                if (at == kUnseen) {
                    seen.push_back(b);
                    at = share_a_type(rule, state, a, b) ? int32_t(kNever) : int32_t(near.size());
                    if (at >= 0) near.push_back({std::min(a, b), std::max(a, b), -1, 0}), shown.push_back(0);
                }
                if (at == kNever) continue;
                // The larger body decides how long a limb may be: a fragment of few joints does not know its scale.
                const double scale = std::fmax(state.scales[size_t(a)], state.scales[size_t(b)]);
                near[size_t(at)].gain += rule.limb_gain(link->affinity, link->length, link->limb, scale);
                ++shown[size_t(at)];
            }
        }
        for (size_t n = 0; n < near.size(); ++n) {
            const int64_t expected = limbs_between(rule, state, near[n].first, near[n].second);
            near[n].gain += rule.person_cost - rule.missing_limb_cost * double(expected - shown[n]);
            if (near[n].gain > 0) all.push_back(near[n]);
        }
        for (const int64_t b : seen) place[size_t(b)] = kUnseen;
        seen.clear(), near.clear(), shown.clear();
    }
    return each_once(std::move(all), state.people());
}

namespace {

// How far apart the joints of two people are, relative to what their bodies allow: the mean over all pairs of joints, of
// which there are `pairs`; infinite if none has a say, or as soon as it is certain to be no less than 1.
double stretch_between(const Rule& rule, const State& state, const double* xy, int64_t orphan, int64_t host,
                       double stretch, int64_t pairs) {
    const int32_t *small = state.row(orphan), *large = state.row(host);
    const double height = std::fmax(state.scales[size_t(host)], state.scales[size_t(orphan)]);  // the orphan's may be NaN
    double sum = 0;
    int64_t count = 0;
    for (int64_t joint = 0; joint < rule.joints; ++joint) {
        if (small[joint] < 0) continue;
        for (int64_t other = 0; other < rule.joints; ++other) {
            if (large[other] < 0) continue;
            const double dx = xy[2 * large[other]] - xy[2 * small[joint]];
            const double dy = xy[2 * large[other] + 1] - xy[2 * small[joint] + 1];
            const double allowed = stretch * height * rule.reach[size_t(joint * rule.joints + other)];
            const double ratio = std::sqrt(dx * dx + dy * dy) / allowed;
            if (std::isnan(ratio)) continue;
            sum += ratio;
            if (sum >= double(pairs)) return std::numeric_limits<double>::infinity();
            ++count;
        }
    }
    return count ? sum / double(count) : std::numeric_limits<double>::infinity();
}

// A set of joint types as the bits of one word; types 64 apart share a bit, so where two sets share none, they are
// apart for certain.
uint64_t bit_of(int64_t joint) { return uint64_t(1) << (joint % 64); }

bool holds_any(const std::vector<int32_t>& types, const int32_t* held) {
    return std::any_of(types.begin(), types.end(), [&](int32_t joint) { return held[joint] >= 0; });
}

// A person as a host or an orphan: how many joints, which types as bits, how tall, and the box around them.
struct Figure {
    int64_t size = 0;
    uint64_t types = 0;
    double height, low_x, low_y, high_x, high_y;
};

Figure figure_of(const State& state, const double* xy, int64_t person) {
    constexpr double kNowhere = std::numeric_limits<double>::infinity();
    Figure figure{0, 0, state.scales[size_t(person)], kNowhere, kNowhere, -kNowhere, -kNowhere};
    for (int64_t joint = 0; joint < state.joints; ++joint) {
        const int64_t candidate = state.row(person)[joint];
        if (candidate < 0) continue;
        const double x = xy[2 * candidate], y = xy[2 * candidate + 1];
        ++figure.size;
        figure.types |= bit_of(joint);
        figure.low_x = std::min(figure.low_x, x), figure.high_x = std::max(figure.high_x, x);
        figure.low_y = std::min(figure.low_y, y), figure.high_y = std::max(figure.high_y, y);
    }
    return figure;
}

// Bodies by where the joints that may join them can be: the picture is cut into upright strips, and each lists the bodies
// that a joint within it may be near enough to. A body may be listed twice, once as it was before it grew.
struct Hosts {
    static constexpr double kStripWidth = 8;  // cells
    static constexpr size_t kStrips = 128;    // the last one reaches to the end

    std::vector<int32_t> bodies;
    std::array<std::vector<int32_t>, kStrips> strips;

    static size_t strip_of(double x) { return size_t(std::clamp(x / kStripWidth, 0.0, double(kStrips - 1))); }

    void add(int64_t person, double low_x, double high_x) {
        bodies.push_back(int32_t(person));
        const size_t last = strip_of(high_x);
        for (size_t strip = strip_of(low_x); strip <= last; ++strip) strips[strip].push_back(int32_t(person));
    }
};

class HostFinder {
   public:
    HostFinder(const Rule& rule_, const State& state_, const double* xy_, int64_t orphan_joints_, double stretch_)
        : rule(rule_), state(state_), xy(xy_), orphan_joints(orphan_joints_), stretch(stretch_) {
        for (const double reach : rule.reach)
            if (reach > farthest) farthest = reach;
        for (int64_t person = 0; person < state.people(); ++person) {
            figures.push_back(figure_of(state, xy, person));
            add_body(person, everybody);
        }
    }

    // A person has grown, or has nothing left.
    void update(int64_t person, Hosts& grown) {
        figures[size_t(person)] = figure_of(state, xy, person);
        add_body(person, everybody);
        add_body(person, grown);
    }

    // Adds the bodies that a fragment may join, of those given or of all.
    void find_hosts(int64_t orphan, const Hosts* hosts, std::vector<Couple>& found) const {
        const Figure& figure = figures[size_t(orphan)];
        if (figure.size == 0 || figure.size > orphan_joints) return;
        if (!hosts) hosts = &everybody;
        // How far two fragments with limbs may be apart depends on the heights of both.
        const bool alone = figure.size == 1 && std::isnan(figure.height);
        const Unwanted unwanted = unwanted_types(orphan);
        for (const int32_t host : alone ? hosts->strips[Hosts::strip_of(figure.low_x)] : hosts->bodies)
            consider(orphan, host, unwanted, found);
    }

   private:
    void add_body(int64_t person, Hosts& hosts) const {
        const Figure& body = figures[size_t(person)];
        if (body.size <= 1 || !std::isfinite(body.height)) return;
        const double most = stretch * body.height * farthest;
        hosts.add(person, body.low_x - most, body.high_x + most);
    }

    // The joint types of a fragment and those that limbs join to them: a limb that the field does not show although both
    // its joints are there speaks against a host.
    struct Unwanted {
        std::vector<int32_t> types;
        uint64_t bits = 0;
    };

    Unwanted unwanted_types(int64_t orphan) const {
        Unwanted unwanted;
        for (int32_t joint = 0; joint < rule.joints; ++joint) {
            if (state.row(orphan)[joint] < 0) continue;
            unwanted.types.push_back(joint);
            const std::vector<int32_t>& beside = rule.neighbours[size_t(joint)];
            unwanted.types.insert(unwanted.types.end(), beside.begin(), beside.end());
        }
        for (const int32_t joint : unwanted.types) unwanted.bits |= bit_of(joint);
        return unwanted;
    }

    void consider(int64_t orphan, int64_t host, const Unwanted& unwanted, std::vector<Couple>& found) const {
        const Figure &small = figures[size_t(orphan)], &large = figures[size_t(host)];
        if ((large.types & unwanted.bits) && (rule.joints <= 64 || holds_any(unwanted.types, state.row(host)))) return;
        if (large.size <= 1 || large.size < small.size || host == orphan || !std::isfinite(large.height)) return;
        // If even the boxes are farther apart than any two joints may be, so are all pairs of joints on average.
        const double most = stretch * std::fmax(large.height, small.height) * farthest;
        if (large.low_x - small.high_x > most || small.low_x - large.high_x > most) return;
        if (large.low_y - small.high_y > most || small.low_y - large.high_y > most) return;
        const double gain = 1 - stretch_between(rule, state, xy, orphan, host, stretch, small.size * large.size);
        if (gain > 0) found.push_back({orphan, host, -1, gain});
    }

    const Rule& rule;
    const State& state;
    const double* xy;
    const int64_t orphan_joints;
    const double stretch;
    double farthest = 0;
    std::vector<Figure> figures;
    Hosts everybody;
};

}  // namespace

std::vector<Couple> hosts(const Rule& rule, const State& state, const double* xy, int64_t orphan_joints, double stretch) {
    const HostFinder finder(rule, state, xy, orphan_joints, stretch);
    std::vector<Couple> all;
    for (int64_t orphan = 0; orphan < state.people(); ++orphan) finder.find_hosts(orphan, nullptr, all);
    return each_once(std::move(all), state.people());
}

void attach_orphans(const Rule& rule, const Links& links, State& state, const double* xy, int64_t orphan_joints,
                    double stretch) {
    HostFinder finder(rule, state, xy, orphan_joints, stretch);
    std::vector<Couple> known;  // all that would gain
    for (int64_t orphan = 0; orphan < state.people(); ++orphan) finder.find_hosts(orphan, nullptr, known);
    while (!known.empty()) {
        PersonSet grown(state.people()), touched(state.people());
        for (const Couple& couple : each_once(std::vector<Couple>(known), state.people())) {
            state.absorb(couple.second, couple.first);
            grown.add(couple.second);
            touched.add(couple.first), touched.add(couple.second);
        }
        for (const int32_t person : grown.members) state.scales[size_t(person)] = measure(rule, links, state, person);
        Hosts changed;
        for (const int32_t person : touched.members) finder.update(person, changed);
        // What is between two others is as it was. A body that has grown is better known, which decides anew about the
        // fragments that are left.
        const auto outdated = [&](const Couple& couple) {
            return touched.contains(couple.first) || touched.contains(couple.second);
        };
        known.erase(std::remove_if(known.begin(), known.end(), outdated), known.end());
        for (int64_t orphan = 0; orphan < state.people(); ++orphan)
            finder.find_hosts(orphan, touched.contains(orphan) ? nullptr : &changed, known);
    }
    state.compact();
}

}  // namespace bottomup::grouping
