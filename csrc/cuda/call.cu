#include "call.cuh"

#include <algorithm>
#include <cstring>

namespace bottomup::cuda {
namespace {

// Records of a segment for which there is room at first; sorted by a single block.
constexpr int64_t kFirstRoom = kChunk;
// Records over all segments, beyond which each gets room for what it holds and not for what the fullest one holds.
constexpr int64_t kWasteful = int64_t(1) << 21;
// What comes back in the first copy beside the fixed part; more than this many are fetched by a second one.
constexpr int64_t kUsualPeaks = 64, kUsualPairs = 128;
// Cells of the channels in which large plateaus are looked for at once.
constexpr int64_t kPlateauCells = int64_t(1) << 24;

int64_t power_of_two(int64_t at_least) {
    int64_t power = 1;
    while (power < at_least) power *= 2;
    return power;
}

int64_t first_room(int64_t segments, int64_t needed_last, int64_t possible) {
    const int64_t affordable = std::max<int64_t>(32, kWasteful / std::max<int64_t>(segments, 1));
    return std::min({std::max(kFirstRoom, power_of_two(needed_last)), affordable, possible});
}

}  // namespace

int64_t Room::most() const {
    int64_t most = each;
    for (size_t s = 1; s < starts.size(); ++s) most = std::max(most, starts[s] - starts[s - 1]);
    return most;
}

void Room::grow(int64_t needed, const Count* counts_on_device, cudaStream_t stream) {
    each = power_of_two(needed);
    starts.clear();
    if (each <= kWasteful / segments) return;
    std::vector<Count> counts(static_cast<size_t>(segments));
    const size_t bytes = counts.size() * sizeof(Count);
    check(cudaMemcpyAsync(counts.data(), counts_on_device, bytes, cudaMemcpyDeviceToHost, stream),
          "copy counts to the host");
    check(cudaStreamSynchronize(stream), "count records");
    each = 0;
    starts.assign(1, 0);
    for (const Count count : counts) starts.push_back(starts.back() + int64_t(count));
}

int64_t Call::map_cells() const {
    return heatmaps->height * heatmaps->width * peak_criteria.upsample * peak_criteria.upsample;
}

int64_t Call::candidate_count() const { return offsets[pafs->batch * limb_query.joints]; }

// Candidates that there may be.
int64_t Call::candidate_room() const { return heatmaps ? peak_room_.total() : candidate_count(); }

void Call::prepare() {
    const Needs needs = last_needs(device_);
    if (heatmaps) {
        peak_room_.segments = heatmaps->batch * heatmaps->channels;
        const int64_t height = heatmaps->height * peak_criteria.upsample, width = heatmaps->width * peak_criteria.upsample;
        // No two peaks lie in the same two by two cells.
        peak_room_.each = first_room(peak_room_.segments, needs.peaks, ((height + 1) / 2) * ((width + 1) / 2));
        planes_at_once_ = std::max<int64_t>(1, kPlateauCells / map_cells());
    }
    if (pafs) {
        pair_room_.segments = pafs->batch * limb_query.limbs;
        pair_room_.each = first_room(pair_room_.segments, needs.pairs, INT64_MAX);
    }
}

void Call::run() {
    prepare();
    for (runs_ = 1; !run_once(); ++runs_) continue;
}

Call::Places Call::reserve(Arena& arena) const {
    Places p{};
    const int64_t planes = peak_room_.segments, limbs = pair_room_.segments;
    // These are zero at first.
    p.peak_counts = arena.reserve(planes, sizeof(Count));
    p.pair_counts = arena.reserve(limbs, sizeof(Count));
    p.large = arena.reserve(planes, 1);
    const int64_t ends = pafs ? candidate_room() * reach_slots(limb_task()) : 0;
    p.near = arena.reserve(ends, sizeof(uint32_t));
    p.header = arena.reserve(1, sizeof(Header));
    // From the header on all comes back.
    p.peak_offsets = arena.reserve(heatmaps ? planes + 1 : 0, sizeof(int64_t));
    p.pair_offsets = arena.reserve(pafs ? limbs + 1 : 0, sizeof(int64_t));
    const int64_t peak_total = peak_room_.total(), pair_total = pair_room_.total();
    p.results = arena.reserve(peak_total * int64_t(sizeof(Candidate)) + pair_total * int64_t(sizeof(Pair)), 1);
    if (!heatmaps) {
        p.input_offsets = arena.reserve(pafs->batch * limb_query.joints + 1, sizeof(int64_t));
        p.input_candidates = arena.reserve(candidate_count(), sizeof(Candidate));
    }
    const int64_t sorted_peaks = peak_room_.most() > kChunk ? peak_total : 0;
    const int64_t sorted_pairs = pair_room_.most() > kChunk ? pair_total : 0;
    p.reach = arena.reserve(ends, sizeof(float));
    p.peak_keys = arena.reserve(peak_total, sizeof(uint64_t));
    p.peak_records = arena.reserve(peak_total, sizeof(Candidate));
    p.sorted_peak_keys = arena.reserve(sorted_peaks, sizeof(uint64_t));
    p.sorted_peak_records = arena.reserve(sorted_peaks, sizeof(Candidate));
    p.peak_starts = arena.reserve(int64_t(peak_room_.starts.size()), sizeof(int64_t));
    p.pair_keys = arena.reserve(pair_total, sizeof(uint64_t));
    p.pair_records = arena.reserve(pair_total, sizeof(float));
    p.sorted_pair_keys = arena.reserve(sorted_pairs, sizeof(uint64_t));
    p.sorted_pair_records = arena.reserve(sorted_pairs, sizeof(float));
    p.pair_starts = arena.reserve(int64_t(pair_room_.starts.size()), sizeof(int64_t));
    if (!plateau_planes_.empty()) {
        const int64_t at_once = std::min(planes_at_once_, int64_t(plateau_planes_.size()));
        const int64_t cells = at_once * map_cells();
        p.planes = arena.reserve(int64_t(plateau_planes_.size()), sizeof(int64_t));
        p.labels = arena.reserve(cells, sizeof(int));
        p.sizes = arena.reserve(cells, sizeof(int));
        p.sums = arena.reserve(cells / kSmallPlateau + 1, sizeof(PlateauSum));
        p.sums_used = arena.reserve(1, sizeof(Count));
    }
    return p;
}

Output Call::output(const Arena& arena, const Places& p) const {
    Output out{};
    out.header = arena.at<Header>(p.header);
    out.peak_offsets = arena.at<int64_t>(heatmaps ? p.peak_offsets : p.input_offsets);
    out.candidates = arena.at<Candidate>(heatmaps ? p.results : p.input_candidates);
    out.pair_offsets = arena.at<int64_t>(p.pair_offsets);
    out.pairs_alone = heatmaps ? nullptr : arena.at<Pair>(p.results);
    return out;
}

namespace {

template <class Record>
Segments<Record> segments(const Arena& arena, const Room& room, size_t counts, size_t keys, size_t records, size_t starts) {
    return {arena.at<Count>(counts),
            arena.at<uint64_t>(keys),
            arena.at<Record>(records),
            room.starts.empty() ? nullptr : arena.at<int64_t>(starts),
            room.segments,
            room.each};
}

void copy_to_device(void* to, const void* from, size_t bytes, cudaStream_t stream) {
    if (bytes) check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream), "copy to the device");
}

}  // namespace

