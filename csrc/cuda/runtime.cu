// Devices, and the memory that is kept between calls.
#include "runtime.cuh"

#include <array>
#include <mutex>
#include <vector>

#include "kernels.h"

namespace bottomup::cuda {
namespace {

// What a pool may keep between calls: room for a batch of a few hundred images. Beyond, each call asks the driver anew.
constexpr uint64_t kKeptDeviceBytes = 512u << 20;
// Host buffers kept between calls; more threads than this allocate anew each time.
constexpr size_t kKeptBuffers = 8, kKeptBufferBytes = 16u << 20;

struct DeviceState {
    bool known = false;
    cudaMemPool_t pool = nullptr;  // null where the driver has none
    Needs needs;
};

struct HostBuffer {
    char* data;
    size_t size;
};

// Never destroyed, since the driver may be gone by the time that static objects are.
struct Shared {
    std::mutex mutex;
    std::vector<DeviceState> devices;
    std::vector<HostBuffer> buffers;
};

Shared& shared() {
    static Shared* const instance = [] {
        auto* made = new Shared;
        made->buffers.reserve(kKeptBuffers);  // so that returning one cannot fail
        return made;
    }();
    return *instance;
}

DeviceState& state_of(Shared& all, int device) {
    if (all.devices.size() <= size_t(device)) all.devices.resize(size_t(device) + 1);
    return all.devices[size_t(device)];
}

cudaMemPool_t make_pool(int device) {
    int supported = 0;
    check(cudaDeviceGetAttribute(&supported, cudaDevAttrMemoryPoolsSupported, device), "ask for memory pools");
    if (!supported) return nullptr;
    cudaMemPoolProps properties{};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location.type = cudaMemLocationTypeDevice;
    properties.location.id = device;
    cudaMemPool_t pool = nullptr;
    check(cudaMemPoolCreate(&pool, &properties), "create a memory pool");
    uint64_t kept = kKeptDeviceBytes;
    check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &kept), "set up a memory pool");
    return pool;
}

cudaMemPool_t pool_of(int device) {
    Shared& all = shared();
    const std::lock_guard<std::mutex> lock(all.mutex);
    DeviceState& state = state_of(all, device);
    if (!state.known) {
        state.pool = make_pool(device);
        state.known = true;
    }
    return state.pool;
}

// Whether this one runs tells whether the build has code for a GPU.
__global__ void mark(int* place) {
    if (threadIdx.x == 0) *place = 1;
}

void try_kernel(int device) {
    Arena arena(device, nullptr);
    const size_t place = arena.reserve(1, sizeof(int));
    arena.allocate();
    int value = 0;
    launch("run a kernel", mark, 1, nullptr, arena.at<int>(place));
    check(cudaMemcpyAsync(&value, arena.at<int>(place), sizeof value, cudaMemcpyDeviceToHost, nullptr), "copy a result");
    check(cudaStreamSynchronize(nullptr), "run a kernel");
    if (value != 1) throw std::runtime_error("CUDA failed to run a kernel: it did nothing");
}

}  // namespace

int device_of(const void* pointer) {
    cudaPointerAttributes attributes{};
    check(cudaPointerGetAttributes(&attributes, pointer), "find the device of a field");
    if (attributes.type != cudaMemoryTypeDevice && attributes.type != cudaMemoryTypeManaged)
        throw std::runtime_error("a field must be in the memory of a GPU");
    return attributes.device;
}

DeviceGuard::DeviceGuard(int device) : device_(device) {
    check(cudaGetDevice(&before_), "get the current device");
    if (device_ != before_) check(cudaSetDevice(device_), "select a device");
}

DeviceGuard::~DeviceGuard() {
    if (device_ != before_) (void)cudaSetDevice(before_);
}

