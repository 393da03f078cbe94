// What every kernel shares: the view of a field in memory, and the macro for code that runs on both sides.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#include <cuda_fp16.h>
#define BOTTOMUP_HD static __host__ __device__ inline
#define BOTTOMUP_HD_MEMBER __host__ __device__ inline
#else
// Static, since csrc/cpu compiles some files for several instruction sets: each must use its own version.
#define BOTTOMUP_HD static inline
#define BOTTOMUP_HD_MEMBER inline
#endif

namespace bottomup {

template <class To, class From>
BOTTOMUP_HD To bit_cast(From from) {
    static_assert(sizeof(To) == sizeof(From), "only the type changes, not the bits");
    To to;
    std::memcpy(&to, &from, sizeof(to));
    return to;
}

// IEEE 754 binary16 held as its bits; converted by hand on the host, so that no CPU feature is needed.
struct Half {
    uint16_t bits;
};

// The upper half of a float's bits.
struct BFloat16 {
    uint16_t bits;
};

BOTTOMUP_HD float to_float(float value) { return value; }

BOTTOMUP_HD float to_float(Half half) {
#if defined(__CUDA_ARCH__)
    return __half2float(__ushort_as_half(half.bits));  // exact, as below, in one instruction
#else
    // Without a branch, so that loops over it vectorise.
    const uint32_t magnitude = half.bits & 0x7fffu;
    const uint32_t sign = uint32_t(half.bits & 0x8000u) << 16;
    // Normal numbers move 13 bits up and change bias by 112; infinity and NaN need the full exponent.
    const uint32_t normal = (magnitude << 13) + ((magnitude >= 0x7c00u ? 224u : 112u) << 23);
    // Subnormals are multiples of 2^-24, which a float holds exactly.
    const uint32_t subnormal = bit_cast<uint32_t>(float(int32_t(magnitude)) * 5.9604644775390625e-8f);
    return bit_cast<float>((magnitude < 0x0400u ? subnormal : normal) | sign);
#endif
}

BOTTOMUP_HD float to_float(BFloat16 brain) { return bit_cast<float>(uint32_t(brain.bits) << 16); }

enum class DType { float32, float16, bfloat16 };

// Non-owning view of a (batch, channels, height, width) array; strides are in bytes and may have any sign.
struct FieldView {
    const char* data;
    DType dtype;
    int64_t batch, channels, height, width;
    int64_t stride_batch, stride_channel, stride_row, stride_column;

    BOTTOMUP_HD_MEMBER const char* plane(int64_t b, int64_t c) const {
        return data + b * stride_batch + c * stride_channel;
    }
};

template <class T>
BOTTOMUP_HD float load(const char* address) {
    return to_float(*reinterpret_cast<const T*>(address));
}

// One channel of one image, read cell by cell.
template <class T>
struct Plane {
    const char* data;
    int64_t stride_row, stride_column;

    BOTTOMUP_HD_MEMBER Plane(const FieldView& view, int64_t b, int64_t c)
        : data(view.plane(b, c)), stride_row(view.stride_row), stride_column(view.stride_column) {}

    BOTTOMUP_HD_MEMBER float operator()(int64_t row, int64_t column) const {
        return load<T>(data + row * stride_row + column * stride_column);
    }
};

// Where a kernel met a value that is not finite: (batch, channel, row, column), or batch -1 if nowhere.
struct NonFinite {
    int64_t batch = -1, channel = -1, row = -1, column = -1;
};

}  // namespace bottomup
