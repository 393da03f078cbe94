// What the bindings of the CPU and of the CUDA kernels share: results as NumPy arrays, and checks of a call.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels.h"

namespace bottomup {

namespace py = pybind11;

template <class T>
py::array_t<T> to_numpy(std::vector<T>&& values, size_t columns = 1) {
    auto* owner = new std::vector<T>(std::move(values));
    const py::capsule release(owner, [](void* pointer) { delete static_cast<std::vector<T>*>(pointer); });
    std::vector<py::ssize_t> shape{py::ssize_t(owner->size() / columns)};
    if (columns > 1) shape.push_back(py::ssize_t(columns));
    return py::array_t<T>(shape, owner->data(), release);
}

// float32, float16 or bfloat16: the names that NumPy and DLPack use.
inline DType dtype_named(const std::string& name) {
    if (name == "float32") return DType::float32;
    if (name == "float16") return DType::float16;
    if (name == "bfloat16") return DType::bfloat16;
    throw std::invalid_argument("a field must be float32, float16 or bfloat16 but is " + name);
}

inline py::object place(const NonFinite& at) {
    if (at.batch < 0) return py::none();
    return py::make_tuple(at.batch, at.channel, at.row, at.column);
}

inline py::tuple to_python(Peaks&& peaks) {
    return py::make_tuple(to_numpy(std::move(peaks.offsets)), to_numpy(std::move(peaks.xy), 2),
                          to_numpy(std::move(peaks.score)), to_numpy(std::move(peaks.extent)), place(peaks.non_finite));
}

inline py::tuple to_python(Pairs&& pairs) {
    return py::make_tuple(to_numpy(std::move(pairs.offsets)), to_numpy(std::move(pairs.first)),
                          to_numpy(std::move(pairs.second)), to_numpy(std::move(pairs.score)), place(pairs.non_finite));
}

using FloatArray = py::array_t<float, py::array::c_style>;
using OffsetArray = py::array_t<int64_t, py::array::c_style>;
using LimbArray = py::array_t<int32_t, py::array::c_style>;

struct LimbCall {
    const float* xy;
    const int64_t* offsets;
    int64_t joints;
    const int32_t* limbs;
    int64_t limb_count;

    LimbCall(const FieldView& pafs, const FloatArray& xy_array, const OffsetArray& offset_array, int64_t joint_count,
             const LimbArray& limb_array)
        : xy(xy_array.data()), offsets(offset_array.data()), joints(joint_count), limbs(limb_array.data()),
          limb_count(limb_array.size() / 2) {
        const int64_t candidates = xy_array.size() / 2;
        if (offset_array.size() != pafs.batch * joints + 1 || pafs.channels != 2 * limb_count)
            throw std::invalid_argument("offsets, joints and limbs must fit the fields");
        for (int64_t i = 0; i < offset_array.size(); ++i)
            if (offsets[i] < (i ? offsets[i - 1] : 0) || offsets[i] > candidates)
                throw std::invalid_argument("offsets must rise within the candidates");
        for (int64_t i = 0; i < 2 * limb_count; ++i)
            if (limbs[i] < 0 || limbs[i] >= joints) throw std::invalid_argument("limbs must point at joints");
        if (candidates > INT32_MAX) throw std::invalid_argument("there must be fewer than 2^31 candidates");
    }
};

// What find_peaks and score_limbs found of a batch of images, as Python hands it on; xy and extents may be left out.
struct FoundCall {
    CandidateView candidates;
    PairView pairs;
    int64_t images;

    FoundCall(int64_t joints, int64_t limbs, const OffsetArray& offsets, const FloatArray& scores,
              const OffsetArray& pair_offsets, const LimbArray& first, const LimbArray& second,
              const FloatArray& affinities)
        : candidates{offsets.data(), nullptr, scores.data(), nullptr, joints, int64_t(scores.size())},
          pairs{pair_offsets.data(), first.data(), second.data(), affinities.data(), limbs},
          images(joints > 0 ? (offsets.size() - 1) / joints : 0) {
        if (joints < 1 || offsets.size() != images * joints + 1 || pair_offsets.size() != images * limbs + 1)
            throw std::invalid_argument("offsets and pair_offsets must fit the joints and limbs of the same images");
        if (first.size() != second.size() || first.size() != affinities.size())
            throw std::invalid_argument("first, second and affinities must have the same length");
        if (scores.size() > INT32_MAX || first.size() > INT32_MAX / 2)
            throw std::invalid_argument("there must be fewer than 2^31 candidates and 2^30 pairs");
        check_rise("offsets", offsets, scores.size());
        check_rise("pair_offsets", pair_offsets, first.size());
    }

