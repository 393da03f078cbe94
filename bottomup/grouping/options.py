"""Constants of the grouping, each with its reason and bounds; csrc/grouping/options.h has structs of the same fields.

They were chosen on real crowds of CrowdPose's validation set (fields drawn with and without noise) and on fields of a
real network.
"""

from __future__ import annotations

from dataclasses import dataclass

from bottomup.validation import Options, option

DEFAULT_PERSON_THRESHOLD = 0.05  # what None means for networks and fields of which nothing else is known


@dataclass(frozen=True)
class GroupingOptions(Options):
    """Support of scored pairs, and the terms of the objective F, which docs/architecture.md writes down."""

    min_affinity_scale: float = option(
        0.2,
        "Least affinity that counts as typical of a picture's true limbs, so that a picture of noise alone is not "
        "taken for one of faint people.",
        low=1e-6,
        high=1e6,
    )
    neutral_affinity: float = option(
        0.5,
        "An affinity of this share of the typical one speaks neither for nor against a limb. Most false pairs of "
        "noisy crowds have less. From 0.45 to 0.6 AP on 500 COCO photos changes by less than 0.001.",
        high=0.99,
    )
    affinity_cap: float = option(
        1.2,
        "An affinity above this share of the typical one counts no more than that. Above 1, since of two pairs that "
        "both look like limbs the better one more often is a limb; not far above, since beyond that the difference "
        "is noise.",
        low=1,
    )
    weak_factor: float = option(
        0.2,
        "What an affinity below the neutral one still counts for, as a factor; real networks' true limbs are often "
        "that faint, and where nothing else claims a joint they are the best that is known.",
        high=1,
    )
    full_response: float = option(
        0.4,
        "A joint with a lower heatmap value lessens the support of its limbs, in proportion.",
        low=1e-6,
    )
    person_cost: float = option(
        0.25,
        "What a person costs. A candidate must have more than this response to be a person by itself.",
    )
    missing_limb_cost: float = option(
        0.3, "What a limb costs whose joints a person has but which the field does not show."
    )
    length_tolerance: float = option(
        0.35,
        "By how much of its greatest length a limb may exceed it before its affinity has fallen to 0.6; "
        "foreshortening only shortens, so this covers errors in the joints and in the person's height, which a few "
        "joints hardly tell. Half or twice of it changes AP by less than 0.003 in crowds drawn from CrowdPose. At "
        "twice the tolerance the limb begins to count as one that the field does not show: a knee across the picture "
        "is not this person's, even if no other person claims it.",
        low=1e-6,
    )
    height_ratio: float = option(
        2.5,
        "A person's second longest limb tells the height, but no more than this many times what the median limb tells "
        "(each for its kind). It is less for 99 of 100 labelled people in COCO; where more than one limb leads to "
        "another person's joints, it is more. 1.8 leaves about half of such limbs in crowds, but takes some from "
        "people who are seen foreshortened.",
        low=1,
    )
    max_sweeps: int = option(
        10,
        "Most sweeps over the joint types. Most crowds are settled after two or three, the noisiest seen after five.",
    )
    max_exchange_rounds: int = option(
        4,
        "Most rounds of exchanges after one sweep. A chain of people may need one for each; what is left is for the "
        "next sweep.",
    )
    max_mean_pairs: float = option(
        5.5,
        "Where joints have more scored pairs than this on each of their limbs on average, the fields are noise, as "
        "those of an untrained network, which shows 7.7: then each joint keeps `max_partners` on each limb (and see "
        "`PeakOptions.max_noise_peaks`), and time grows with the cells. The most that crowds showed was 4.1, with "
        "ripples and false peaks and people on every spot.",
    )
    max_partners: int = option(4, "Most partners of a joint on one limb in such noise, the best ones.", low=1)
    exact_candidates: int = option(
        150,
        'Most joint candidates in contact for the assignment "exact". In real crowds without noise, groups as large '
        "as that took seconds; the time grows steeply.",
    )


@dataclass(frozen=True)
class FragmentOptions(Options):
    """Small fragments that join a body without any limb to it; see `bottomup.grouping.reference.fragments`."""

    max_joints: int = option(
        6,
        "Largest fragment that may join a body without a limb. A face of five joints whose neck is hidden may; more "
        "than that is rarely only a part.",
    )
    odds: float = option(
        30.0,
        "How many times likelier it is, before its place is looked at, that such a fragment belongs to a body than "
        "that it is a person of its own. High, as a fragment given to a body that lacks those joints does little "
        "harm, and a whole person is rarely so small; above 50 a few lone people are lost.",
        low=1e-6,
    )
    height_spread: float = option(
        0.5,
        "How much people of one picture differ in height: the standard deviation of the typical height over a "
        "person's own. Anything from 0.3 to 0.8 does as well.",
        low=1e-3,
    )


@dataclass(frozen=True)
class SharingOptions(Options):
    """Joints of two people within one peak; see `bottomup.grouping.reference.shared_peaks`."""

    peak_cost: float = option(
        0.8,
        "What the limbs to a peak that another person has must be worth to let a person have it as well. Below what "
        "one good limb is worth with the joint at its end, above what a doubtful one is.",
    )
    min_joints: int = option(
        3,
        "How many joints a person must have before it may share a peak. Fewer are more likely a second guess at the "
        "other person's joints than a person behind that one.",
    )
    max_share: float = option(
        0.7,
        "Largest share of a person's joints that may be within others' peaks. A person with more of them is more "
        "likely the other one once again.",
        high=1,
    )
    limb_factor: float = option(
        0.6,
        "A limb both of whose ends would be shared with the same person counts this much of what it would, since the "
        "field shows it because of that person. One alone still has to be near perfect to suffice.",
        high=1,
    )
    score_factor: float = option(
        0.4,
        "A shared joint scores this share of its peak. The peak shows at least one of two joints, so the second one is "
        "less sure than any other; people ranked that way have more AP on CrowdPose and on COCO.",
        high=1,
    )


@dataclass(frozen=True)
class ResultOptions(Options):
    """Which people are reported, and their scores; see `bottomup.grouping.to_people`."""

    min_best_keypoint: float = option(
        0.4,
        "People none of whose joints scores this much are left out. What a network sees in leaves and folds of cloth "
        "is faint all over; on 300 COCO photos this leaves out a tenth of what was found and no AP.",
    )
    size_exponent: float = option(
        0.15,
        "The power of a person's size (square root of the box's area over the picture's longer side) in the score. "
        "With 0 a speck of faint joints ranks with a whole person; the people of COCO rank best with 0.2, those of "
        "CrowdPose with 0, and 0.15 loses little of either.",
    )


@dataclass(frozen=True)
class TagMatchOptions(Options):
    """The published `match_by_tag`, to compare with; the values are as published."""

    max_people: int = option(
        30, "How many candidates of a type are looked at, the highest, and how many people may be joined.", low=1
    )
    detection_threshold: float = option(0.1, "A candidate must be higher than this.")
    tag_threshold: float = option(1.0, "A candidate joins a person if its tag is nearer to the person's mean.")
    nms_kernel: int = option(5, "Side in cells, odd, of the square in which a candidate is the highest cell.", low=1)
    enlarge: bool = option(
        False, "Enlarge heatmaps and tags to the input's size first, bilinearly, as HigherHRNet's test setting does."
    )
    refine: bool = option(True, "Give each person all joints that it lacks, wherever in the picture one fits best.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nms_kernel % 2 == 0:
            raise ValueError(f"nms_kernel must be odd but is {self.nms_kernel}")
