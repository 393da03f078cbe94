// Assignment state.
#include <algorithm>
#include <limits>

#include "state.h"

namespace bottomup::grouping {

State::State(int64_t joints_, std::vector<int32_t> person_of_, std::vector<int32_t> members_, std::vector<double> heights_)
    : joints(joints_), person_of(std::move(person_of_)), members(std::move(members_)), heights(std::move(heights_)),
      types_of(joints, people()) {
    for (int64_t person = 0; person < people(); ++person)
        for (int64_t joint = 0; joint < joints; ++joint)
            if (row(person)[joint] >= 0) types_of.add(size_t(person), int32_t(joint));
}

int64_t State::add_person() {
    members.resize(members.size() + size_t(joints), -1);
    heights.push_back(std::numeric_limits<double>::quiet_NaN());
    types_of.resize(people());
    return people() - 1;
}

void State::merge_people(int64_t person, int64_t other) {
    for (int64_t joint = 0; joint < joints; ++joint) {
        const int32_t candidate = row(other)[joint];
        if (candidate < 0) continue;
        unassign(other, joint);
        assign(person, joint, candidate);
    }
}

void State::exchange(int64_t one, int64_t other, const std::vector<int32_t>& types) {
    for (const int32_t joint : types) {
        const int32_t mine = row(one)[joint], theirs = row(other)[joint];
        unassign(one, joint), unassign(other, joint);
        if (theirs >= 0) assign(one, joint, theirs);
        if (mine >= 0) assign(other, joint, mine);
    }
}

PersonSet State::merge_groups(const int64_t* numbers) {
    PersonSet changed(people());
    for (int64_t person = 0; person < people(); ++person) {
        if (numbers[person] == person) continue;
        changed.add(person), changed.add(numbers[person]);
    }
    // They may have changed numbers in a circle, so all are unassigned first.
    std::vector<std::pair<int64_t, int32_t>> taken;  // by which person and joint from now on
    for (const int32_t person : changed.list)
        for (int64_t joint = 0; joint < joints; ++joint) {
            const int32_t candidate = row(person)[joint];
            if (candidate < 0) continue;
            taken.emplace_back(numbers[person] * joints + joint, candidate);
            unassign(person, joint);
        }
    for (const auto& [slot, candidate] : taken) assign(slot / joints, slot % joints, candidate);
    return changed;
}

std::vector<int64_t> State::compact() {
    std::vector<int64_t> kept;
    for (int64_t person = 0; person < people(); ++person) {
        if (types_of.empty(size_t(person))) continue;
        const auto number = int32_t(kept.size());
        kept.push_back(person);
        if (number == person) continue;
        for (int64_t joint = 0; joint < joints; ++joint) {
            const int32_t candidate = members[size_t(number * joints + joint)] = row(person)[joint];
            if (candidate >= 0) person_of[size_t(candidate)] = number;
        }
        types_of.clear(size_t(number)), types_of.add(size_t(number), types_of, size_t(person));
        heights[size_t(number)] = heights[size_t(person)];
    }
    members.resize(kept.size() * size_t(joints)), heights.resize(kept.size()), types_of.resize(people());
    return kept;
}

}  // namespace bottomup::grouping
