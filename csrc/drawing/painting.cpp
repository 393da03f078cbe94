// Bars and discs on a picture. bottomup/drawing/painting.py explains it.
#include "painting.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "../cpu/parallel.h"
#include "../cpu/simd/vectors.h"

namespace bottomup::drawing {
namespace {

using cpu::kPaintBlock;
using cpu::PaintColors;
using cpu::Stroke;

constexpr int64_t kBandRows = 32;  // painted together, so that masks and picture stay in the cache
constexpr int64_t kWordBlocks = 64;

struct Box {
    int64_t left, top, right, bottom;  // the last two are beyond it
    bool empty() const { return left >= right || top >= bottom; }
};

struct Placed {
    Stroke stroke;
    Box box;
};

struct Layer {
    Box box;
    size_t begin, end;  // of its strokes
    PaintColors colors;
};

Placed place(const float* ends, const float* radii, const float* opacities, const Picture& picture) {
    const float dx = ends[2] - ends[0], dy = ends[3] - ends[1], length = std::sqrt(dx * dx + dy * dy);
    const Stroke stroke{(ends[0] + ends[2]) / 2,
                        (ends[1] + ends[3]) / 2,
                        length / 2,
                        length > 0 ? dx / length : 0,
                        length > 0 ? dy / length : 0,
                        radii[0],
                        radii[1],
                        radii[2],
                        255 * opacities[0] + cpu::kEmptyMask,
                        255 * opacities[1] + cpu::kEmptyMask};
    // A pixel is covered in part if its centre is less than half a pixel away. The bindings keep places within int64_t.
    const float reach = std::max({radii[0], radii[1], radii[2]}) + 0.5f;
    const auto first = [](float at, int64_t high) { return std::clamp<int64_t>(int64_t(std::floor(at)), 0, high); };
    const auto after = [](float at, int64_t high) { return std::clamp<int64_t>(int64_t(std::ceil(at)) + 1, 0, high); };
    return {stroke,
            {first(std::min(ends[0], ends[2]) - reach, picture.width), first(std::min(ends[1], ends[3]) - reach, picture.height),
             after(std::max(ends[0], ends[2]) + reach, picture.width),
             after(std::max(ends[1], ends[3]) + reach, picture.height)}};
}

PaintColors repeat(const uint8_t* colors) {
    PaintColors repeated;
    for (int i = 0; i < 3 * kPaintBlock; ++i) repeated.core[i] = colors[i % 3], repeated.light[i] = colors[3 + i % 3];
    return repeated;
}

// The masks of one layer over a band of rows, as wide as the layer so that they stay in the nearest cache.
class Masks {
   public:
    explicit Masks(int64_t widest)
        : values_(size_t(3 * kBandRows * stride_of(widest) + kPaintBlock), cpu::kEmptyMask),
          touched_(size_t(2 * kBandRows * words_of(widest))) {}

    // Paints the part of a layer that is between rows of a picture.
    void paint(const Layer& layer, const std::vector<Placed>& strokes, int64_t top, int64_t bottom, const Picture& picture) {
        const auto& loops = cpu::vector_loops();
        const int64_t width = layer.box.right - layer.box.left, bytes = 3 * picture.width;
        const int64_t stride = stride_of(width), words = words_of(width), mask = kBandRows * stride;
        uint64_t* lit = touched_.data() + kBandRows * words;
        float* const values = aligned();
        cpu::PaintRows rows{values, values + mask, values + 2 * mask, touched_.data(), lit, stride, words, 0, 0, 0, 0, 0};
        for (size_t i = layer.begin; i < layer.end; ++i) {
            const auto& [stroke, box] = strokes[i];
            const int64_t first = std::max(top, box.top), after = std::min(bottom, box.bottom);
            if (first >= after) continue;
            const int64_t down = first - top;
            const cpu::PaintRows part{rows.casing + down * stride, rows.core + down * stride, rows.light + down * stride,
                                      rows.touched + down * words, lit + down * words, stride, words, after - first,
                                      box.left, first, box.left - layer.box.left, box.right - box.left};
            stroke.half_length > 0 ? loops.cover_bar(part, stroke) : loops.cover_disc(part, stroke);
        }
        rows.rows = std::min(bottom, layer.box.bottom) - top;
        uint8_t* pixels = picture.to + top * bytes + 3 * layer.box.left;
        loops.blend_rows(rows, pixels, bytes, picture.width - layer.box.left, layer.colors);
        if (layer.box.right == picture.width) {  // what loops have run over the picture's edge
            for (float* row = values; row < values + 3 * mask; row += stride) std::fill(row + width, row + stride, cpu::kEmptyMask);
        }
    }

   private:
    static int64_t blocks_of(int64_t width) { return (width + kPaintBlock - 1) / kPaintBlock; }
    // Loops run over the end. An odd number of blocks spreads the rows over the cache.
    static int64_t stride_of(int64_t width) { return ((blocks_of(width) + 1) | 1) * kPaintBlock; }
    static int64_t words_of(int64_t width) { return (blocks_of(width) + kWordBlocks - 1) / kWordBlocks; }

    float* aligned() {  // a block is a line of the cache
        const size_t past = reinterpret_cast<uintptr_t>(values_.data()) / sizeof(float) % kPaintBlock;
        return values_.data() + (past == 0 ? 0 : kPaintBlock - past);
    }

    std::vector<float> values_;      // all kEmptyMask between two layers
    std::vector<uint64_t> touched_;  // all 0; the lit ones too
};

void paint_band(const Picture& picture, const std::vector<Layer>& layers, const std::vector<Placed>& strokes, int64_t top,
                Masks& masks) {
    const int64_t bottom = std::min(top + kBandRows, picture.height), bytes = 3 * picture.width;
    if (picture.from != picture.to)
        std::memcpy(picture.to + top * bytes, picture.from + top * bytes, size_t((bottom - top) * bytes));
    for (const Layer& layer : layers)
        if (layer.box.bottom > top && layer.box.top < bottom) masks.paint(layer, strokes, top, bottom, picture);
}

}  // namespace

void paint(const Picture& picture, const Layers& given, int threads) {
    std::vector<Placed> strokes;
    std::vector<Layer> layers;
    int64_t widest = 0;
    strokes.reserve(size_t(given.offsets[given.count])), layers.reserve(size_t(given.count));
    for (int64_t layer = 0; layer < given.count; ++layer) {
        Box all{picture.width, picture.height, 0, 0};
        const size_t begin = strokes.size();
        for (int64_t i = given.offsets[layer]; i < given.offsets[layer + 1]; ++i) {
            const Placed placed = place(given.ends + 4 * i, given.radii + 3 * i, given.opacities + 2 * i, picture);
            if (placed.box.empty()) continue;
            strokes.push_back(placed);
            all = {std::min(all.left, placed.box.left), std::min(all.top, placed.box.top),
                   std::max(all.right, placed.box.right), std::max(all.bottom, placed.box.bottom)};
        }
        if (strokes.size() == begin) continue;
        widest = std::max(widest, all.right - all.left);
        layers.push_back({all, begin, strokes.size(), repeat(given.colors + 6 * layer)});
    }
    const int64_t bands = (picture.height + kBandRows - 1) / kBandRows;
    std::vector<Masks> masks(size_t(cpu::worker_count(bands, threads)), Masks(widest));
    cpu::parallel_for(bands, threads, [&](int worker, int64_t band) {
        paint_band(picture, layers, strokes, band * kBandRows, masks[size_t(worker)]);
    });
}

}  // namespace bottomup::drawing
