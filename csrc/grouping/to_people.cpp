// From a grouped graph to the arrays of People. bottomup/grouping/to_people.py explains it.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "to_people.h"

namespace bottomup::grouping {
namespace {

// The score of a person, or -1 if it is to be left out.
double score_of(const int32_t* row, int64_t joints, const double* xy, const double* scores, bool sure, const Report& report,
                const ResultOptions& options) {
    double low_x = std::numeric_limits<double>::infinity(), low_y = low_x, high_x = -low_x, high_y = -low_x;
    double squares = 0, clearest = 0;
    int64_t count = 0;
    for (int64_t joint = 0; joint < joints; ++joint) {
        const int32_t candidate = row[joint];
        if (candidate < 0 || !(scores[candidate] >= report.joint_threshold)) continue;
        const double x = xy[2 * candidate], y = xy[2 * candidate + 1];
        low_x = std::min(low_x, x), high_x = std::max(high_x, x);
        low_y = std::min(low_y, y), high_y = std::max(high_y, y);
        squares += scores[candidate] * scores[candidate];
        clearest = std::max(clearest, scores[candidate]);
        ++count;
    }
    if (count < report.min_joints || (!sure && clearest < options.min_best_keypoint)) return -1;
    // The box reaches half a cell beyond the joints, so that a single joint has a size.
    const double area = std::max(high_x - low_x + 1, 1.0) * std::max(high_y - low_y + 1, 1.0);
    const double size = std::min(std::sqrt(area) / report.longest, 1.0);
    const double score = std::sqrt(squares / double(joints)) * std::pow(size, options.size_exponent);
    return score >= report.person_threshold ? score : -1;
}

}  // namespace

Results read_people(const State& state, const double* xy, const double* scores, const bool* sure, const Report& report,
                    const ResultOptions& options) {
    const int64_t joints = state.joints;
    std::vector<std::pair<double, int64_t>> kept;
    for (int64_t person = 0; person < state.people(); ++person) {
        const double score = score_of(state.row(person), joints, xy, scores, sure && sure[person], report, options);
        if (score >= 0) kept.emplace_back(score, person);
    }
    std::sort(kept.begin(), kept.end(),
              [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
    constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
    const size_t cells = kept.size() * size_t(joints);
    Results found{std::vector<float>(2 * cells, kMissing), std::vector<float>(cells), {}, std::vector<uint8_t>(cells), true};
    found.scores.reserve(kept.size());
    for (const auto& [score, person] : kept) {
        const size_t row = found.scores.size() * size_t(joints);
        for (int64_t joint = 0; joint < joints; ++joint) {
            const int32_t candidate = state.row(person)[joint];
            if (candidate < 0 || !(scores[candidate] >= report.joint_threshold)) continue;
            float* place = found.keypoints.data() + 2 * (row + size_t(joint));
            place[0] = float((xy[2 * candidate] + 0.5) * report.stride - 0.5);
            place[1] = float((xy[2 * candidate + 1] + 0.5) * report.stride - 0.5);
            found.traced[row + size_t(joint)] = candidate >= report.first_duplicate || scores[candidate] <= report.peak_threshold;
            const float response = found.keypoint_scores[row + size_t(joint)] = float(scores[candidate]);
            found.right &= std::isfinite(place[0]) && std::isfinite(place[1]) && std::isfinite(response) && response > 0;
        }
        found.scores.push_back(float(score));
        found.right &= std::isfinite(found.scores.back());
    }
    return found;
}

}  // namespace bottomup::grouping
