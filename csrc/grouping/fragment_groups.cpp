#include "fragment_groups.h"

#include <cmath>

namespace bottomup::grouping {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

}  // namespace

FragmentGroups::FragmentGroups(const FragmentSet& fragments_)
    : fragments(fragments_), types(fragments.types), barred(fragments.barred), next(fragments.size(), kNone),
      values(fragments.size(), kUnknown) {
    for (int32_t fragment = 0; fragment < int32_t(fragments.size()); ++fragment) {
        group.push_back(fragment), first.push_back(fragment);
        joints.push_back(fragments[fragment].joints), known.push_back(fragments[fragment].known);
    }
}

double FragmentGroups::value_of(int32_t number, PoseLikelihood& density) {
    double& value = values[size_t(number)];
    if (std::isnan(value)) {
        all.clear();
        add_joints(number, kNone, all);
        value = density.of(all);
    }
    return value;
}

void FragmentGroups::join(int32_t source, int32_t target) {
    const auto from = size_t(source), to = size_t(target);
    visit(source, [&](int32_t fragment) { group[size_t(fragment)] = target; });
    int32_t* end = &first[to];
    while (*end != kNone) end = &next[size_t(*end)];
    *end = first[from], first[from] = kNone;
    joints[to] += joints[from], joints[from] = 0;
    known[to] |= known[from];
    types.add(to, types, from), barred.add(to, barred, from);
    values[to] = kUnknown;
}

void FragmentGroups::exchange(int32_t one, int32_t other) {
    const int32_t mine = group[size_t(one)], theirs = group[size_t(other)];
    std::swap(link_to(one), link_to(other));
    std::swap(next[size_t(one)], next[size_t(other)]);
    std::swap(group[size_t(one)], group[size_t(other)]);
    for (const int32_t number : {mine, theirs}) {
        values[size_t(number)] = kUnknown;
        types.clear(size_t(number));
        visit(number, [&](int32_t fragment) { types.add(size_t(number), fragments.types, size_t(fragment)); });
    }
}

int32_t& FragmentGroups::link_to(int32_t fragment) {
    int32_t* link = &first[size_t(group[size_t(fragment)])];
    while (*link != fragment) link = &next[size_t(*link)];
    return *link;
}

}  // namespace bottomup::grouping
