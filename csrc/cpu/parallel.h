// A loop over independent items on a few threads; the first exception reaches the caller. The body is given the number
// of its worker, below worker_count(), and of the item.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace bottomup::cpu {

inline int worker_count(int64_t count, int threads) {
    return int(std::min<int64_t>(std::max<int64_t>(count, 1), std::max(threads, 1)));
}

template <class Body>
void parallel_for(int64_t count, int threads, Body body) {
    const int workers = worker_count(count, threads);
    if (workers == 1) {
        for (int64_t i = 0; i < count; ++i) body(0, i);
        return;
    }
    std::atomic<int64_t> next{0};
    std::exception_ptr error;
    std::mutex mutex;
    auto work = [&](int worker) {
        try {
            for (int64_t i; (i = next.fetch_add(1)) < count;) body(worker, i);
        } catch (...) {
            const std::lock_guard<std::mutex> lock(mutex);
            if (!error) error = std::current_exception();
            next.store(count);
        }
    };
    std::vector<std::thread> pool;
    pool.reserve(size_t(workers) - 1);
    try {
        for (int i = 1; i < workers; ++i) pool.emplace_back(work, i);
    } catch (const std::system_error&) {
        // The system has no thread left to give; those that run do the work.
    }
    work(0);
    for (std::thread& thread : pool) thread.join();
    if (error) std::rethrow_exception(error);
}

}  // namespace bottomup::cpu
