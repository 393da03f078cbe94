// The threads that help, kept from call to call.
#include "parallel.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <system_error>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#define BOTTOMUP_FORKS
#endif

namespace bottomup::cpu {
namespace {

// Waking a thread takes about as long as a small loop. One that has nothing to do looks out for so long before it sleeps,
// since a decode's loops follow close on each other; where there are more threads than cores it lets others go first.
constexpr std::chrono::microseconds kLookOut{300};

template <class Condition>
void look_out(Condition met) {
    const auto end = std::chrono::steady_clock::now() + kLookOut;
    while (!met() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
}

// One call's work, and who is at it.
struct Job {
    const std::function<void(int)>* work;
    int first_free;  // the number of the next helper
    int wanted;      // helpers that may still come
    std::atomic<int> running{0};
};

class Helpers {
   public:
    void run(int count, const std::function<void(int)>& work) {
        Job job{&work, 1, count};
        {
            const std::lock_guard<std::mutex> lock(mutex);
            start(count);
            waiting.push_back(&job);
            ++jobs;
        }
        wake.notify_all();
        work(0);
        std::unique_lock<std::mutex> lock(mutex);
        if (job.wanted > 0) remove(&job);  // too late to help
        if (job.running > 0) {
            lock.unlock();
            look_out([&] { return job.running == 0; });
            lock.lock();
        }
        done.wait(lock, [&] { return job.running == 0; });
    }

   private:
    void start(int count) {
        try {
            for (; threads < count; ++threads) std::thread([this] { help(); }).detach();
        } catch (const std::system_error&) {
            // The system has no thread left to give; those that run do the work.
        }
    }

    void remove(Job* job) {
        waiting.erase(std::find(waiting.begin(), waiting.end(), job));
        --jobs;
    }

    [[noreturn]] void help() {
        while (true) {
            look_out([&] { return jobs > 0; });
            std::unique_lock<std::mutex> lock(mutex);
            wake.wait(lock, [&] { return !waiting.empty(); });
            Job& job = *waiting.front();
            const int number = job.first_free++;
            if (--job.wanted == 0) remove(&job);
            ++job.running;
            lock.unlock();
            (*job.work)(number);
            lock.lock();
            if (--job.running == 0) done.notify_all();
        }
    }

    std::mutex mutex;
    std::condition_variable wake, done;
    std::deque<Job*> waiting;
    std::atomic<int> jobs{0};  // as many as are waiting
    int threads = 0;
};

// Never destroyed: its threads may be waiting when the process ends. A forked process has none of them, and locks in
// whatever state they were, so it begins anew.
std::atomic<Helpers*> helpers{nullptr};

Helpers& all_helpers() {
    Helpers* there = helpers.load();
    if (there) return *there;
#if defined(BOTTOMUP_FORKS)
    static const int told = pthread_atfork(nullptr, nullptr, [] { helpers.store(nullptr); });
    (void)told;
#endif
    auto* fresh = new Helpers;
    if (helpers.compare_exchange_strong(there, fresh)) return *fresh;
    delete fresh;  // another thread was quicker
    return *there;
}

}  // namespace

void run_with_helpers(int count, const std::function<void(int)>& work) { all_helpers().run(count, work); }

}  // namespace bottomup::cpu
