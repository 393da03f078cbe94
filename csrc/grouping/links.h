// Scored pairs of candidates, listed by candidate.
#pragma once

#include <cstdint>
#include <vector>

#include "model.h"

namespace bottomup::grouping {

// A scored pair of candidates: `own` is the joint that the limb leaves; as a link, the one whose link it is.
struct Pair {
    int32_t own, other, limb;
    float affinity, length;
};
using Link = Pair;

// The scored pairs of one image, listed by candidate: those whose limb leaves it first, then those whose limb ends there.
class Links {
   public:
    Links(const GroupingModel& model, std::vector<int32_t> types, std::vector<Pair> pairs);

    // With duplicates of some candidates, each at its original's place, after the other candidates and pairs.
    Links duplicate(const GroupingModel& model, const std::vector<int32_t>& originals) const;

    int64_t candidates() const { return int64_t(types.size()); }
    const Link* begin(int64_t candidate) const { return links.data() + ranges[size_t(candidate)].begin; }
    const Link* middle(int64_t candidate) const { return links.data() + ranges[size_t(candidate)].middle; }
    const Link* end(int64_t candidate) const { return links.data() + ranges[size_t(candidate)].end; }

    const std::vector<int32_t> types;
    const std::vector<Pair> pairs;
    std::vector<std::vector<int32_t>> candidates_of;  // of each joint type, rising

   private:
    struct Range {  // of a candidate's links, side by side, since people hold candidates from everywhere
        int32_t begin = 0, middle = 0, end = 0;
    };
    std::vector<Range> ranges;
    std::vector<Link> links;
};

}  // namespace bottomup::grouping
