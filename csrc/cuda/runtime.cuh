// Errors, devices, launches, and memory that is kept between calls.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace bottomup::cuda {

inline void check(cudaError_t status, const char* what) {
    if (status == cudaSuccess) return;
    (void)cudaGetLastError();  // an error that is reported here must not turn up again in the next call
    throw std::runtime_error(std::string("CUDA failed to ") + what + ": " + cudaGetErrorString(status));
}

// The GPU in whose memory a field is; throws if it is in none's.
int device_of(const void* pointer);

// Makes a GPU the current one while it lives.
class DeviceGuard {
   public:
    explicit DeviceGuard(int device);
    explicit DeviceGuard(const void* pointer) : DeviceGuard(device_of(pointer)) {}
    ~DeviceGuard();
    DeviceGuard(const DeviceGuard&) = delete;
    DeviceGuard& operator=(const DeviceGuard&) = delete;

    int device() const { return device_; }

   private:
    int before_ = 0, device_ = 0;
};

constexpr int kThreads = 256;

template <class... Parameters>
void launch(const char* what, void (*kernel)(Parameters...), int64_t blocks, cudaStream_t stream,
            std::common_type_t<Parameters>... arguments) {
    if (blocks <= 0) return;
    if (blocks > INT32_MAX) throw std::runtime_error(std::string("CUDA cannot ") + what + ": the fields are too large");
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(unsigned(blocks), 1, 1);
    config.blockDim = dim3(kThreads, 1, 1);
    config.stream = stream;
    check(cudaLaunchKernelEx(&config, kernel, std::move(arguments)...), what);
}

inline int64_t blocks_of(int64_t items, int64_t per_block) { return (items + per_block - 1) / per_block; }

// Device memory for the pieces of one call: reserve them all, allocate once. From a pool of this library, which keeps
// a little between calls; given back in the order of the stream.
class Arena {
   public:
    explicit Arena(int device, cudaStream_t stream) : device_(device), stream_(stream) {}
    ~Arena();
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    // Where `count` values of `size` bytes will lie.
    size_t reserve(int64_t count, size_t size);
    void allocate();
    template <class T>
    T* at(size_t place) const {
        return reinterpret_cast<T*>(base_ + place);
    }
    size_t size() const { return size_; }

   private:
    int device_;
    cudaStream_t stream_;
    char* base_ = nullptr;
    size_t size_ = 0;
    bool pooled_ = false;
};

// Host memory that the GPU copies from and to without a detour.
class PinnedBuffer {
   public:
    PinnedBuffer(size_t size, cudaStream_t stream);
    // Waits for the copies of a call that was broken off, since the memory serves another call next.
    ~PinnedBuffer();
    PinnedBuffer(const PinnedBuffer&) = delete;
    PinnedBuffer& operator=(const PinnedBuffer&) = delete;

    char* get() const { return data_; }
    size_t size() const { return size_; }
    void in_use() { in_use_ = true; }
    void finished() { in_use_ = false; }

   private:
    cudaStream_t stream_;
    char* data_ = nullptr;
    size_t size_ = 0;
    bool in_use_ = false;
};

// Gives back the memory that is kept between calls.
void release_memory();

// How many peaks and pairs the last call on a GPU had in its fullest channel and limb: the next one's likely need.
struct Needs {
    int64_t peaks = 0, pairs = 0;
};
Needs last_needs(int device);
void remember_needs(int device, Needs needs);

}  // namespace bottomup::cuda