    // The pairs of an image must join candidates of that image.
    void check_image(int64_t image) const {
        if (image < 0 || image >= images) throw std::invalid_argument("image must be one of the batch");
        const int64_t from = candidates.offsets[image * candidates.joints];
        const int64_t to = candidates.offsets[(image + 1) * candidates.joints];
        bool right = true;
        for (int64_t n = pairs.offsets[image * pairs.limbs]; n < pairs.offsets[(image + 1) * pairs.limbs]; ++n)
            right &= pairs.first[n] >= from && pairs.first[n] < to && pairs.second[n] >= from && pairs.second[n] < to;
        if (!right) throw std::invalid_argument("pairs must join candidates of their image");
    }

   private:
    static void check_rise(const char* name, const OffsetArray& offsets, int64_t last) {
        for (py::ssize_t i = 0; i < offsets.size(); ++i)
            if (offsets.data()[i] < (i ? offsets.data()[i - 1] : 0) || offsets.data()[i] > last)
                throw std::invalid_argument(std::string(name) + " must rise within what they count");
    }
};

inline void check_scores(const FloatArray& xy, const FloatArray& scores) {
    if (2 * scores.size() != xy.size()) throw std::invalid_argument("scores must fit the candidates");
}

inline LimbRule limb_rule_of(const py::dict& rule) {
    const auto number = [&](const char* name) { return rule[name].cast<float>(); };
    return {number("threshold"), number("coverage"), number("sample_threshold"), number("max_length"),
            std::clamp(rule["max_samples"].cast<int>(), 3, kMostSamples), number("good"), number("response"),
            number("reach"), number("span")};
}

struct TraceCall {
    int64_t images;
    CandidateView candidates;
    PairView pairs;
    const int32_t* limbs;
    TraceRule rule;

    TraceCall(const FieldView& pafs, const FloatArray& xy, const FloatArray& scores, const FloatArray& extents,
              const OffsetArray& offsets, int64_t joints, const OffsetArray& pair_offsets, const LimbArray& first,
              const LimbArray& second, const FloatArray& affinities, const LimbArray& limb_array,
              const FloatArray& typical, const py::dict& settings)
        : images(pafs.batch) {
        const LimbCall call(pafs, xy, offsets, joints, limb_array);
        const int64_t count = xy.size() / 2;
        if (scores.size() != count || extents.size() != count || typical.size() != pafs.batch)
            throw std::invalid_argument("scores, extents and typical must fit the candidates and the fields");
        if (pair_offsets.size() != pafs.batch * call.limb_count + 1 || first.size() != second.size() ||
            first.size() != affinities.size())
            throw std::invalid_argument("pair_offsets, first, second and affinities must fit each other");
        candidates = {call.offsets, call.xy, scores.data(), extents.data(), joints, count};
        pairs = {pair_offsets.data(), first.data(), second.data(), affinities.data(), call.limb_count};
        limbs = call.limbs;
        check_pairs(pafs.batch, first.size());
        const auto number = [&](const char* name) { return settings[name].cast<float>(); };
        rule = {typical.data(), call.limb_count, number("response"), number("weak"), number("sample"),
                number("sample_threshold"), number("support"), number("shortest"), number("clear"), number("merge"),
                number("score"), settings["max_steps"].cast<int>()};
    }

   private:
    // Each pair must join candidates of the two joints of its limb.
    void check_pairs(int64_t batch, int64_t count) const {
        for (int64_t n = 0; n < batch * pairs.limbs; ++n) {
            const int64_t* types = candidates.offsets + n / pairs.limbs * candidates.joints;
            const int64_t a = limbs[2 * (n % pairs.limbs)], b = limbs[2 * (n % pairs.limbs) + 1];
            if (pairs.offsets[n] < (n ? pairs.offsets[n - 1] : 0) || pairs.offsets[n + 1] > count)
                throw std::invalid_argument("pair_offsets must rise within the pairs");
            for (int64_t i = pairs.offsets[n]; i < pairs.offsets[n + 1]; ++i)
                if (pairs.first[i] < types[a] || pairs.first[i] >= types[a + 1] || pairs.second[i] < types[b] ||
                    pairs.second[i] >= types[b + 1])
                    throw std::invalid_argument("pairs must join candidates of their limb's joints");
        }
    }
};

// What trace_limbs made of the candidates and pairs, None if it found nothing, and where the field is not finite.
inline py::tuple to_python(const TraceCall& call, const LimbEnds& ends) {
    if (ends.type.empty()) return py::make_tuple(py::none(), place(ends.non_finite));
    Found found;
    {
        const py::gil_scoped_release release;
        found = insert_ends(call.candidates, call.pairs, call.images, ends);
    }
    return py::make_tuple(
        py::make_tuple(to_numpy(std::move(found.offsets)), to_numpy(std::move(found.xy), 2),
                       to_numpy(std::move(found.score)), to_numpy(std::move(found.extent)),
                       to_numpy(std::move(found.pair_offsets)), to_numpy(std::move(found.first)),
                       to_numpy(std::move(found.second)), to_numpy(std::move(found.affinity))),
        place(ends.non_finite));
}

void bind_grouping(py::module_& m);
#if defined(BOTTOMUP_CUDA)
void bind_cuda(py::module_& m);
#endif

}  // namespace bottomup
