// What one thread finds out about a cell and those around it: whether it is a peak by itself, and if it ties with a
// neighbour, whether their plateau is one.
#pragma once

#include "peaks.h"

namespace bottomup {

struct Around {
    bool higher;   // a neighbour is higher
    bool equal;    // a neighbour is as high
    bool earlier;  // and lies before the cell in the order of rows
};

// Unlike `classify` it reads all neighbours before it looks at any, so that the reads wait together.
template <class Value>
BOTTOMUP_HD Around look_around(Value value, int64_t row, int64_t column, int64_t height, int64_t width, float here) {
    float others[9];
    for (int n = 0; n < 9; ++n) {
        const int64_t r = row + n / 3 - 1, c = column + n % 3 - 1;
        const bool inside = n != 4 && r >= 0 && r < height && c >= 0 && c < width;
        others[n] = inside ? value(r, c) : -FLT_MAX;
    }
    Around around{false, false, false};
    for (int n = 0; n < 9; ++n) {
        const int64_t r = row + n / 3 - 1, c = column + n % 3 - 1;
        const bool inside = n != 4 && r >= 0 && r < height && c >= 0 && c < width;
        around.higher = around.higher || (inside && others[n] > here);
        around.equal = around.equal || (inside && others[n] == here);
        around.earlier = around.earlier || (inside && n < 4 && others[n] == here);
    }
    return around;
}

// Sums over the cells of a plateau.
struct PlateauSum {
    double x = 0, y = 0, curvature = 0;
    unsigned long long count = 0;

    BOTTOMUP_HD_MEMBER void add(const CellFit& fit) {
        x += fit.x, y += fit.y, curvature += fit.curvature;
        ++count;
    }
    BOTTOMUP_HD_MEMBER CellFit mean() const {
        const double n = double(count);
        return {float(x / n), float(y / n), float(curvature / n)};
    }
};

enum class Plateau { no_peak, peak, too_large };

// Plateaus of more cells than one thread of a GPU keeps in mind are looked at in another way.
constexpr int kSmallPlateau = 32;

// Walks over the plateau of a cell. It is a peak, and `sum` that of its cells, if no neighbour of any of them is higher
// and no cell lies before the one given: of all cells of a plateau exactly one gives the peak.
template <class Value>
BOTTOMUP_HD Plateau walk_plateau(Value value, int64_t row, int64_t column, int64_t height, int64_t width, PlateauSum* sum) {
    const float here = value(row, column);
    int64_t cells[kSmallPlateau];
    int known = 1;
    cells[0] = row * width + column;
    for (int looked = 0; looked < known; ++looked) {
        const int64_t r0 = cells[looked] / width, c0 = cells[looked] % width;
        sum->add(fit_cell(value, r0, c0, height, width));
        for (int64_t r = r0 > 0 ? r0 - 1 : 0; r <= r0 + 1 && r < height; ++r) {
            for (int64_t c = c0 > 0 ? c0 - 1 : 0; c <= c0 + 1 && c < width; ++c) {
                const float other = value(r, c);
                if (other > here) return Plateau::no_peak;
                if (other != here) continue;
                const int64_t cell = r * width + c;
                if (cell < cells[0]) return Plateau::no_peak;
                bool seen = false;
                for (int k = 0; k < known; ++k) seen = seen || cells[k] == cell;
                if (seen) continue;
                if (known == kSmallPlateau) return Plateau::too_large;
                cells[known++] = cell;
            }
        }
    }
    return Plateau::peak;
}

// The bits of a float, changed so that higher values have smaller keys; -0 and 0 have the same.
BOTTOMUP_HD uint32_t descending_key(float value) {
    const uint32_t bits = bit_cast<uint32_t>(value + 0.0f);
    return bits & 0x80000000u ? bits : ~(bits | 0x80000000u);
}

// Peaks of a channel sorted by this come by falling score, ties by the index of their first cell.
BOTTOMUP_HD uint64_t peak_key(float score, int64_t index) {
    return uint64_t(descending_key(score)) << 32 | uint64_t(uint32_t(index));
}

}  // namespace bottomup
