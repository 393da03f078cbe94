// trace_limbs: limbs whose far joint no peak shows are followed through their field, and where they end is a joint.
#include <algorithm>
#include <limits>
#include <numeric>

#include "../kernels.h"
#include "../limb_tracing.h"
#include "neighbours.h"
#include "parallel.h"

namespace bottomup {
namespace {

constexpr float kOvershoot = 0.5f;  // fields are drawn a little beyond a limb's ends; in Gaussian widths

// Median width of the joints that are seen well; 0 if there are none.
float typical_extent(const CandidateView& candidates, int64_t begin, int64_t end, float response) {
    std::vector<float> extents;
    for (int64_t i = begin; i < end; ++i)
        if (candidates.scores[i] >= response) extents.push_back(candidates.extents[i]);
    if (extents.empty()) return 0;
    const auto middle = extents.begin() + int64_t(extents.size() - 1) / 2;
    std::nth_element(extents.begin(), middle, extents.end());
    return *middle;
}

float squared(float value) { return value * value; }

// The joints of one image at which traces end, as they are found; `weight` is what their traces' supports sum up to.
struct NewJoints {
    std::vector<int32_t> type;
    std::vector<double> x, y, weight;
};

}  // namespace

std::vector<TraceStart> plan_traces(const CandidateView& candidates, const PairView& pairs, const int32_t* limbs,
                                    int64_t image, const TraceCriteria& criteria) {
    const int64_t* offsets = candidates.offsets + image * candidates.joints;
    const int64_t* pair_offsets = pairs.offsets + image * pairs.limbs;
    const float wanted = criteria.max_pair_affinity * criteria.typical[image];
    std::vector<float> best;
    std::vector<TraceStart> starts;
    for (int64_t limb = 0; limb < pairs.limbs; ++limb) {
        for (int end = 0; end < 2; ++end) {
            const int64_t joint = limbs[2 * limb + end], from = offsets[joint], to = offsets[joint + 1];
            const int32_t* own = end == 0 ? pairs.first : pairs.second;
            best.assign(size_t(to - from), -std::numeric_limits<float>::infinity());
            for (int64_t n = pair_offsets[limb]; n < pair_offsets[limb + 1]; ++n) {
                float& highest = best[size_t(own[n] - from)];
                highest = std::max(highest, pairs.scores[n]);
            }
            for (int64_t i = from; i < to && candidates.scores[i] >= criteria.min_response; ++i)
                if (best[size_t(i - from)] < wanted) starts.push_back({int32_t(i), int32_t(limb), end});
        }
    }
    return starts;
}

void collect_ends(const FieldView& pafs, const CandidateView& candidates, const int32_t* limbs, int64_t image,
                  const TraceCriteria& criteria, const std::vector<TraceStart>& starts, const std::vector<Trace>& traces,
                  LimbEnds& ends) {
    const int64_t* offsets = candidates.offsets + image * candidates.joints;
    const float unit = typical_extent(candidates, offsets[0], offsets[candidates.joints], criteria.min_response);
    const float typical = criteria.typical[image];
    const float clear = criteria.clearance * unit, merge = criteria.merge_radius * unit;
    NewJoints found;
    struct Member {
        size_t joint, start;
    };
    std::vector<Member> members;
    std::vector<cpu::Neighbours> types;
    for (int64_t type = 0; type < candidates.joints; ++type)
        types.emplace_back(candidates.xy, offsets[type], offsets[type + 1], pafs.height, pafs.width);
    std::vector<std::vector<size_t>> of_type(static_cast<size_t>(candidates.joints));
    for (size_t n = 0; n < starts.size(); ++n) {
        const Trace& trace = traces[n];
        if (trace.steps == 0 || float(trace.steps) < criteria.min_length * unit) continue;
        if (trace.support < criteria.min_support * typical) continue;
        const float* from = candidates.xy + 2 * starts[n].candidate;
        const float dx = trace.x - from[0], dy = trace.y - from[1];
        const float length = std::sqrt(dx * dx + dy * dy);
        const float back = length > 0 ? std::min(kOvershoot * unit / length, 1.0f) : 0;
        const float x = trace.x - back * dx, y = trace.y - back * dy;
        const int32_t type = limbs[2 * starts[n].limb + 1 - starts[n].end];
        const cpu::Neighbours& others = types[size_t(type)];
        // A cell more, since lengths are rounded.
        if (others.any_near(x, y, clear + 1.0f, [&](int64_t place) {
                const float near = candidates.scores[others.number(place)] >= criteria.min_response ? clear : clear / 2;
                return squared(others.x(place) - x) + squared(others.y(place) - y) < near * near;
            }))
            continue;
        size_t joint = found.type.size();
        for (const size_t other : of_type[size_t(type)]) {
            const double ox = found.x[other] / found.weight[other] - x, oy = found.y[other] / found.weight[other] - y;
            if (ox * ox + oy * oy < double(merge) * merge) {
                joint = other;
                break;
            }
        }
        if (joint == found.type.size()) {
            of_type[size_t(type)].push_back(joint);
            found.type.push_back(type), found.x.push_back(0), found.y.push_back(0), found.weight.push_back(0);
        }
        found.x[joint] += double(trace.support) * x;
        found.y[joint] += double(trace.support) * y;
        found.weight[joint] += trace.support;
        members.push_back({joint, n});
    }
    const auto base = int32_t(candidates.count + int64_t(ends.type.size()));
    std::vector<float> strongest(found.type.size(), 0.0f);
    for (const Member& member : members) {
        const TraceStart& start = starts[member.start];
        const int32_t index = base + int32_t(member.joint);
        ends.limb.push_back(int32_t(image * criteria.limbs) + start.limb);
        ends.first.push_back(start.end == 0 ? start.candidate : index);
        ends.second.push_back(start.end == 0 ? index : start.candidate);
        ends.affinity.push_back(traces[member.start].support);
        strongest[member.joint] = std::max(strongest[member.joint], traces[member.start].support);
    }
    for (size_t joint = 0; joint < found.type.size(); ++joint) {
        ends.type.push_back(int32_t(image * candidates.joints) + found.type[joint]);
        ends.xy.push_back(float(found.x[joint] / found.weight[joint]));
        ends.xy.push_back(float(found.y[joint] / found.weight[joint]));
        ends.score.push_back(criteria.score * std::min(strongest[joint] / typical, 1.0f));
        ends.extent.push_back(unit);
    }
}

namespace cpu {
namespace {

// Follows a limb from some of its joints. Walks go side by side, a step of each at a time: a step has to wait for the one
// before it, but not for those of others.
template <class T>
void follow_limb(const FieldView& pafs, int64_t image, int32_t limb, const CandidateView& candidates,
                 const TraceStart* starts, size_t count, float threshold, int max_steps, std::vector<Walk>& walks,
                 Trace* traces) {
    const Plane<T> paf_x(pafs, image, 2 * limb), paf_y(pafs, image, 2 * limb + 1);
    const auto sign = [&](size_t n) { return starts[n].end == 0 ? 1.0f : -1.0f; };
    walks.clear();
    for (size_t n = 0; n < count; ++n) {
        const float* const from = candidates.xy + 2 * starts[n].candidate;
        walks.push_back(start_walk(paf_x, paf_y, pafs.height, pafs.width, from[0], from[1], sign(n)));
    }
    std::vector<int32_t> going(count);
    std::iota(going.begin(), going.end(), 0);
    while (!going.empty()) {
        size_t left = 0;
        for (const int32_t n : going) {
            going[left] = n;
            left +=
                walk_on(paf_x, paf_y, pafs.height, pafs.width, sign(size_t(n)), threshold, max_steps, &walks[size_t(n)]);
        }
        going.resize(left);
    }
    for (size_t n = 0; n < count; ++n) traces[n] = finish_walk(walks[n]);
}

// Limb by limb, so that what a limb's field shows about its joints stays in the nearer caches.
template <class T>
void follow(const FieldView& pafs, int64_t image, const CandidateView& candidates, const std::vector<TraceStart>& starts,
            const TraceCriteria& criteria, int threads, std::vector<Trace>& traces) {
    const float threshold = std::max(criteria.min_sample * criteria.typical[image], criteria.sample_threshold);
    std::vector<size_t> begins;  // of each limb's starts, and where the last one's end
    for (size_t n = 0; n < starts.size(); ++n)
        if (n == 0 || starts[n].limb != starts[n - 1].limb) begins.push_back(n);
    const auto count = int64_t(begins.size());
    begins.push_back(starts.size());
    std::vector<std::vector<Walk>> walks(size_t(worker_count(count, threads)));
    parallel_for(count, threads, [&](int worker, int64_t item) {
        const size_t begin = begins[size_t(item)], end = begins[size_t(item) + 1];
        follow_limb<T>(pafs, image, starts[begin].limb, candidates, &starts[begin], end - begin, threshold,
                       criteria.max_steps, walks[size_t(worker)], &traces[begin]);
    });
}

}  // namespace

LimbEnds trace_limbs(const FieldView& pafs, const CandidateView& candidates, const PairView& pairs, const int32_t* limbs,
                     const TraceCriteria& criteria, int threads) {
    LimbEnds ends;
    for (int64_t image = 0; image < pafs.batch; ++image) {
        const std::vector<TraceStart> starts = plan_traces(candidates, pairs, limbs, image, criteria);
        if (starts.empty()) continue;
        std::vector<Trace> traces(starts.size());
        if (pafs.dtype == DType::float32) follow<float>(pafs, image, candidates, starts, criteria, threads, traces);
        if (pafs.dtype == DType::float16) follow<Half>(pafs, image, candidates, starts, criteria, threads, traces);
        if (pafs.dtype == DType::bfloat16) follow<BFloat16>(pafs, image, candidates, starts, criteria, threads, traces);
        for (size_t n = 0; n < starts.size(); ++n) {
            if (traces[n].finite) continue;
            ends.non_finite = {image, 2 * starts[n].limb, -1, -1};
            return ends;
        }
        collect_ends(pafs, candidates, limbs, image, criteria, starts, traces, ends);
    }
    return ends;
}

}  // namespace cpu
}  // namespace bottomup
