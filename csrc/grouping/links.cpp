// The links of one image, listed by candidate.
#include "links.h"

namespace bottomup::grouping {

Links::Links(const GroupingModel& model, std::vector<int32_t> types_, std::vector<Pair> pairs_)
    : types(std::move(types_)), pairs(std::move(pairs_)), candidates_of(size_t(model.joints)), ranges(types.size()),
      links(2 * pairs.size()) {
    for (size_t i = 0; i < types.size(); ++i) candidates_of[size_t(types[i])].push_back(int32_t(i));
    for (const Pair& pair : pairs) ++ranges[size_t(pair.own)].middle, ++ranges[size_t(pair.other)].end;
    // From numbers to places; for now `begin` and `middle` say where the next link of either kind goes.
    int32_t before = 0;
    for (Range& range : ranges) {
        range.begin = before;
        range.middle += before;
        before = range.end += range.middle;
    }
    for (const Pair& pair : pairs) {
        links[size_t(ranges[size_t(pair.own)].begin++)] = pair;
        links[size_t(ranges[size_t(pair.other)].middle++)] = {pair.other, pair.own, pair.limb, pair.affinity, pair.length};
    }
    before = 0;
    for (Range& range : ranges) {
        range.middle = range.begin;
        range.begin = before;
        before = range.end;
    }
}

Links Links::duplicate(const GroupingModel& model, const std::vector<int32_t>& originals) const {
    std::vector<int32_t> all_types = types, copy(types.size(), -1);
    for (const int32_t original : originals) {
        copy[size_t(original)] = int32_t(all_types.size());
        all_types.push_back(types[size_t(original)]);
    }
    std::vector<Pair> all = pairs;
    for (const Pair& pair : pairs)
        if (copy[size_t(pair.own)] >= 0)
            all.push_back({copy[size_t(pair.own)], pair.other, pair.limb, pair.affinity, pair.length});
    const size_t one_end = all.size();  // these and the copies' own pairs reach the copies of the other end
    for (size_t n = 0; n < one_end; ++n) {
        const Pair pair = all[n];
        if (copy[size_t(pair.other)] >= 0)
            all.push_back({pair.own, copy[size_t(pair.other)], pair.limb, pair.affinity, pair.length});
    }
    return Links(model, std::move(all_types), std::move(all));
}

}  // namespace bottomup::grouping
