// Device time between the stages of a call, where it is asked for.
#pragma once

#include <vector>

#include "runtime.cuh"

namespace bottomup::cuda {

class Clock {
public:
    Clock(bool wanted, cudaStream_t stream) : wanted_(wanted), stream_(stream) {}
    ~Clock() {
        for (const Mark& mark : marks_) (void)cudaEventDestroy(mark.event);
    }
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;

    // What was put on the stream since the mark before is to be added to `stage`; null for the beginning.
    void mark(float* stage) {
        if (!wanted_) return;
        marks_.push_back({nullptr, stage});
        check(cudaEventCreate(&marks_.back().event), "create an event");
        check(cudaEventRecord(marks_.back().event, stream_), "record an event");
    }

    // Fills in the stages and returns the whole time, once the stream has been waited for.
    float read() const {
        float total = 0;
        for (size_t i = 1; i < marks_.size(); ++i) {
            float milliseconds = 0;
            check(cudaEventElapsedTime(&milliseconds, marks_[i - 1].event, marks_[i].event), "read an event");
            if (marks_[i].stage) *marks_[i].stage += milliseconds;
            total += milliseconds;
        }
        return total;
    }

private:
    struct Mark {
        cudaEvent_t event;
        float* stage;
    };

    bool wanted_;
    cudaStream_t stream_;
    std::vector<Mark> marks_;
};

}  // namespace bottomup::cuda
