// The rows of one channel as floats.
#pragma once

#include <type_traits>
#include <vector>

#include "../kernels.h"
#include "simd/vectors.h"

namespace bottomup::cpu {

// Three rows in turn as contiguous floats: in place where memory already has that form, else converted.
template <class T>
class Rows {
   public:
    Rows(const Plane<T>& plane, int64_t width, std::vector<float>* buffers)
        : plane_(plane), width_(width), buffers_(buffers), contiguous_(plane.stride_column == int64_t(sizeof(T))) {}

    const float* operator[](int64_t row) const {
        const char* start = plane_.data + row * plane_.stride_row;
        if constexpr (std::is_same_v<T, float>)
            if (contiguous_) return reinterpret_cast<const float*>(start);
        std::vector<float>& buffer = buffers_[row % 3];
        buffer.resize(size_t(width_));
        if constexpr (!std::is_same_v<T, float>) {
            if (contiguous_) {
                const T* from = reinterpret_cast<const T*>(start);
                if constexpr (std::is_same_v<T, Half>) loops_.widen_half(from, buffer.data(), width_);
                if constexpr (std::is_same_v<T, BFloat16>) loops_.widen_bfloat16(from, buffer.data(), width_);
                return buffer.data();
            }
        }
        for (int64_t c = 0; c < width_; ++c) buffer[size_t(c)] = load<T>(start + c * plane_.stride_column);
        return buffer.data();
    }

   private:
    const Plane<T>& plane_;
    const int64_t width_;
    std::vector<float>* buffers_;
    const bool contiguous_;
    const VectorLoops& loops_ = vector_loops();
};

}  // namespace bottomup::cpu
