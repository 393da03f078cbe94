#include "fragment_groups.h"

#include <cmath>

namespace bottomup::grouping {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

}  // namespace

Groups::Groups(const Pieces& pieces_)
    : pieces(pieces_), types(pieces.types), barred(pieces.barred), next(pieces.size(), kNone),
      values(pieces.size(), kUnknown) {
    for (int32_t piece = 0; piece < int32_t(pieces.size()); ++piece) {
        group.push_back(piece), first.push_back(piece);
        joints.push_back(pieces[piece].joints), known.push_back(pieces[piece].known);
    }
}

double Groups::value_of(int32_t number, Density& density) {
    double& value = values[size_t(number)];
    if (std::isnan(value)) {
        all.clear();
        add_joints(number, kNone, all);
        value = density.of(all);
    }
    return value;
}

void Groups::join(int32_t guest, int32_t host) {
    const auto from = size_t(guest), to = size_t(host);
    visit(guest, [&](int32_t piece) { group[size_t(piece)] = host; });
    int32_t* end = &first[to];
    while (*end != kNone) end = &next[size_t(*end)];
    *end = first[from], first[from] = kNone;
    joints[to] += joints[from], joints[from] = 0;
    known[to] |= known[from];
    types.add(to, types, from), barred.add(to, barred, from);
    values[to] = kUnknown;
}

void Groups::exchange(int32_t one, int32_t other) {
    const int32_t mine = group[size_t(one)], theirs = group[size_t(other)];
    std::swap(link_to(one), link_to(other));
    std::swap(next[size_t(one)], next[size_t(other)]);
    std::swap(group[size_t(one)], group[size_t(other)]);
    for (const int32_t number : {mine, theirs}) {
        values[size_t(number)] = kUnknown;
        types.clear(size_t(number));
        visit(number, [&](int32_t piece) { types.add(size_t(number), pieces.types, size_t(piece)); });
    }
}

int32_t& Groups::link_to(int32_t piece) {
    int32_t* link = &first[size_t(group[size_t(piece)])];
    while (*link != piece) link = &next[size_t(*link)];
    return *link;
}

}  // namespace bottomup::grouping
