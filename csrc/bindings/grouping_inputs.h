// Checks of what Python hands to the grouping, so that a wrong call raises and never reads foreign memory.
#pragma once

#include "checks.h"

namespace bottomup {

using Ints = py::array_t<int64_t, py::array::c_style>;
using Floats = py::array_t<double, py::array::c_style>;
using Bools = py::array_t<bool, py::array::c_style>;

inline void check(bool right, const char* message) {
    if (!right) throw std::invalid_argument(message);
}

inline void check_shape(const char* name, const py::array& array, std::initializer_list<int64_t> shape) {
    bool right = array.ndim() == py::ssize_t(shape.size());
    py::ssize_t axis = 0;
    for (const int64_t side : shape) right = right && array.shape(axis++) == side;
    if (right) return;
    std::string wanted, was;
    for (const int64_t side : shape) wanted += std::to_string(side) + ", ";
    if (shape.size() > 1) wanted.resize(wanted.size() - 2);
    for (axis = 0; axis < array.ndim(); ++axis) was += std::to_string(array.shape(axis)) + ", ";
    throw std::invalid_argument(std::string(name) + " must have shape (" + wanted + ") but has (" + was + ")");
}

// Values from `low` to below `high`, looked at without a branch for each.
template <class T>
void check_range(const char* name, const T* values, int64_t count, T low, T high) {
    bool right = true;
    for (int64_t n = 0; n < count; ++n) right &= values[n] >= low && values[n] < high;
    if (!right)
        throw std::invalid_argument(std::string(name) + " must be from " + std::to_string(low) + " to " +
                                    std::to_string(int64_t(high) - 1) + " but has others");
}

template <class T>
std::vector<T> to_vector(const py::array_t<T, py::array::c_style>& array) {
    return std::vector<T>(array.data(), array.data() + array.size());
}

}  // namespace bottomup
