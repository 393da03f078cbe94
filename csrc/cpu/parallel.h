// A loop over independent items on a few threads; the first exception reaches the caller. The body is given the number
// of its worker, below worker_count(), and of the item.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>

namespace bottomup::cpu {

inline int worker_count(int64_t count, int threads) {
    return int(std::min<int64_t>(std::max<int64_t>(count, 1), std::max(threads, 1)));
}

// Runs `work(0)` on this thread and `work(1)` up to `work(helpers)` on others as far as these are free before this one is
// done. The others are kept for the next call, of whichever thread; a forked process starts its own.
void run_with_helpers(int helpers, const std::function<void(int)>& work);

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
    run_with_helpers(workers - 1, [&](int worker) {
        try {
            for (int64_t i; (i = next.fetch_add(1)) < count;) body(worker, i);
        } catch (...) {
            const std::lock_guard<std::mutex> lock(mutex);
            if (!error) error = std::current_exception();
            next.store(count);
        }
    });
    if (error) std::rethrow_exception(error);
}

}  // namespace bottomup::cpu
