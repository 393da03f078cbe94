// Records found in any order, collected by segment (the peaks of a channel, the pairs of a limb), and their way into
// one sorted list. No segment has a cap: its count goes on when its room is full, and the call is repeated with more.
#pragma once

#include "output.cuh"
#include "runtime.cuh"

namespace bottomup::cuda {

using Count = unsigned long long;

template <class Record>
struct Segments {
    Count* counts;          // one per segment, 0 at first
    uint64_t* keys;         // by which a segment is sorted; no two are the same
    Record* records;
    const int64_t* starts;  // where each segment's room starts; null if all have the same
    int64_t segments, room;

    BOTTOMUP_HD_MEMBER int64_t start(int64_t segment) const { return starts ? starts[segment] : segment * room; }
    BOTTOMUP_HD_MEMBER int64_t capacity(int64_t segment) const {
        return starts ? starts[segment + 1] - starts[segment] : room;
    }
    BOTTOMUP_HD_MEMBER int64_t kept(int64_t segment) const {
        const int64_t count = int64_t(counts[segment]), most = capacity(segment);
        return count < most ? count : most;
    }

    __device__ void add(int64_t segment, uint64_t key, const Record& record) const {
        const int64_t slot = int64_t(atomicAdd(&counts[segment], Count(1)));
        if (slot >= capacity(segment)) return;
        keys[start(segment) + slot] = key;
        records[start(segment) + slot] = record;
    }
};

// So many records are sorted by one block; longer segments are sorted in such chunks first.
constexpr int kChunk = 1024;

// Where a segment begins in the sorted list: the records in those before it. All threads of the block take part.
template <class Record>
__device__ int64_t begin_of(const Segments<Record>& found, int64_t segment) {
    __shared__ int64_t sums[kThreads];
    int64_t sum = 0;
    for (int64_t s = threadIdx.x; s < segment; s += kThreads) sum += found.kept(s);
    sums[threadIdx.x] = sum;
    __syncthreads();
    for (int half = kThreads / 2; half > 0; half /= 2) {
        if (int(threadIdx.x) < half) sums[threadIdx.x] += sums[threadIdx.x + half];
        __syncthreads();
    }
    return sums[0];
}

// How many of `count` rising keys are below this one.
__device__ inline int64_t count_below(const uint64_t* keys, int64_t count, uint64_t key) {
    int64_t low = 0, high = count;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (keys[middle] < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// One block per chunk of each segment. A record's place in its chunk is the number of smaller keys there: quadratic,
// but for the some fifty records of a crowd no sort with more than one barrier should be faster. The only chunk of a
// segment goes to the sorted list at once, others to `sorted`, which has the room of `found`, for merge_chunks.
// `Stage` names the list: offsets(), total(), most(), lost() and write(place, key, record).
template <class Record, class Stage>
__global__ void sort_chunks(Segments<Record> found, Segments<Record> sorted, Stage stage, int64_t chunks) {
    __shared__ uint64_t keys[kChunk];
    const int64_t segment = blockIdx.x / chunks, first = (blockIdx.x % chunks) * kChunk, count = found.kept(segment);
    if (first > 0 && first >= count) return;
    const int64_t begin = begin_of(found, segment);
    if (first == 0 && threadIdx.x == 0) {
        stage.offsets()[segment] = begin;
        if (segment == found.segments - 1) {
            stage.offsets()[found.segments] = begin + count;
            *stage.total() = Count(begin + count);
        }
        atomicMax(stage.most(), found.counts[segment]);
        if (int64_t(found.counts[segment]) > count) *stage.lost() = 1;
    }
    const int length = int(count - first < kChunk ? count - first : kChunk);
    const int64_t from = found.start(segment) + first;
    for (int i = int(threadIdx.x); i < length; i += kThreads) keys[i] = found.keys[from + i];
    __syncthreads();
    for (int i = int(threadIdx.x); i < length; i += kThreads) {
        const uint64_t key = keys[i];
        int place = 0;
        for (int j = 0; j < length; ++j) place += keys[j] < key;
        if (count <= kChunk) {
            stage.write(begin + place, key, found.records[from + i]);
        } else {
            sorted.keys[from + place] = key;
            sorted.records[from + place] = found.records[from + i];
        }
    }
}

// Puts together segments of several sorted chunks: a record's place is that in its own plus the smaller keys of others.
template <class Record, class Stage>
__global__ void merge_chunks(Segments<Record> sorted, Stage stage, int64_t chunks) {
    const int64_t segment = blockIdx.x / chunks, own = blockIdx.x % chunks, count = sorted.kept(segment);
    if (count <= kChunk || own * kChunk >= count) return;
    const int64_t from = sorted.start(segment), begin = stage.offsets()[segment];
    const int64_t end = (own + 1) * kChunk < count ? (own + 1) * kChunk : count;
    for (int64_t i = own * kChunk + threadIdx.x; i < end; i += kThreads) {
        const uint64_t key = sorted.keys[from + i];
        int64_t place = i - own * kChunk;
        for (int64_t other = 0; other * kChunk < count; ++other) {
            if (other == own) continue;
            const int64_t left = count - other * kChunk;
            place += count_below(sorted.keys + from + other * kChunk, left < kChunk ? left : kChunk, key);
        }
        stage.write(begin + place, key, sorted.records[from + i]);
    }
}

template <class Record, class Stage>
void sort_segments(const Segments<Record>& found, const Segments<Record>& sorted, const Stage& stage, int64_t most,
                   cudaStream_t stream) {
    const int64_t chunks = most > kChunk ? blocks_of(most, kChunk) : 1;
    launch("sort records", sort_chunks<Record, Stage>, found.segments * chunks, stream, found, sorted, stage, chunks);
    if (chunks > 1)
        launch("merge records", merge_chunks<Record, Stage>, found.segments * chunks, stream, sorted, stage, chunks);
}

}  // namespace bottomup::cuda
