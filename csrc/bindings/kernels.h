// What the bindings of the CPU's and of the GPU's kernels share.
#pragma once

#include "checks.h"

namespace bottomup {

LimbCriteria limb_criteria(const FieldView& pafs, float threshold, const LimbOptions& options);
TraceCriteria trace_criteria(const FieldView& pafs, const FloatArray& typical, float score, const LimbOptions& limbs,
                             const TraceOptions& options);
// What trace_limbs made of the candidates and pairs, None if it found nothing, and where the field is not finite.
py::tuple to_python(const CandidateView& candidates, const PairView& pairs, int64_t images, const LimbEnds& ends);

void bind_kernels(py::module_& m);
void bind_tags(py::module_& m);
void bind_cuda(py::module_& m);  // only where the extension is built with CUDA
void bind_grouping(py::module_& m);
void bind_drawing(py::module_& m);

}  // namespace bottomup
