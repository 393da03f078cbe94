// Two people who had better merge, or exchange joints.
#pragma once

#include "held_limbs.h"

namespace bottomup::grouping {

struct Couple {
    int64_t first, second, pattern;
    double gain;
};

// The best of some couples, each person in one of them at most.
std::vector<Couple> each_once(std::vector<Couple>&& couples, int64_t people);

// Who merges and who exchanges what, the best first, each person at most once. Two people neither of whom is touched are
// left out. Memory is kept between calls.
class CoupleFinder {
   public:
    CoupleFinder(const Rule& rule, const Links& links, const State& state, const Within& within);

    std::vector<Couple> mergers(const PersonSet& touched);    // grouping_couples.cpp
    std::vector<Couple> exchanges(const PersonSet& touched);  // grouping_exchange.cpp

   private:
    // A limb between two people, `first` having the lower number.
    struct Contact {
        int32_t first, second, limb;
        float affinity, length;
    };

    void find_contacts(const PersonSet& touched);
    void find_among_all(const PersonSet& touched);
    void find_around(const PersonSet& touched);
    void sort_contacts();

    double scale_of(int64_t a, int64_t b) const;
    bool is_open(int32_t first, int32_t second) const;
    bool may_pay(const Contact& contact, double scale) const;
    void measure(const Contact* from, const Contact* to);
    void choose_pattern(Couple& best);

    const Rule& rule;
    const Links& links;
    const State& state;
    const Within& within;
    std::vector<Contact> found;  // so many first ones; there is room for more
    size_t count = 0;
    std::vector<Contact> contacts;  // the same, sorted
    std::vector<int32_t> by_first, by_second, order;  // places to sort them by
    std::vector<char> flags;        // of each person, after nobody
    std::vector<int32_t> surplus;   // (K,) of how many more joints of a type the first of two people has
    std::vector<double> change;     // (L,) what F gains by each limb that loses one end to the other person
    std::vector<uint64_t> chosen;   // patterns, as bits
};

}  // namespace bottomup::grouping
