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
                        255 * opacities[0],
                        255 * opacities[1]};
    // A pixel is covered in part if its centre is less than half a pixel away. The bindings keep places within int64_t.
    const float reach = std::max(radii[0], radii[1]) + 0.5f;
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

// The masks of one layer over a band of rows, as wide as the picture, and which of their blocks are not empty.
class Masks {
public:
    explicit Masks(int64_t width)
        : width_(width),
          blocks_((width + kPaintBlock - 1) / kPaintBlock),
          words_((blocks_ + kWordBlocks - 1) / kWordBlocks),
          stride_((blocks_ + 1) * kPaintBlock),  // a block more, since loops run over the end
          values_(size_t(3 * kBandRows * stride_)),
          touched_(size_t(kBandRows * words_)) {}

    // Lays the part of a stroke over them that is between rows of the picture, from `band` on.
    void cover(const Placed& placed, int64_t band, int64_t bottom) {
        const int64_t top = std::max(band, placed.box.top);
        const cpu::PaintRows rows{row(0, top - band),
                                  row(1, top - band),
                                  row(2, top - band),
                                  touched_.data() + (top - band) * words_,
                                  stride_,
                                  words_,
                                  std::min(bottom, placed.box.bottom) - top,
                                  placed.box.left,
                                  top,
                                  placed.box.right - placed.box.left};
        const auto& loops = cpu::vector_loops();
        placed.stroke.half_length > 0 ? loops.cover_bar(rows, placed.stroke) : loops.cover_disc(rows, placed.stroke);
    }

    // Blends a row of them into one of the picture, and empties it.
    void blend(int64_t number, uint8_t* pixels, const PaintColors& colors) {
        for (int64_t word = 0; word < words_; ++word) {
            uint64_t& bits = touched_[size_t(number * words_ + word)];
            for (int64_t block = word * kWordBlocks; bits != 0; ++block, bits >>= 1) {
                if (!(bits & 1)) continue;
                const int64_t from = block * kPaintBlock;
                cpu::vector_loops().blend_block(pixels + 3 * from, std::min<int64_t>(kPaintBlock, width_ - from),
                                                row(0, number) + from, row(1, number) + from, row(2, number) + from, colors);
            }
        }
    }

private:
    float* row(int64_t mask, int64_t number) { return values_.data() + (mask * kBandRows + number) * stride_; }

    int64_t width_, blocks_, words_, stride_;
    std::vector<float> values_;
    std::vector<uint64_t> touched_;
};

void paint_band(const Picture& picture, const std::vector<Layer>& layers, const std::vector<Placed>& strokes, int64_t top,
                Masks& masks) {
    const int64_t bottom = std::min(top + kBandRows, picture.height), bytes = 3 * picture.width;
    if (picture.from != picture.to)
        std::memcpy(picture.to + top * bytes, picture.from + top * bytes, size_t((bottom - top) * bytes));
    for (const Layer& layer : layers) {
        if (layer.box.bottom <= top || layer.box.top >= bottom) continue;
        for (size_t i = layer.begin; i < layer.end; ++i)
            if (strokes[i].box.bottom > top && strokes[i].box.top < bottom) masks.cover(strokes[i], top, bottom);
        for (int64_t y = std::max(top, layer.box.top); y < std::min(bottom, layer.box.bottom); ++y)
            masks.blend(y - top, picture.to + y * bytes, layer.colors);
    }
}

}  // namespace

void paint(const Picture& picture, const Layers& given, int threads) {
    std::vector<Placed> strokes;
    std::vector<Layer> layers;
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
        layers.push_back({all, begin, strokes.size(), repeat(given.colors + 6 * layer)});
    }
    const int64_t bands = (picture.height + kBandRows - 1) / kBandRows;
    std::vector<Masks> masks(size_t(cpu::worker_count(bands, threads)), Masks(picture.width));
    cpu::parallel_for(bands, threads, [&](int worker, int64_t band) {
        paint_band(picture, layers, strokes, band * kBandRows, masks[size_t(worker)]);
    });
}

}  // namespace bottomup::drawing