// Candidates that come from the host, through memory that the GPU reads directly.
void Call::upload(const Arena& arena, const Places& p, PinnedBuffer& staging) const {
    const auto copy = [&](size_t place, const std::vector<int64_t>& values) {
        copy_to_device(arena.at<char>(place), values.data(), values.size() * sizeof(int64_t), stream_);
    };
    copy(p.peak_starts, peak_room_.starts);
    copy(p.pair_starts, pair_room_.starts);
    copy(p.planes, plateau_planes_);
    if (heatmaps) return;
    const size_t gap = p.input_candidates - p.input_offsets, count = size_t(candidate_count());
    std::memcpy(staging.get(), offsets, size_t(pafs->batch * limb_query.joints + 1) * sizeof(int64_t));
    auto* const candidates = reinterpret_cast<Candidate*>(staging.get() + gap);
    for (size_t i = 0; i < count; ++i) candidates[i] = {xy[2 * i], xy[2 * i + 1], scores[i], 0};
    copy_to_device(arena.at<char>(p.input_offsets), staging.get(), gap + count * sizeof(Candidate), stream_);
}

PeakSink Call::sink(const Arena& arena, const Places& p) const {
    return {segments<Candidate>(arena, peak_room_, p.peak_counts, p.peak_keys, p.peak_records, p.peak_starts),
            arena.at<unsigned char>(p.large), arena.at<Header>(p.header)};
}

