// A stand-in for the CUDA runtime that runs kernels on the processor, so that the CUDA sources, compiled by a C++
// compiler, can be tested without a GPU. "Device memory" is host memory. Blocks run one after the other; the threads of
// a block are coroutines that take turns at barriers. What it cannot show are races between threads, speed, and faults
// of a GPU's memory.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <tuple>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __noinline__
#define __grid_constant__
#define __launch_bounds__(...)
#define __shared__ static  // one block runs at a time
#define make_uint4(a, b, c, d) (uint4{a, b, c, d})

struct alignas(16) uint4 {
    uint32_t x, y, z, w;
};

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
    dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};

inline dim3 blockIdx, threadIdx, blockDim, gridDim;

namespace on_host {

// The threads of a block. Each runs until it ends or comes to a barrier, where the next one takes over. Their stacks
// serve all blocks of all kernels, so that a switch is no more than a jump.
class Block {
public:
    static Block& instance() {
        static Block block;
        return block;
    }

    template <class Body>
    void run(unsigned threads, const Body& body) {
        call_ = [](const void* of) { (*static_cast<const Body*>(of))(); };
        body_ = &body;
        while (fibers_.size() < threads) fibers_.push_back(std::make_unique<Fiber>());
        for (unsigned t = 0; t < threads; ++t) fibers_[t]->done = false;
        next_any_ = 0;
        for (size_t left = threads; left > 0;) {  // one round per barrier
            any_ = next_any_, next_any_ = 0;
            const size_t before = left;
            size_t waiting = 0;
            for (unsigned t = 0; t < threads; ++t) {
                if (fibers_[t]->done) continue;
                current_ = t, threadIdx = dim3(t, 0, 0);
                resume(*fibers_[t]);
                fibers_[t]->done ? --left : ++waiting;
            }
            // A barrier that only some of the threads reach hangs a GPU.
            if (waiting > 0 && waiting != before) std::abort();
        }
    }

    int barrier(int predicate) {
        next_any_ |= predicate;
        leave();
        return any_;
    }

private:
    static constexpr size_t kStack = 256u << 10;
    struct Fiber {
        std::unique_ptr<char[]> stack{new char[kStack]};
        jmp_buf place;
        bool started = false, done = false;
    };

    void resume(Fiber& fiber) {
        if (_setjmp(scheduler_) != 0) return;
        if (fiber.started) _longjmp(fiber.place, 1);
        fiber.started = true;
        ucontext_t context;
        getcontext(&context);
        context.uc_stack.ss_sp = fiber.stack.get();
        context.uc_stack.ss_size = kStack;
        context.uc_link = nullptr;
        makecontext(&context, &Block::live, 0);
        setcontext(&context);
    }

    void leave() {
        if (_setjmp(fibers_[current_]->place) == 0) _longjmp(scheduler_, 1);
    }

    static void live() {
        Block& block = instance();
        for (;;) {
            block.call_(block.body_);
            block.fibers_[block.current_]->done = true;
            block.leave();
        }
    }

    jmp_buf scheduler_;
    std::vector<std::unique_ptr<Fiber>> fibers_;
    void (*call_)(const void*) = nullptr;
    const void* body_ = nullptr;
    unsigned current_ = 0;
    int any_ = 0, next_any_ = 0;
};

inline std::mutex launches;

}  // namespace on_host

inline void __syncthreads() { on_host::Block::instance().barrier(0); }
inline int __syncthreads_or(int predicate) { return on_host::Block::instance().barrier(predicate != 0); }

template <class T>
T __ldg(const T* address) {
    if (reinterpret_cast<uintptr_t>(address) % alignof(T) != 0) std::abort();  // a GPU faults
    return *address;
}
template <class T>
T atomicAdd(T* address, T value) {
    const T before = *address;
    *address = before + value;
    return before;
}
template <class T>
T atomicMax(T* address, T value) {
    const T before = *address;
    *address = std::max(before, value);
    return before;
}
template <class T>
T atomicOr(T* address, T value) {
    const T before = *address;
    *address = before | value;
    return before;
}
template <class T>
T atomicCAS(T* address, T compare, T value) {
    const T before = *address;
    if (before == compare) *address = value;
    return before;
}

