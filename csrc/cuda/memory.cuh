// Error checks and owned device memory.
#pragma once

#include <cuda_runtime.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace bottomup::cuda {

inline void check(cudaError_t status, const char* what) {
    if (status != cudaSuccess)
        throw std::runtime_error(std::string("CUDA failed to ") + what + ": " + cudaGetErrorString(status));
}

// Makes the GPU that a pointer belongs to the current one while it lives.
class DeviceGuard {
public:
    explicit DeviceGuard(const void* pointer) {
        cudaPointerAttributes attributes{};
        check(cudaPointerGetAttributes(&attributes, pointer), "find the device of a field");
        check(cudaGetDevice(&before_), "get the current device");
        if (attributes.type != cudaMemoryTypeDevice && attributes.type != cudaMemoryTypeManaged)
            throw std::runtime_error("a field must be in the memory of a GPU");
        check(cudaSetDevice(attributes.device), "select the device of a field");
    }
    ~DeviceGuard() { cudaSetDevice(before_); }
    DeviceGuard(const DeviceGuard&) = delete;
    DeviceGuard& operator=(const DeviceGuard&) = delete;

private:
    int before_ = 0;
};

template <class T>
class DeviceArray {
public:
    explicit DeviceArray(size_t count) : count_(count) {
        if (count) check(cudaMalloc(&data_, count * sizeof(T)), "allocate device memory");
    }
    DeviceArray(const std::vector<T>& host, cudaStream_t stream) : DeviceArray(host.size()) {
        if (!count_) return;
        check(cudaMemcpyAsync(data_, host.data(), count_ * sizeof(T), cudaMemcpyHostToDevice, stream), "copy to the device");
    }
    ~DeviceArray() { cudaFree(data_); }
    DeviceArray(const DeviceArray&) = delete;
    DeviceArray& operator=(const DeviceArray&) = delete;

    T* get() const { return data_; }
    size_t size() const { return count_; }

    std::vector<T> to_host(size_t count, cudaStream_t stream) const {
        std::vector<T> host(count);
        if (count)
            check(cudaMemcpyAsync(host.data(), data_, count * sizeof(T), cudaMemcpyDeviceToHost, stream), "copy to the host");
        check(cudaStreamSynchronize(stream), "finish a kernel");
        return host;
    }

private:
    T* data_ = nullptr;
    size_t count_ = 0;
};

constexpr int kThreads = 256;

inline unsigned blocks_for(int64_t count) {
    const int64_t blocks = (count + kThreads - 1) / kThreads;
    return unsigned(blocks < 1 ? 1 : (blocks > (1 << 20) ? (1 << 20) : blocks));
}

}  // namespace bottomup::cuda
