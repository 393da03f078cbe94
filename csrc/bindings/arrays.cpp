#include "arrays.h"

#include <stdexcept>

namespace bottomup {
namespace {

DType dtype_of(char kind, py::ssize_t itemsize) {
    if (kind == 'f' && itemsize == 4) return DType::float32;
    if (kind == 'f' && itemsize == 2) return DType::float16;
    if (kind == 'u' && itemsize == 2) return DType::bfloat16;  // NumPy has no such type, so its bits come as integers
    throw std::invalid_argument("a field must be float32, float16 or the bits of bfloat16");
}

}  // namespace

DType dtype_named(const std::string& name) {
    if (name == "float32") return DType::float32;
    if (name == "float16") return DType::float16;
    if (name == "bfloat16") return DType::bfloat16;
    throw std::invalid_argument("a field must be float32, float16 or bfloat16 but is " + name);
}

FieldView view_of(const py::array& field) {
    if (field.ndim() != 4) throw std::invalid_argument("a field must have 4 dimensions");
    return {static_cast<const char*>(field.data()),
            dtype_of(field.dtype().kind(), field.itemsize()),
            field.shape(0),
            field.shape(1),
            field.shape(2),
            field.shape(3),
            field.strides(0),
            field.strides(1),
            field.strides(2),
            field.strides(3)};
}

py::object to_python(const NonFinite& at) {
    if (at.batch < 0) return py::none();
    return py::make_tuple(at.batch, at.channel, at.row, at.column);
}

py::tuple to_python(Peaks&& peaks) {
    return py::make_tuple(to_numpy(std::move(peaks.offsets)), to_numpy(std::move(peaks.xy), 2),
                          to_numpy(std::move(peaks.score)), to_numpy(std::move(peaks.extent)), to_python(peaks.non_finite));
}

py::tuple to_python(Pairs&& pairs) {
    return py::make_tuple(to_numpy(std::move(pairs.offsets)), to_numpy(std::move(pairs.first)),
                          to_numpy(std::move(pairs.second)), to_numpy(std::move(pairs.score)), to_python(pairs.non_finite));
}

CandidateArrays::CandidateArrays(const py::object& candidates)
    : offsets(array_of<OffsetArray>(candidates, "offsets")), xy(array_of<FloatArray>(candidates, "xy")),
      scores(array_of<FloatArray>(candidates, "scores")), extents(array_of<FloatArray>(candidates, "extents")),
      joints(candidates.attr("joints").cast<int64_t>()) {
    if (xy.size() != 2 * scores.size() || extents.size() != scores.size())
        throw std::invalid_argument("xy, scores and extents must fit each other");
    if (scores.size() > INT32_MAX) throw std::invalid_argument("there must be fewer than 2^31 candidates");
}

PairArrays::PairArrays(const py::object& pairs)
    : offsets(array_of<OffsetArray>(pairs, "offsets")), first(array_of<LimbArray>(pairs, "first")),
      second(array_of<LimbArray>(pairs, "second")), scores(array_of<FloatArray>(pairs, "scores")) {
    if (first.size() != second.size() || first.size() != scores.size())
        throw std::invalid_argument("first, second and scores must fit each other");
}

}  // namespace bottomup
