// The order in which a field's values lie in memory, so that threads beside each other read values beside each other
// whatever the order of its axes (channels last, for one).
#pragma once

#include <algorithm>

#include "../common.h"

namespace bottomup::cuda {

// Division of 64-bit numbers is slow on a GPU and hardly ever needed.
BOTTOMUP_HD int64_t quotient(int64_t number, int64_t by) {
    if (((number | by) >> 32) == 0) return uint32_t(number) / uint32_t(by);
    return number / by;
}

struct Cell {
    int64_t plane, row, column;  // plane = image * channels + channel
};

struct Layout {
    FieldView view;
    int axis[4];        // outermost first: 0 image, 1 channel, 2 row, 3 column
    int64_t size[4];    // in that order
    int64_t stride[4];  // in bytes
    int64_t runs, run;  // the field is so many stretches of so many values that follow each other without gaps

    BOTTOMUP_HD_MEMBER int64_t cells() const { return runs * run; }

    // Of the value with this number, counted in the order of memory.
    BOTTOMUP_HD_MEMBER Cell locate(int64_t number) const {
        int64_t place[4] = {0, 0, 0, 0};
        split(number, place);
        int64_t at[4] = {0, 0, 0, 0};
        for (int k = 0; k < 4; ++k) {
            for (int a = 0; a < 4; ++a)  // an index that the compiler knows keeps the array in registers
                if (axis[k] == a) at[a] = place[k];
        }
        return {at[0] * view.channels + at[1], at[2], at[3]};
    }

    BOTTOMUP_HD_MEMBER const char* address(int64_t number) const {
        int64_t place[4] = {0, 0, 0, 0};
        split(number, place);
        return view.data + place[0] * stride[0] + place[1] * stride[1] + place[2] * stride[2] + place[3] * stride[3];
    }

   private:
    BOTTOMUP_HD_MEMBER void split(int64_t number, int64_t place[4]) const {
        for (int k = 3; k > 0; --k) {
            const int64_t outer = quotient(number, size[k]);
            place[k] = number - outer * size[k];
            number = outer;
        }
        place[0] = number;
    }
};

inline int64_t magnitude(int64_t stride) { return stride < 0 ? -stride : stride; }

inline Layout layout_of(const FieldView& view, int64_t itemsize) {
    const int64_t sizes[4] = {view.batch, view.channels, view.height, view.width};
    const int64_t strides[4] = {view.stride_batch, view.stride_channel, view.stride_row, view.stride_column};
    Layout layout{view, {0, 1, 2, 3}, {}, {}, 0, 1};
    // Axes of a single place lie outside, where their stride, which means nothing, ends no run.
    const auto wider = [&](int a, int b) {
        if ((sizes[a] == 1) != (sizes[b] == 1)) return sizes[a] == 1;
        return magnitude(strides[a]) > magnitude(strides[b]);
    };
    std::stable_sort(layout.axis, layout.axis + 4, wider);
    bool gapless = true;
    for (int k = 3; k >= 0; --k) {
        layout.size[k] = sizes[layout.axis[k]];
        layout.stride[k] = strides[layout.axis[k]];
        gapless = gapless && (layout.size[k] == 1 || layout.stride[k] == layout.run * itemsize);
        if (gapless) layout.run *= layout.size[k];
    }
    const int64_t cells = view.batch * view.channels * view.height * view.width;
    layout.runs = cells / layout.run;
    return layout;
}

}  // namespace bottomup::cuda
