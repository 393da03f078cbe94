// Constants of the kernels. bottomup/kernels/options.py has dataclasses of the same fields, with the value and the reason
// of each.
#pragma once

namespace bottomup {

struct LimbOptions {
    float coverage, sample_threshold;
    double max_limb_length;  // share of the field's longer side
    int max_samples;
    float good_affinity, good_response;
    float search_radius, fallback_radius;
};

struct TraceOptions {
    float min_response, max_pair_affinity, min_sample, min_support, min_length, clearance, merge_radius;
};

struct TagOptions {
    float tolerance_factor, min_tolerance, max_tolerance;
    float clear_response, min_agreement, distance_weight;
    double max_limb_length;  // share of the field's longer side
    float min_response, search_tolerance, search_reach, far_reach;
};

}  // namespace bottomup
