// Who holds what.
#include <algorithm>
#include <limits>

#include "model.h"

namespace bottomup::grouping {

State::State(int64_t joints_, std::vector<int32_t> owner_, std::vector<int32_t> slots_, std::vector<double> scales_)
    : joints(joints_), owner(std::move(owner_)), slots(std::move(slots_)), scales(std::move(scales_)),
      held(joints, people()) {
    for (int64_t person = 0; person < people(); ++person)
        for (int64_t joint = 0; joint < joints; ++joint)
            if (row(person)[joint] >= 0) held.add(size_t(person), int32_t(joint));
}

int64_t State::add_person() {
    slots.resize(slots.size() + size_t(joints), -1);
    scales.push_back(std::numeric_limits<double>::quiet_NaN());
    held.resize(people());
    return people() - 1;
}

void State::absorb(int64_t person, int64_t other) {
    for (int64_t joint = 0; joint < joints; ++joint) {
        const int32_t candidate = row(other)[joint];
        if (candidate < 0) continue;
        release(other, joint);
        hold(person, joint, candidate);
    }
}

void State::exchange(int64_t one, int64_t other, const std::vector<int32_t>& types) {
    for (const int32_t joint : types) {
        const int32_t mine = row(one)[joint], theirs = row(other)[joint];
        release(one, joint), release(other, joint);
        if (theirs >= 0) hold(one, joint, theirs);
        if (mine >= 0) hold(other, joint, mine);
    }
}

PersonSet State::unite(const int64_t* numbers) {
    PersonSet changed(people());
    for (int64_t person = 0; person < people(); ++person) {
        if (numbers[person] == person) continue;
        changed.add(person), changed.add(numbers[person]);
    }
    // They may have changed numbers in a circle, so all let go before anybody takes.
    std::vector<std::pair<int64_t, int32_t>> taken;  // by whom from now on
    for (const int32_t person : changed.members)
        for (int64_t joint = 0; joint < joints; ++joint) {
            const int32_t candidate = row(person)[joint];
            if (candidate < 0) continue;
            taken.emplace_back(numbers[person] * joints + joint, candidate);
            release(person, joint);
        }
    for (const auto& [slot, candidate] : taken) hold(slot / joints, slot % joints, candidate);
    return changed;
}

std::vector<int64_t> State::compact() {
    std::vector<int64_t> kept;
    for (int64_t person = 0; person < people(); ++person) {
        if (held.empty(size_t(person))) continue;
        const auto number = int32_t(kept.size());
        kept.push_back(person);
        if (number == person) continue;
        for (int64_t joint = 0; joint < joints; ++joint) {
            const int32_t candidate = slots[size_t(number * joints + joint)] = row(person)[joint];
            if (candidate >= 0) owner[size_t(candidate)] = number;
        }
        held.clear(size_t(number)), held.add(size_t(number), held, size_t(person));
        scales[size_t(number)] = scales[size_t(person)];
    }
    slots.resize(kept.size() * size_t(joints)), scales.resize(kept.size()), held.resize(people());
    return kept;
}

}  // namespace bottomup::grouping
