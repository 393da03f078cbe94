// Pieces in groups, each of which is to become one person.
#pragma once

#include <limits>

#include "fragment_set.h"

namespace bottomup::grouping {

constexpr int32_t kNone = -1;
constexpr double kLeastGain = 1e-9;  // rounding alone is no reason

// At first every piece is a group of its own, of the same number.
class Groups {
   public:
    explicit Groups(const Pieces& pieces);

    // Calls `visit(piece)` for the pieces of a group.
    template <class Visit>
    void visit(int32_t number, Visit visit) const {
        for (int32_t piece = first[size_t(number)]; piece != kNone; piece = next[size_t(piece)]) visit(piece);
    }

    int32_t first_of(int32_t number) const { return first[size_t(number)]; }
    int32_t next_of(int32_t piece) const { return next[size_t(piece)]; }

    bool alone(int32_t piece) const {
        return first[size_t(group[size_t(piece)])] == piece && next[size_t(piece)] == kNone;
    }

    // Adds those that the model knows, but for those of one piece, if any.
    void add_joints(int32_t number, int32_t without, std::vector<Seen>& to) const {
        visit(number, [&](int32_t piece) {
            if (piece != without) pieces.add_joints(piece, to);
        });
    }

    // log_density of a group, kept until the group changes.
    double value_of(int32_t number, Density& density);

    // One takes over all pieces of another.
    void join(int32_t guest, int32_t host);

    // Each joins the group that the other one was in.
    void exchange(int32_t one, int32_t other);

    const Pieces& pieces;
    std::vector<int32_t> group;   // of each piece
    std::vector<int32_t> joints;  // how many each group has; this, `known` and `barred` only until the first exchange
    std::vector<uint64_t> known;  // those of them that the model knows
    Sets types, barred;      // which they are, and which keep others from being the same person

   private:
    int32_t& link_to(int32_t piece);  // where it is named in its group's list

    std::vector<int32_t> first, next;  // of each group, of each piece; kNone at the end
    std::vector<double> values;        // NaN until somebody asks
    std::vector<Seen> all;
};

}  // namespace bottomup::grouping