using cudaStream_t = struct Stream*;
using cudaEvent_t = std::chrono::steady_clock::time_point*;
using cudaMemPool_t = struct Pool*;
enum cudaError_t { cudaSuccess, cudaErrorMemoryAllocation, cudaErrorInvalidValue };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };
enum cudaMemoryType { cudaMemoryTypeUnregistered, cudaMemoryTypeHost, cudaMemoryTypeDevice, cudaMemoryTypeManaged };
enum cudaDeviceAttr { cudaDevAttrMemoryPoolsSupported };
enum { cudaMemAllocationTypePinned, cudaMemLocationTypeDevice, cudaMemPoolAttrReleaseThreshold };
enum { cudaHostAllocPortable, cudaEventDisableTiming };

struct cudaPointerAttributes {
    cudaMemoryType type;
    int device;
};
struct cudaMemPoolProps {
    int allocType;
    struct {
        int type, id;
    } location;
};
struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    size_t dynamicSmemBytes;
    cudaStream_t stream;
};

inline const char* cudaGetErrorString(cudaError_t) { return "an error of the stand-in"; }
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline cudaError_t cudaGetDeviceCount(int* count) { return *count = 1, cudaSuccess; }
inline cudaError_t cudaGetDevice(int* device) { return *device = 0, cudaSuccess; }
inline cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : cudaErrorInvalidValue; }
inline cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* out, const void* pointer) {
    // The lowest addresses are no memory, as the tests of bad pointers have it.
    out->type = reinterpret_cast<uintptr_t>(pointer) < (1u << 24) ? cudaMemoryTypeUnregistered : cudaMemoryTypeDevice;
    out->device = 0;
    return cudaSuccess;
}
inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) {
    return *value = std::getenv("BOTTOMUP_NO_POOLS") == nullptr, cudaSuccess;
}
inline cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps*) {
    return *pool = reinterpret_cast<cudaMemPool_t>(1), cudaSuccess;
}
inline cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, int, void*) { return cudaSuccess; }
inline cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, size_t) { return cudaSuccess; }

inline cudaError_t cudaMalloc(void** memory, size_t size) {
    *memory = size < (size_t(1) << 40) ? std::aligned_alloc(256, (size + 255) / 256 * 256) : nullptr;
    if (*memory) std::memset(*memory, 0xcd, size);  // what was never written shows
    return *memory ? cudaSuccess : cudaErrorMemoryAllocation;
}
inline cudaError_t cudaMallocFromPoolAsync(void** memory, size_t size, cudaMemPool_t, cudaStream_t) {
    return cudaMalloc(memory, size);
}
inline cudaError_t cudaFree(void* memory) { return std::free(memory), cudaSuccess; }
inline cudaError_t cudaFreeAsync(void* memory, cudaStream_t) { return cudaFree(memory); }
inline cudaError_t cudaHostAlloc(void** memory, size_t size, unsigned) { return cudaMalloc(memory, size); }
inline cudaError_t cudaFreeHost(void* memory) { return cudaFree(memory); }
inline cudaError_t cudaMemsetAsync(void* to, int value, size_t size, cudaStream_t) {
    return std::memset(to, value, size), cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t size, cudaMemcpyKind, cudaStream_t) {
    return std::memcpy(to, from, size), cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
inline cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }
inline cudaError_t cudaEventCreate(cudaEvent_t* event) {
    return *event = new std::chrono::steady_clock::time_point, cudaSuccess;
}
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) { return cudaEventCreate(event); }
inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
    return *event = std::chrono::steady_clock::now(), cudaSuccess;
}
inline cudaError_t cudaEventDestroy(cudaEvent_t event) { return delete event, cudaSuccess; }
inline cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
    return *milliseconds = std::chrono::duration<float, std::milli>(*to - *from).count(), cudaSuccess;
}

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
    const std::lock_guard<std::mutex> lock(on_host::launches);
    const std::tuple<Parameters...> values(std::forward<Arguments>(arguments)...);
    gridDim = config->gridDim, blockDim = config->blockDim;
    for (unsigned block = 0; block < gridDim.x; ++block) {
        blockIdx = dim3(block, 0, 0);
        on_host::Block::instance().run(blockDim.x, [&] { std::apply(kernel, values); });
    }
    return cudaSuccess;
}