void Call::enqueue_peaks(const Arena& arena, const Places& p, const Output& out, Clock& clock) const {
    const PeakSink where = sink(arena, p);
    detect_peaks(*heatmaps, peak_criteria, where, stream_);
    for (size_t first = 0; first < plateau_planes_.size(); first += size_t(planes_at_once_)) {
        const int64_t count = std::min(planes_at_once_, int64_t(plateau_planes_.size() - first));
        const PlateauSpace space{arena.at<int64_t>(p.planes) + first, arena.at<int>(p.labels), arena.at<int>(p.sizes),
                                 arena.at<PlateauSum>(p.sums), arena.at<Count>(p.sums_used)};
        find_large_plateaus(*heatmaps, peak_criteria, count, space, where, stream_);
    }
    clock.mark(timings_ ? &timings_->detect : nullptr);
    const auto sorted =
        segments<Candidate>(arena, peak_room_, p.peak_counts, p.sorted_peak_keys, p.sorted_peak_records, p.peak_starts);
    sort_peaks(where, sorted, out, peak_room_.most(), stream_);
    clock.mark(timings_ ? &timings_->sort_peaks : nullptr);
}

void Call::enqueue_pairs(const Arena& arena, const Places& p, const Output& out, Clock& clock) const {
    const auto found = segments<float>(arena, pair_room_, p.pair_counts, p.pair_keys, p.pair_records, p.pair_starts);
    const auto sorted =
        segments<float>(arena, pair_room_, p.pair_counts, p.sorted_pair_keys, p.sorted_pair_records, p.pair_starts);
    const ReachSpace space{arena.at<uint32_t>(p.near), arena.at<float>(p.reach), reach_slots(limb_task())};
    score_pairs(*pafs, limb_task(), limb_query.criteria, out, space, candidate_room(), found, stream_);
    clock.mark(timings_ ? &timings_->score : nullptr);
    sort_pairs(found, sorted, out, pair_room_.most(), stream_);
    clock.mark(timings_ ? &timings_->sort_pairs : nullptr);
}

bool Call::run_once() {
    Arena arena(device_, stream_);
    const Places p = reserve(arena);
    const size_t fixed = p.results - p.header;
    const int64_t usual_peaks = std::min(peak_room_.total(), kUsualPeaks * peak_room_.segments);
    const int64_t usual_pairs = std::min(pair_room_.total(), kUsualPairs * pair_room_.segments);
    const size_t guess = fixed + size_t(usual_peaks) * sizeof(Candidate) + size_t(usual_pairs) * sizeof(Pair);
    const size_t sent = heatmaps ? 0 : p.input_candidates - p.input_offsets + size_t(candidate_count()) * sizeof(Candidate);
    PinnedBuffer staging(std::max(guess, sent), stream_);
    arena.allocate();

    if (timings_) *timings_ = Timings{};
    Clock clock(timings_ != nullptr, stream_);
    staging.in_use();
    clock.mark(nullptr);
    check(cudaMemsetAsync(arena.at<char>(0), 0, p.header + sizeof(Header), stream_), "clear memory");
    upload(arena, p, staging);
    const Output out = output(arena, p);
    if (heatmaps) enqueue_peaks(arena, p, out, clock);
    if (pafs) enqueue_pairs(arena, p, out, clock);
    const auto fetch = [&](PinnedBuffer& buffer, size_t bytes) {
        check(cudaMemcpyAsync(buffer.get(), arena.at<char>(p.header), bytes, cudaMemcpyDeviceToHost, stream_),
              "copy the results to the host");
    };
    fetch(staging, guess);
    clock.mark(timings_ ? &timings_->copy : nullptr);
    check(cudaStreamSynchronize(stream_), "finish a kernel");
    staging.finished();
    if (timings_) timings_->total = clock.read(), timings_->runs = runs_;

    Header header;
    std::memcpy(&header, staging.get(), sizeof header);
    if (report_broken_heatmap(header)) return true;
    // With peaks missing, more pairs are looked at than the call is asked for: what those saw does not count.
    if (!make_room(header, arena, p)) return false;
    if (report_broken_limb(header)) return true;
    const size_t candidates = heatmaps ? size_t(header.candidates) : 0;
    const size_t bytes = fixed + candidates * sizeof(Candidate) + size_t(header.pairs) * sizeof(Pair);
    if (bytes <= guess) {
        unpack(staging.get(), p);
        return true;
    }
    PinnedBuffer whole(bytes, stream_);
    whole.in_use();
    fetch(whole, bytes);
    check(cudaStreamSynchronize(stream_), "copy the results to the host");
    whole.finished();
    unpack(whole.get(), p);
    return true;
}

