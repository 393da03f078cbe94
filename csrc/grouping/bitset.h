// BitSets of joint types or limbs.
#pragma once

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../cpu/simd/bits.h"

namespace bottomup::grouping {

// Numbered sets, each some words of bits.
class BitSets {
   public:
    explicit BitSets(int64_t members = 0, int64_t sets = 0) : words(size_t(members + 63) / 64) { resize(sets); }

    // As many empty sets.
    BitSets like() const {
        BitSets empty(*this);
        std::fill(empty.bits.begin(), empty.bits.end(), 0);
        return empty;
    }

    void resize(int64_t sets) { bits.resize(words * size_t(sets)); }
    void add(size_t set, int32_t member) { bits[set * words + size_t(member) / 64] |= uint64_t(1) << (member % 64); }
    void remove(size_t set, int32_t member) { bits[set * words + size_t(member) / 64] &= ~(uint64_t(1) << (member % 64)); }
    void add(size_t set, const BitSets& others, size_t other) {
        pair_words(set, other, [&](size_t mine, size_t theirs) { bits[mine] |= others.bits[theirs]; });
    }
    void clear() { std::fill(bits.begin(), bits.end(), 0); }
    void clear(size_t set) {
        pair_words(set, set, [&](size_t mine, size_t) { bits[mine] = 0; });
    }
    bool has(size_t set, size_t member) const { return bits[set * words + member / 64] >> (member % 64) & 1; }
    // What two other sets have in common.
    void add_common(size_t set, const BitSets& ones, size_t one, const BitSets& others, size_t other) {
        for (size_t word = 0; word < words; ++word)
            bits[set * words + word] |= ones.bits[one * words + word] & others.bits[other * words + word];
    }
    void remove(size_t set, const BitSets& others, size_t other) {
        pair_words(set, other, [&](size_t mine, size_t theirs) { bits[mine] &= ~others.bits[theirs]; });
    }
    // Calls `visit(member)`, rising.
    template <class Visit>
    void visit(size_t set, Visit visit) const {
        for (size_t word = 0; word < words; ++word)
            for (uint64_t left = bits[set * words + word]; left != 0; left &= left - 1)
                visit(64 * word + size_t(lowest_bit(left)));
    }
    bool empty(size_t set) const {
        uint64_t any = 0;
        pair_words(set, set, [&](size_t mine, size_t) { any |= bits[mine]; });
        return any == 0;
    }
    int count_common(size_t set, const BitSets& others, size_t other) const {
        int count = 0;
        pair_words(set, other, [&](size_t mine, size_t theirs) {
            count += int(std::bitset<64>(bits[mine] & others.bits[theirs]).count());
        });
        return count;
    }
    // Whether two sets have a member in common, and whether one has any that the other lacks.
    bool meet(size_t set, const BitSets& others, size_t other) const {
        uint64_t both = 0;
        pair_words(set, other, [&](size_t mine, size_t theirs) { both |= bits[mine] & others.bits[theirs]; });
        return both != 0;
    }
    // The first without the members of a third.
    bool meet_rest(size_t set, const BitSets& others, size_t other, const BitSets& left_out, size_t third) const {
        uint64_t both = 0;
        for (size_t word = 0; word < words; ++word)
            both |= bits[set * words + word] & others.bits[other * words + word] & ~left_out.bits[third * words + word];
        return both != 0;
    }
    bool exceed(size_t set, const BitSets& others, size_t other) const {
        uint64_t more = 0;
        pair_words(set, other, [&](size_t mine, size_t theirs) { more |= bits[mine] & ~others.bits[theirs]; });
        return more != 0;
    }

   private:
    // Calls `visit` for the places of the words of two sets. Hardly any skeleton needs more than one word.
    template <class Visit>
    void pair_words(size_t set, size_t other, Visit visit) const {
        if (words == 1) return visit(set, other);
        for (size_t word = 0; word < words; ++word) visit(set * words + word, other * words + word);
    }

    size_t words;
    std::vector<uint64_t> bits;
};

}  // namespace bottomup::grouping
