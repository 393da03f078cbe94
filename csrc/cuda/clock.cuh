// Device time between the stages of a call, where it is asked for.
#pragma once

#include <vector>

#include "runtime.cuh"

namespace bottomup::cuda {

class Clock {
   public:
    Clock(bool wanted, cudaStream_t stream) : wanted_(wanted), stream_(stream) {
        // All events at once: making one between two kernels would keep the GPU waiting.
        for (int stage = 0; wanted && stage < kMarks; ++stage) {
            marks_.push_back({nullptr, nullptr});
            check(cudaEventCreate(&marks_.back().event), "create an event");
        }
    }
    ~Clock() {
        for (const Mark& mark : marks_)
            if (mark.event) (void)cudaEventDestroy(mark.event);
    }
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;

    // What was put on the stream since the mark before is to be added to `stage`; null for the beginning.
    void mark(float* stage) {
        if (!wanted_) return;
        Mark& mark = marks_.at(used_++);
        mark.stage = stage;
        check(cudaEventRecord(mark.event, stream_), "record an event");
    }

    // Fills in the stages and returns the whole time, once the stream has been waited for.
    float read() const {
        float total = 0;
        for (size_t i = 1; i < used_; ++i) {
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

    static constexpr int kMarks = 6;  // the beginning, and what Timings has

    bool wanted_;
    cudaStream_t stream_;
    std::vector<Mark> marks_;
    size_t used_ = 0;
};

}  // namespace bottomup::cuda
