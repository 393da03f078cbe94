// bottomup._C: the module. What it binds is in csrc/bindings/, folder by folder of what it binds.
#include <map>
#include <string>
#include <vector>

#include "bindings/kernels.h"
#if defined(BOTTOMUP_CUDA)
#include "cuda/kernels.h"
#endif

namespace bottomup {
namespace {

std::map<std::string, std::string> build_info() {
    return {
        {"version", BOTTOMUP_VERSION},
        {"compiler", BOTTOMUP_COMPILER},
#if defined(BOTTOMUP_CUDA)
        {"cuda", BOTTOMUP_CUDA},
        {"cuda_architectures", BOTTOMUP_CUDA_ARCHITECTURES},
#else
        {"cuda", ""},
        {"cuda_architectures", ""},
#endif
    };
}

int cuda_device_count() {
#if defined(BOTTOMUP_CUDA)
    return cuda::device_count();
#else
    return 0;
#endif
}

std::vector<std::string> cuda_device_faults() {
#if defined(BOTTOMUP_CUDA)
    const py::gil_scoped_release release;
    return cuda::device_faults();
#else
    return {};
#endif
}

}  // namespace

PYBIND11_MODULE(_C, m) {
    m.doc() = "Kernels, grouping and drawing of bottomup; the Python folders of these names say what each does.";
    bind_kernels(m);
    bind_tags(m);
    bind_grouping(m);
    bind_drawing(m);
#if defined(BOTTOMUP_CUDA)
    bind_cuda(m);
#endif
    m.def("build_info", &build_info);
    m.def("cuda_device_count", &cuda_device_count);
    m.def("cuda_device_faults", &cuda_device_faults);
}

}  // namespace bottomup