size_t Arena::reserve(int64_t count, size_t size) {
    constexpr size_t kAlignment = 256, kMost = size_t(1) << 46;
    if (count < 0 || size_t(count) > kMost / size)
        throw std::runtime_error("CUDA failed to allocate memory: the fields are too large");
    const size_t place = size_;
    size_ += (size_t(count) * size + kAlignment - 1) / kAlignment * kAlignment;
    return place;
}

void Arena::allocate() {
    const cudaMemPool_t pool = pool_of(device_);
    pooled_ = pool != nullptr;
    void* memory = nullptr;
    check(pool ? cudaMallocFromPoolAsync(&memory, size_, pool, stream_) : cudaMalloc(&memory, size_),
          "allocate device memory");
    base_ = static_cast<char*>(memory);
}

Arena::~Arena() {
    if (base_) (void)(pooled_ ? cudaFreeAsync(base_, stream_) : cudaFree(base_));
}

PinnedBuffer::PinnedBuffer(size_t size, cudaStream_t stream) : stream_(stream) {
    Shared& all = shared();
    {
        const std::lock_guard<std::mutex> lock(all.mutex);
        for (size_t i = all.buffers.size(); i-- > 0;) {
            if (all.buffers[i].size < size) continue;
            data_ = all.buffers[i].data, size_ = all.buffers[i].size;
            all.buffers.erase(all.buffers.begin() + std::ptrdiff_t(i));
            return;
        }
    }
    size_ = 1u << 16;
    while (size_ < size) size_ *= 2;
    void* memory = nullptr;
    check(cudaHostAlloc(&memory, size_, cudaHostAllocPortable), "allocate host memory");
    data_ = static_cast<char*>(memory);
}

PinnedBuffer::~PinnedBuffer() {
    if (in_use_) (void)cudaStreamSynchronize(stream_);
    Shared& all = shared();
    {
        const std::lock_guard<std::mutex> lock(all.mutex);
        if (all.buffers.size() < kKeptBuffers && size_ <= kKeptBufferBytes) {
            all.buffers.push_back({data_, size_});
            return;
        }
    }
    (void)cudaFreeHost(data_);
}

void release_memory() {
    Shared& all = shared();
    std::vector<cudaMemPool_t> pools;
    {
        const std::lock_guard<std::mutex> lock(all.mutex);
        for (const HostBuffer& buffer : all.buffers) (void)cudaFreeHost(buffer.data);
        all.buffers.clear();
        for (const DeviceState& state : all.devices) pools.push_back(state.pool);
    }
    for (size_t device = 0; device < pools.size(); ++device) {
        if (!pools[device]) continue;
        const DeviceGuard guard{int(device)};
        // Memory that was freed in the order of a stream is only given back once that is known to have come so far.
        check(cudaDeviceSynchronize(), "finish earlier work");
        check(cudaMemPoolTrimTo(pools[device], 0), "give back device memory");
    }
}

Needs last_needs(int device) {
    Shared& all = shared();
    const std::lock_guard<std::mutex> lock(all.mutex);
    return state_of(all, device).needs;
}

void remember_needs(int device, Needs needs) {
    Shared& all = shared();
    const std::lock_guard<std::mutex> lock(all.mutex);
    state_of(all, device).needs = needs;
}

int device_count() {
    int count = 0;
    if (cudaGetDeviceCount(&count) == cudaSuccess) return count;
    (void)cudaGetLastError();
    return 0;
}

std::vector<std::string> device_faults() {
    std::vector<std::string> faults(static_cast<size_t>(device_count()));
    int before = 0;
    if (faults.empty() || cudaGetDevice(&before) != cudaSuccess) return faults;
    for (size_t device = 0; device < faults.size(); ++device) {
        try {
            check(cudaSetDevice(int(device)), "select a device");
            try_kernel(int(device));
        } catch (const std::runtime_error& error) {
            faults[device] = error.what();
        }
    }
    (void)cudaSetDevice(before);
    return faults;
}

}  // namespace bottomup::cuda
