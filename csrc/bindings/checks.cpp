#include "checks.h"

#include <stdexcept>

namespace bottomup {

void check_rise(const char* name, const OffsetArray& offsets, int64_t last) {
    for (py::ssize_t i = 0; i < offsets.size(); ++i)
        if (offsets.data()[i] < (i ? offsets.data()[i - 1] : 0) || offsets.data()[i] > last)
            throw std::invalid_argument(std::string(name) + " must rise within what they count");
}

void check_limbs(const CandidateArrays& candidates, const LimbArray& limbs, int64_t images) {
    if (candidates.joints < 0 || candidates.offsets.size() != images * candidates.joints + 1)
        throw std::invalid_argument("offsets and joints must fit the images");
    check_rise("offsets", candidates.offsets, candidates.scores.size());
    for (py::ssize_t i = 0; i < limbs.size(); ++i)
        if (limbs.data()[i] < 0 || limbs.data()[i] >= candidates.joints)
            throw std::invalid_argument("limbs must point at joints");
}

void check_pafs(const FieldView& pafs, const LimbArray& limbs) {
    if (limbs.ndim() != 2 || limbs.shape(1) != 2 || pafs.channels != 2 * limbs.shape(0))
        throw std::invalid_argument("limbs must fit the fields");
}

void check_pairs(const CandidateArrays& candidates, const PairArrays& pairs, const LimbArray& limbs, int64_t images) {
    const int64_t limb_count = limbs.shape(0);
    if (pairs.offsets.size() != images * limb_count + 1)
        throw std::invalid_argument("pair_offsets must fit the images and limbs");
    check_rise("pair_offsets", pairs.offsets, pairs.first.size());
    for (int64_t n = 0; n < images * limb_count; ++n) {
        const int64_t* types = candidates.offsets.data() + n / limb_count * candidates.joints;
        const int64_t a = limbs.data()[2 * (n % limb_count)], b = limbs.data()[2 * (n % limb_count) + 1];
        for (int64_t i = pairs.offsets.data()[n]; i < pairs.offsets.data()[n + 1]; ++i)
            if (pairs.first.data()[i] < types[a] || pairs.first.data()[i] >= types[a + 1] ||
                pairs.second.data()[i] < types[b] || pairs.second.data()[i] >= types[b + 1])
                throw std::invalid_argument("pairs must join candidates of their limb's joints");
    }
}

FoundCall::FoundCall(const CandidateArrays& candidates_, const PairArrays& pairs_, int64_t limbs)
    : candidates(candidates_.view()), pairs(pairs_.view(limbs)),
      images(candidates.joints > 0 ? (candidates_.offsets.size() - 1) / candidates.joints : 0) {
    if (candidates.joints < 1 || candidates_.offsets.size() != images * candidates.joints + 1 ||
        pairs_.offsets.size() != images * limbs + 1)
        throw std::invalid_argument("offsets of candidates and pairs must fit the joints and limbs of the same images");
    if (pairs_.first.size() > INT32_MAX / 2) throw std::invalid_argument("there must be fewer than 2^30 pairs");
    check_rise("offsets of candidates", candidates_.offsets, candidates.count);
    check_rise("offsets of pairs", pairs_.offsets, pairs_.first.size());
}

void FoundCall::check_image(int64_t image) const {
    if (image < 0 || image >= images) throw std::invalid_argument("image must be one of the batch");
    const int64_t from = candidates.offsets[image * candidates.joints];
    const int64_t to = candidates.offsets[(image + 1) * candidates.joints];
    bool right = true;
    for (int64_t n = pairs.offsets[image * pairs.limbs]; n < pairs.offsets[(image + 1) * pairs.limbs]; ++n)
        right &= pairs.first[n] >= from && pairs.first[n] < to && pairs.second[n] >= from && pairs.second[n] < to;
    if (!right) throw std::invalid_argument("pairs must join candidates of their image");
}

}  // namespace bottomup
