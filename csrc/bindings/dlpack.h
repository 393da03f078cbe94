// Arrays of other libraries through DLPack (https://dmlc.github.io/dlpack, C API of versions 0 and 1).
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace bottomup::dlpack {

namespace py = pybind11;

// The structures of the standard's C interface; their layout is fixed.
struct Device {
    int32_t type;  // 1: CPU, 2: CUDA, 13: CUDA managed memory
    int32_t index;
};

struct DataType {
    uint8_t code;  // 2: IEEE float, 4: bfloat
    uint8_t bits;
    uint16_t lanes;
};

struct Tensor {
    void* data;
    Device device;
    int32_t axes;
    DataType dtype;
    int64_t* shape;
    int64_t* strides;  // in elements; null for a packed array in C order
    uint64_t byte_offset;
};

struct Managed {
    Tensor tensor;
    void* context;
    void (*deleter)(Managed*);
};

struct ManagedVersioned {
    struct {
        uint32_t major, minor;
    } version;
    void* context;
    void (*deleter)(ManagedVersioned*);
    uint64_t flags;
    Tensor tensor;
};

template <class M>
void release(void* managed) {
    M* array = static_cast<M*>(managed);
    if (array->deleter) array->deleter(array);
}

// Takes the array out of its capsule, which must not be used again: from here on `owner` keeps its memory alive.
template <class M>
const Tensor& consume(const py::capsule& capsule, const char* used_name, py::capsule& owner) {
    M* managed = capsule.get_pointer<M>();
    if (PyCapsule_SetName(capsule.ptr(), used_name) != 0) throw py::error_already_set();
    owner = py::capsule(static_cast<void*>(managed), &release<M>);
    return managed->tensor;
}

inline std::string dtype_name(const DataType& dtype) {
    const char* kinds[] = {"int", "uint", "float", "opaque", "bfloat", "complex", "bool"};
    const std::string name = (dtype.code < 7 ? kinds[dtype.code] : "type") + std::to_string(dtype.bits);
    return dtype.lanes == 1 ? name : name + "x" + std::to_string(dtype.lanes);
}

// (device type, device index, address, dtype, shape, strides in bytes, owner) of what `__dlpack__()` gave. The
// memory may be used as long as the owner lives.
inline py::tuple take(const py::capsule& capsule) {
    const std::string name = capsule.name() ? capsule.name() : "";
    py::capsule owner;
    const Tensor* tensor = nullptr;
    if (name == "dltensor_versioned") {
        if (capsule.get_pointer<ManagedVersioned>()->version.major > 1)
            throw std::invalid_argument("a DLPack array must be of version 0 or 1");
        tensor = &consume<ManagedVersioned>(capsule, "used_dltensor_versioned", owner);
    } else if (name == "dltensor") {
        tensor = &consume<Managed>(capsule, "used_dltensor", owner);
    } else {
        throw std::invalid_argument("a DLPack array must be an unused dltensor capsule but is named '" + name + "'");
    }
    const int64_t itemsize = (int64_t(tensor->dtype.bits) * tensor->dtype.lanes + 7) / 8;
    const size_t axes = size_t(tensor->axes);
    py::tuple shape(axes), strides(axes);
    int64_t packed = itemsize;
    for (size_t axis = axes; axis-- > 0;) {
        shape[axis] = tensor->shape[axis];
        strides[axis] = tensor->strides ? tensor->strides[axis] * itemsize : packed;
        packed *= tensor->shape[axis];
    }
    const uintptr_t address = reinterpret_cast<uintptr_t>(tensor->data) + tensor->byte_offset;
    return py::make_tuple(tensor->device.type, tensor->device.index, address, dtype_name(tensor->dtype), shape, strides,
                          owner);
}

}  // namespace bottomup::dlpack
