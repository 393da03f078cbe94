"""Constants of the kernels, each with its reason and bounds; csrc/options.h has structs of the same fields."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bottomup.validation import Options, option

# Users change these two more than all others, as `Settings.peak_threshold` and `Settings.limb_threshold`.
PEAK_THRESHOLD = 0.08
LIMB_THRESHOLD = 0.05


@dataclass(frozen=True)
class PeakOptions(Options):
    """How joint candidates are found; see `find_peaks`."""

    upsample: int = option(
        1,
        "Whole factor by which heatmaps are upsampled bicubically on the way, as OpenPose does. It tells peaks apart "
        "that are fewer cells from each other, and takes longer.",
        low=1,
    )
    max_noise_peaks: int = option(
        256,
        "Where a type has more candidates than this, and the highest so many of each type have more pairs than "
        "GroupingOptions.max_mean_pairs, the fields are noise and only these are kept, with a RuntimeWarning. Time "
        "then grows no faster than the cells: an untrained network's 184 x 328 take less than a second, not minutes. "
        "Crowds of any number of people do not have so many pairs.",
        low=1,
    )
    max_heatmap_value: float = option(
        3.0,
        "Heatmaps with a higher peak are an error: they are logits, or 0..255. Where a network's scores have no bound "
        "they go a little above 1, never so far.",
    )


@dataclass(frozen=True)
class LimbOptions(Options):
    """Which candidate pairs are looked at and which of them pass; see `score_limbs`."""

    coverage: float = option(
        0.7,
        "Share of a pair's samples that must support the limb. Less than all, since other people's limbs cross it and "
        "fields fade at the joints.",
        high=1,
    )
    sample_threshold: float = option(
        0.05,
        "A sample supports the limb from this value on; low, but an empty field supports nothing.",
        low=-math.inf,
    )
    max_limb_length: float = option(
        0.75,
        "Longest limb, as a share of the field's longer side. No limb of a person who is wholly in the picture is "
        "longer.",
    )
    max_samples: int = option(
        12,
        "Most samples of one pair; more than 12 along a long limb change nothing (OpenPose takes 10).",
        low=3,
    )
    good_affinity: float = option(
        0.2,
        "A pair of at least this affinity is good. Joints that have one do not look everywhere for others.",
    )
    good_response: float = option(
        0.3, "The joints of a good pair respond at least this much. Noise makes good pairs of faint peaks."
    )
    search_radius: float = option(
        4.0,
        "A joint looks for partners up to this many times as far as the nearest good one on that limb. The wrong one "
        "of two people's joints is rarely that much nearer to both ends of a limb than the right one.",
        low=1,
    )
    fallback_radius: float = option(
        10.0,
        "A joint without a good pair on a limb looks this many times as far as the longest of its nearest ones on "
        "other limbs. A face's limbs are that much shorter than a neck's; an arm is rarely foreshortened so.",
        low=1,
    )


@dataclass(frozen=True)
class TraceOptions(Options):
    """When a limb that leads from a joint to no candidate is followed, and what its end is worth; see `trace_limbs`.

    Affinities are shares of the picture's typical one, lengths multiples of the Gaussian width of its joints.
    """

    min_response: float = option(
        0.2, "Lowest heatmap value of a joint from which limbs are followed. Noise rarely gets there."
    )
    max_pair_affinity: float = option(
        0.6,
        "A limb is followed if its joint has no pair of at least this affinity on it. Most true pairs have it.",
    )
    min_sample: float = option(
        0.1,
        "A trace goes on while the field along it has at least this share (and `LimbOptions.sample_threshold`). Real "
        "networks' fields fade towards the joints that they miss.",
    )
    min_support: float = option(0.2, "Least mean of the field along a trace.")
    min_length: float = option(2.0, "Shortest trace. Shorter ones do not get out of the joint's own surroundings.")
    clearance: float = option(
        2.0,
        "An end closer than this to a well seen joint (half as close to a faint one) is that joint, whatever has kept "
        "them from being a pair.",
    )
    merge_radius: float = option(
        5.0, "Ends this close to each other are one joint; where a limb ends is less sharp than a peak."
    )


@dataclass(frozen=True)
class TagOptions(Options):
    """When the tags (associative embeddings) of two joints agree, and where joints that no peak shows are sought.

    Chosen on crowds drawn from CrowdPose's validation set with noise on their tags, see `bottomup bench crowd`.
    """

    tolerance_factor: float = option(
        5.0,
        "Tags agree by half at about 1.2 times the tolerance, which is so many times the median distance between the "
        "tags of joints that are each other's nearest: four standard deviations. Below that joints of one person fall "
        "apart, while other people's tags are mostly much farther away.",
    )
    min_tolerance: float = option(
        0.1,
        "Least tolerance, where the tags of a picture show no spread. Training keeps people about 1 apart.",
        low=1e-6,
    )
    max_tolerance: float = option(
        0.7,
        "Greatest tolerance, for tags that do not tell people apart; published decoders join tags up to 1 apart.",
        low=1e-6,
    )
    clear_response: float = option(
        0.3,
        "A joint of this heatmap value is clear. Clear joints tell the tolerance, and one end of each pair must be "
        "clear: tags under ripples are arbitrary. Where all are faint, half of the highest value will do.",
    )
    min_agreement: float = option(
        0.25, "A pair whose tags agree less, exp(-(distance / tolerance)^2 / 2), is none.", low=1e-6, high=1
    )
    distance_weight: float = option(
        0.15,
        "By how much of itself an agreement falls for each e-fold by which another partner is nearer: where the tags "
        "of two people collide, the nearer joints belong together.",
    )
    max_limb_length: float = option(0.75, "Longest pair, as a share of the field's longer side; see `LimbOptions`.")
    min_response: float = option(
        0.03,
        "Lowest heatmap value of a missing joint that is found by its tag. Lower than a peak's, as tag and place speak "
        "for it; above what an empty heatmap holds.",
        low=1e-6,
    )
    search_tolerance: float = option(
        1.0, "How far, in tolerances, the tag of a missing joint may be from the mean of its person's."
    )
    search_reach: float = option(
        1.3,
        "A missing joint is sought within this many times the greatest distance that the skeleton allows to each joint "
        "that the person has.",
    )
    far_reach: float = option(
        0.3,
        "A clear joint may be so much further away, as a share of the person's height, if no other person has a tag "
        "like that: then the tag alone tells whose it is. Poses and perspective exceed what skeletons allow, most of "
        "all between joints that are near each other. 0 turns it off.",
    )
