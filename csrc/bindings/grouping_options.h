// Options of the grouping, read off the dataclasses of bottomup/grouping/options.py field by field.
#pragma once

#include <pybind11/pybind11.h>

#include "../grouping/options.h"

namespace bottomup {

template <class T>
void read_field(const pybind11::object& options, const char* name, T& value) {
    value = options.attr(name).cast<T>();
}

inline grouping::GroupingOptions grouping_options(const pybind11::object& options) {
    grouping::GroupingOptions read{};
    read_field(options, "min_affinity_scale", read.min_affinity_scale);
    read_field(options, "neutral_affinity", read.neutral_affinity);
    read_field(options, "affinity_cap", read.affinity_cap);
    read_field(options, "weak_factor", read.weak_factor);
    read_field(options, "full_response", read.full_response);
    read_field(options, "person_cost", read.person_cost);
    read_field(options, "missing_limb_cost", read.missing_limb_cost);
    read_field(options, "length_tolerance", read.length_tolerance);
    read_field(options, "height_ratio", read.height_ratio);
    read_field(options, "max_sweeps", read.max_sweeps);
    read_field(options, "max_exchange_rounds", read.max_exchange_rounds);
    read_field(options, "max_mean_pairs", read.max_mean_pairs);
    read_field(options, "max_partners", read.max_partners);
    return read;
}

inline grouping::FragmentOptions fragment_options(const pybind11::object& options) {
    grouping::FragmentOptions read{};
    read_field(options, "max_joints", read.max_joints);
    read_field(options, "odds", read.odds);
    read_field(options, "height_spread", read.height_spread);
    return read;
}

inline grouping::SharingOptions sharing_options(const pybind11::object& options) {
    grouping::SharingOptions read{};
    read_field(options, "peak_cost", read.peak_cost);
    read_field(options, "min_joints", read.min_joints);
    read_field(options, "max_share", read.max_share);
    read_field(options, "limb_factor", read.limb_factor);
    read_field(options, "score_factor", read.score_factor);
    return read;
}

inline grouping::ResultOptions result_options(const pybind11::object& options) {
    grouping::ResultOptions read{};
    read_field(options, "min_best_keypoint", read.min_best_keypoint);
    read_field(options, "size_exponent", read.size_exponent);
    return read;
}

}  // namespace bottomup