// Whether there was room for all; else there will be in the next run.
bool Call::make_room(const Header& header, const Arena& arena, const Places& p) {
    const int64_t most_peaks = int64_t(header.most_peaks), most_pairs = int64_t(header.most_pairs);
    bool enough = true;
    if (header.large_plateaus && plateau_planes_.empty()) {
        list_plateaus(arena.at<unsigned char>(p.large));
        enough = false;
    }
    if (header.peaks_lost) {
        peak_room_.grow(most_peaks, arena.at<Count>(p.peak_counts), stream_);
        enough = false;
    }
    if (header.pairs_lost) {
        pair_room_.grow(most_pairs, arena.at<Count>(p.pair_counts), stream_);
        enough = false;
    }
    if (!enough) return false;
    if (heatmaps && header.candidates > INT32_MAX) throw std::runtime_error("there must be fewer than 2^31 candidates");
    Needs needs = last_needs(device_);
    if (heatmaps) needs.peaks = most_peaks;
    if (pafs) needs.pairs = most_pairs;
    remember_needs(device_, needs);
    return true;
}

void Call::list_plateaus(const unsigned char* large) {
    std::vector<unsigned char> flags(static_cast<size_t>(peak_room_.segments));
    check(cudaMemcpyAsync(flags.data(), large, flags.size(), cudaMemcpyDeviceToHost, stream_), "copy flags to the host");
    check(cudaStreamSynchronize(stream_), "find plateaus");
    for (size_t plane = 0; plane < flags.size(); ++plane)
        if (flags[plane]) plateau_planes_.push_back(int64_t(plane));
}

bool Call::report_broken_heatmap(const Header& header) {
    const auto complement = header.non_finite_cell ? header.non_finite_cell : header.overflow_cell;
    if (!complement) return false;
    const int64_t cell = int64_t(~complement), width = heatmaps->width, height = heatmaps->height;
    const int64_t plane = cell / (width * height);
    peaks.non_finite = {plane / heatmaps->channels, plane % heatmaps->channels, cell / width % height, cell % width};
    return true;
}

bool Call::report_broken_limb(const Header& header) {
    if (!header.non_finite_limb) return false;
    const int64_t segment = int64_t(~header.non_finite_limb);
    pairs.non_finite = {segment / limb_query.limbs, 2 * (segment % limb_query.limbs), -1, -1};
    return true;
}

void Call::unpack(const char* results, const Places& p) {
    Header header;
    std::memcpy(&header, results, sizeof header);
    const char* at = results + (p.results - p.header);
    if (heatmaps) {
        const auto* found = reinterpret_cast<const int64_t*>(results + (p.peak_offsets - p.header));
        peaks.offsets.assign(found, found + peak_room_.segments + 1);
        const auto* candidates = reinterpret_cast<const Candidate*>(at);
        const size_t count = size_t(header.candidates);
        peaks.xy.resize(2 * count), peaks.score.resize(count), peaks.extent.resize(count);
        for (size_t i = 0; i < count; ++i) {
            peaks.xy[2 * i] = candidates[i].x, peaks.xy[2 * i + 1] = candidates[i].y;
            peaks.score[i] = candidates[i].score, peaks.extent[i] = candidates[i].extent;
        }
        at += count * sizeof(Candidate);
    }
    if (!pafs) return;
    const auto* found = reinterpret_cast<const int64_t*>(results + (p.pair_offsets - p.header));
    pairs.offsets.assign(found, found + pair_room_.segments + 1);
    const auto* list = reinterpret_cast<const Pair*>(at);
    const size_t count = size_t(header.pairs);
    pairs.first.resize(count), pairs.second.resize(count), pairs.score.resize(count);
    for (size_t i = 0; i < count; ++i)
        pairs.first[i] = list[i].first, pairs.second[i] = list[i].second, pairs.score[i] = list[i].score;
}

}  // namespace bottomup::cuda
