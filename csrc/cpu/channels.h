// Fields whose channels lie side by side, cell by cell ("channels last"): scanning each channel where it is would go through
// all memory once for each of them.
#pragma once

#include <vector>

#include "../common.h"
#include "parallel.h"

namespace bottomup::cpu {

template <class T>
bool are_interleaved(const FieldView& view) {
    const auto size = int64_t(sizeof(T));
    return view.channels > 1 && view.stride_channel == size && view.stride_column >= view.channels * size;
}

// One image of such a field with its channels one after the other, in `memory`.
template <class T>
FieldView split_channels(const FieldView& view, int64_t b, int threads, std::vector<char>& memory) {
    const int64_t cells = view.height * view.width;
    memory.resize(size_t(view.channels * cells) * sizeof(T));
    T* const planes = reinterpret_cast<T*>(memory.data());
    parallel_for(view.height, threads, [&](int, int64_t row) {
        constexpr int64_t kBlock = 32;  // cells at a time, so that what is read for one channel is there for the next
        const char* from = view.data + b * view.stride_batch + row * view.stride_row;
        for (int64_t begin = 0; begin < view.width; begin += kBlock) {
            const int64_t end = std::min(begin + kBlock, view.width);
            for (int64_t k = 0; k < view.channels; ++k) {
                T* const to = planes + k * cells + row * view.width;
                for (int64_t c = begin; c < end; ++c) to[c] = reinterpret_cast<const T*>(from + c * view.stride_column)[k];
            }
        }
    });
    const auto size = int64_t(sizeof(T));
    return {memory.data(), view.dtype,        1,   view.channels, view.height, view.width, view.channels * cells * size,
            cells * size,  view.width * size, size};
}

}  // namespace bottomup::cpu
