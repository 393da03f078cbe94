// Heights of people, in cells, as far as the limbs that they have tell.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "links.h"
#include "state.h"

namespace bottomup::grouping {

// A person's height by the limbs: the longest for its kind, the second longest of three or more, which counts no more than
// `ratio` times the median (the upper one of two).
class Height {
   public:
    explicit Height(double ratio_) : ratio(ratio_) {}

    void add(double length, double max_length) {
        const double height = length / max_length;
        if (!(height >= 0)) return;  // how long it can be is not known
        second = std::max(second, std::min(longest, height));
        longest = std::max(longest, height);
        all.push_back(height);
    }
    double get() {
        if (all.empty()) return std::numeric_limits<double>::quiet_NaN();
        if (all.size() < 3) return longest;
        const auto upper = [&](double height) { return ratio * height >= second; };
        const auto middle = all.begin() + std::ptrdiff_t(all.size() / 2);
        if (std::count_if(all.begin(), all.end(), upper) >= all.end() - middle) return second;  // the usual case
        std::nth_element(all.begin(), middle, all.end());
        return ratio * *middle;
    }
    void clear() { all.clear(), longest = second = -std::numeric_limits<double>::infinity(); }

   private:
    const double ratio;
    double longest = -std::numeric_limits<double>::infinity(), second = longest;
    std::vector<double> all;
};

// Tells some people's heights anew.
void measure(const GroupingModel& model, const Links& links, State& state, const PersonSet& people);

}  // namespace bottomup::grouping
