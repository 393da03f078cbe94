// Assignment state: candidate -> person, and (person, joint type) -> candidate.
#pragma once

#include <cstdint>
#include <vector>

#include "bitset.h"

namespace bottomup::grouping {

// Some of the people, each once.
struct PersonSet {
    std::vector<char> has;  // of each person
    std::vector<int32_t> list;

    explicit PersonSet(int64_t people = 0) : has(size_t(people)) {}
    bool empty() const { return list.empty(); }
    void add(int64_t person) {
        if (int64_t(has.size()) <= person) has.resize(size_t(person) + 1);
        if (has[size_t(person)]) return;
        has[size_t(person)] = 1;
        list.push_back(int32_t(person));
    }
    void add(const PersonSet& others) {
        for (const int32_t person : others.list) add(person);
    }
    void clear() {
        for (const int32_t person : list) has[size_t(person)] = 0;
        list.clear();
    }
    // The person may have been added after the set was made.
    bool contains(int64_t person) const { return person < int64_t(has.size()) && has[size_t(person)]; }
};

// person_of (n,), members (P, K) and heights (P,) as in PersonJointGraph. A person may have no members.
struct State {
    State(int64_t joints, std::vector<int32_t> person_of, std::vector<int32_t> members, std::vector<double> heights);

    int64_t joints;
    std::vector<int32_t> person_of, members;
    std::vector<double> heights;
    BitSets types_of;  // of each person the joint types that it has

    int64_t people() const { return int64_t(heights.size()); }
    const int32_t* row(int64_t person) const { return members.data() + person * joints; }
    void assign(int64_t person, int64_t joint, int32_t candidate) {
        person_of[size_t(candidate)] = int32_t(person);
        members[size_t(person * joints + joint)] = candidate;
        types_of.add(size_t(person), int32_t(joint));
    }
    // person_of is left as it is, for the next `assign`.
    void unassign(int64_t person, int64_t joint) {
        members[size_t(person * joints + joint)] = -1;
        types_of.remove(size_t(person), int32_t(joint));
    }
    int64_t add_person();
    // Gives one person all members of another, with which it shares no type; the other one is left without any.
    void merge_people(int64_t person, int64_t other);
    // Swaps the members of some types between two people.
    void exchange(int64_t one, int64_t other, const std::vector<int32_t>& types);
    // Merges people whose `numbers` (P,) are the same and who share no type. Returns those that changed.
    PersonSet merge_groups(const int64_t* numbers);
    // Drops people without members and returns the numbers of the others, which stay in their order.
    std::vector<int64_t> compact();
};

}  // namespace bottomup::grouping
