"""Every constant of the pipeline, with its reason, in one frozen object."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

_MERGES = ("fields", "candidates")
_ASSIGNMENTS = ("sweep", "single", "limb", "greedy", "exact")


@dataclass(frozen=True)
class Settings:
    """What a Detector or `decode_fields` may be told. Constants of the grouping were chosen on real crowds of
    CrowdPose's validation set (fields drawn with and without noise) and on fields of a real network.

    Network input
        input_height: pixels to which a photo is scaled before the network. None takes what the network's weights say,
            or 368, at which COCO pose networks of this kind are customarily run.
        max_aspect: no side of a photo is scaled to more than this many times the input height, so that a panorama of
            any length, upright or not, costs no more memory than some six ordinary photos.
        scales: factors of `input_height` at which the network sees the photo; see `merge`.
        flip: also show the mirrored photo, and mirror its fields back.
        merge: what becomes of the fields of several looks at a photo. "fields" averages them. "candidates" averages
            part affinity fields only and takes the joints from each look's heatmaps; those of one joint
            merge (CrowdPose, joint node building). On 500 COCO photos, flipped, that gave 0.005 AP more at scales 1
            and 1.5, 0.010 more at 1, 1.25 and 1.5 (the best of all), 0.003 less at 0.75, 1 and 1.5.
        merge_distance: candidates of two looks are one joint up to this many times the smaller one's extent, for a
            joint that is labelled with ordinary precision; see `merge_candidates`.
    Joint candidates
        peak_threshold: lowest heatmap value of a candidate. Lower finds more of a weak network's joints, but below
            this the ripples of noisy fields become candidates.
    Scored pairs
        limb_threshold: lowest mean of a pair's samples; low, since the grouping weighs the rest.
        limb_coverage: share of a pair's samples that must support the limb. Less than all, since other people's
            limbs cross it and fields fade at the joints.
        sample_threshold: a sample supports the limb from this value on; low, but an empty field supports nothing.
        max_limb_length: longest limb, as a share of the field's longer side. No limb of a person who is
            wholly in the picture is longer.
        max_samples: most samples of one pair; more than 12 along a long limb change nothing (OpenPose takes 10).
        limb_good: a pair of at least this affinity is good. Joints that have one do not look everywhere for others.
        limb_response: the joints of a good pair respond at least this much. Noise makes good pairs of faint peaks.
        limb_reach: a joint looks for partners up to this many times as far as the nearest good one on that limb.
            The wrong one of two people's joints is rarely that much nearer to both ends of a limb than the right one.
        limb_span: a joint without a good pair on a limb looks this many times as far as the longest of its nearest
            ones on other limbs. A face's limbs are that much shorter than a neck's; an arm is rarely foreshortened so.
    Traces (limbs that lead from a joint to no candidate, see `trace_limbs`; shares are of the picture's typical
    affinity, lengths multiples of the Gaussian width of its joints)
        trace: follow such limbs, so that a joint that a network missed is found where its limbs end.
        trace_response: lowest heatmap value of a joint from which limbs are followed. Noise rarely gets there.
        trace_weak: a limb is followed if its joint has no pair of at least this affinity. Most true pairs have it.
        trace_sample: a trace goes on while the field along it has at least this share (and `sample_threshold`).
            Real networks' fields fade towards the joints that they miss.
        trace_support: least mean of the field along a trace.
        trace_length: shortest trace. Shorter ones do not get out of the joint's own surroundings.
        trace_clear: an end closer than this to a well seen joint (half as close to a faint one) is that joint, whatever
            has kept them from being a pair.
        trace_merge: ends this close to each other are one joint; where a limb ends is less sharp than a peak.
    Grouping (the terms of the objective F, which `PersonJointGraph.objective` writes down)
        typical_affinity: least value that counts as the typical affinity of a picture's true limbs, so that a
            picture with nothing but noise is not taken for one of faint people.
        doubt: an affinity of this share of the typical one speaks neither for nor against a limb. Most false pairs of
            noisy crowds have less. From 0.45 to 0.6 AP on 500 COCO photos changes by less than 0.001.
        clear: an affinity above this share of the typical one counts no more than that. Above 1, since of two pairs
            that both look like limbs the better one more often is a limb; not far above, since beyond that the
            difference is noise.
        weak_support: what an affinity below that still counts for, as a factor; real networks' true limbs are often
            that faint, and where nothing else claims a joint they are the best that is known.
        faint_response: a joint fainter than this lessens the support of its limbs, in proportion.
        person_cost: what a person costs. A candidate must have more than this response to be one by itself.
        missing_limb_cost: what a limb costs whose joints a person has but which the field does not show.
        length_tolerance: by how much of its greatest length a limb may exceed it before its affinity has fallen to
            0.6; foreshortening only shortens, so this covers errors in the joints and in the person's height, which a
            few joints hardly tell. Half or twice of it changes AP by less than 0.003 in crowds drawn from CrowdPose.
            At twice the tolerance the limb begins to count as one that the field does not show: somebody's knee across
            the picture is nobody's, even if nobody else claims it.
        height_ratio: a person's second longest limb tells its height, but no more than this many times what its median
            limb tells (each for its kind). It is less for 99 of 100 labelled people in COCO; where more than one limb
            leads to somebody else's joints, it is more. 1.8 leaves about half of such limbs in crowds, but takes
            some from people who are seen foreshortened.
        shared_peak_cost: what the limbs to a peak that somebody else holds must be worth to let a person have it as
            well. Below what one good limb is worth with the joint at its end, above what a doubtful one is.
        sharing_joints: how many joints a person must hold before it may share somebody's peak. Fewer are more likely a
            second guess at the other person's joints than somebody behind that person.
        sharing_limit: largest share of a person's joints that may be within others' peaks. Who has more of them is
            more likely the other person once again.
        shared_limb: a limb both of whose ends would be shared with the same person counts this much of what it would,
            since the field shows it because of that person. One alone still has to be near perfect to suffice.
        shared_score: a shared joint scores this share of its peak. The peak shows at least one of two joints, so the
            second one is less sure than any other; people ranked that way have more AP on CrowdPose and on COCO.
        orphan_joints: largest fragment that may join a body without any limb to it. A face of five joints whose neck is
            hidden may; more than that is rarely only a part.
        orphan_odds: how many times likelier it is, before anything is seen of where it lies, that such a fragment is
            somebody's than that it is a person of its own. High, as a fragment given to a body that lacks those joints
            does little harm, and a whole person is rarely so small; above 50 a few lone people are lost.
        height_spread: how much people of one picture differ in height: the standard deviation of the typical height
            over a person's own. Anything from 0.3 to 0.8 does as well.
        assignment: how candidates are assigned to people; all but "sweep" are there to compare it with. "single" is
            one assignment per joint type, once (CrowdPose's single round); "limb" is one per limb, assembled (as in
            trt_pose); "greedy" the best pairs of each limb first, assembled (as in OpenPose); "exact" the highest F
            there is, by integer programming.
        exact_candidates: most joint candidates in contact for "exact". In real crowds without noise, groups as large
            as that took seconds; the time grows steeply.
    Results
        min_joints: people with fewer joints are left out.
        core_threshold: people none of whose joints scores this much are left out. What a network sees in leaves and
            folds of cloth is faint all over; on 300 COCO photos this leaves out a tenth of what was found and no AP.
        size_weight: the power of a person's size (square root of the box's area over the picture's longer side) in the
            score. With 0 a speck of faint joints ranks with a whole person; the people of COCO rank best with 0.2,
            those of CrowdPose with 0, and 0.15 loses little of either.
        person_threshold: people with a lower score are left out. None takes what the network's weights say, or 0.05,
            which leaves out one faint joint by itself.
        joint_threshold: joints with a lower score are reported as missing.
        nms: leave out people whom a better one makes redundant; see `pose_nms` for this and the next five. Off: people
            who hold no joint in common are hardly ever redundant, and in crowds some would be taken for it.
        nms_sigma1: scores well above this count as certain.
        nms_sigma2: distance of two joints that are still alike, as a share of the person's size.
        nms_weight: of the distances against the scores (RMPE's lambda).
        nms_threshold: similarity from which on somebody is redundant (RMPE's eta).
        nms_radius: within this share of the person's size two joints may be the same; RMPE's tenth of the box.
    Care
        highest_peak: heatmaps with a higher one are an error: they are logits, or 0..255. Where a network's scores are
            not bounded they go a little above 1, never so far.
        validate: scan all values of fields in CPU memory for NaN and infinity, not only those that the kernels touch.
        threads: CPU threads for the kernels; the grouping takes one for each image of a batch. Two save a fifth of the
            decode of an image, two fifths of that of a batch, and keep looking out for work for 0.3 ms after a call.

    Raises ValueError (TypeError for a wrong type) that names the setting, what it must be and what it was.
    """

    input_height: int | None = None
    max_aspect: float = 8.0
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    merge: str = "fields"
    merge_distance: float = 2.0
    peak_threshold: float = 0.08
    limb_threshold: float = 0.05
    limb_coverage: float = 0.7
    sample_threshold: float = 0.05
    max_limb_length: float = 0.75
    max_samples: int = 12
    limb_good: float = 0.2
    limb_response: float = 0.3
    limb_reach: float = 4.0
    limb_span: float = 10.0
    trace: bool = True
    trace_response: float = 0.2
    trace_weak: float = 0.6
    trace_sample: float = 0.1
    trace_support: float = 0.2
    trace_length: float = 2.0
    trace_clear: float = 2.0
    trace_merge: float = 5.0
    typical_affinity: float = 0.2
    doubt: float = 0.5
    clear: float = 1.2
    weak_support: float = 0.2
    faint_response: float = 0.4
    person_cost: float = 0.25
    missing_limb_cost: float = 0.3
    length_tolerance: float = 0.35
    height_ratio: float = 2.5
    shared_peak_cost: float = 0.8
    sharing_joints: int = 3
    sharing_limit: float = 0.7
    shared_limb: float = 0.6
    shared_score: float = 0.4
    orphan_joints: int = 6
    orphan_odds: float = 30.0
    height_spread: float = 0.5
    assignment: str = "sweep"
    exact_candidates: int = 150
    min_joints: int = 1
    core_threshold: float = 0.4
    size_weight: float = 0.15
    person_threshold: float | None = None
    joint_threshold: float = 0.0
    nms: bool = False
    nms_sigma1: float = 0.1
    nms_sigma2: float = 0.04
    nms_weight: float = 1.0
    nms_threshold: float = 0.5
    nms_radius: float = 0.05
    highest_peak: float = 3.0
    validate: bool = False
    threads: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", _scales(self.scales))
        for setting in fields(self):
            value = getattr(self, setting.name)
            if setting.type == "bool" and not isinstance(value, bool):
                raise TypeError(f"{setting.name} must be True or False but is {value!r}")
            kind, _, optional = str(setting.type).partition(" | ")
            if kind in ("int", "float") and not (optional and value is None):
                _check_number(setting.name, value, whole=kind == "int")
        for name, choices in (("assignment", _ASSIGNMENTS), ("merge", _MERGES)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {list(choices)} but is {getattr(self, name)!r}")


# What None means for networks and fields of which nothing else is known.
DEFAULT_INPUT_HEIGHT = 368
DEFAULT_PERSON_THRESHOLD = 0.05
HIGHEST_INPUT = 16384  # pixels; what is beyond fits in no memory
# Inclusive bounds; a setting that is not here may be any number from 0 on.
_HIGHEST_WHOLE = 2**31 - 1  # what the kernels can hold
_BOUNDS: dict[str, tuple[float, float]] = {
    "input_height": (1, HIGHEST_INPUT),
    "max_aspect": (1, math.inf),
    "peak_threshold": (1e-6, math.inf),
    "limb_threshold": (-1, 1),
    "limb_coverage": (0, 1),
    "sample_threshold": (-1, 1),
    "max_samples": (3, math.inf),
    "limb_reach": (1, math.inf),
    "limb_span": (1, math.inf),
    "typical_affinity": (1e-6, 1e6),
    "doubt": (0, 0.99),
    "clear": (1, math.inf),
    "weak_support": (0, 1),
    "faint_response": (1e-6, math.inf),
    "trace_weak": (0, 1),
    "trace_sample": (0, 1),
    "trace_support": (0, 1),
    "length_tolerance": (1e-6, math.inf),
    "height_ratio": (1, math.inf),
    "orphan_odds": (1e-6, math.inf),
    "person_threshold": (0, 1),
    "sharing_limit": (0, 1),
    "shared_limb": (0, 1),
    "shared_score": (0, 1),
    "height_spread": (1e-3, math.inf),
    "min_joints": (1, math.inf),
    "nms_sigma1": (1e-6, math.inf),
    "nms_sigma2": (1e-6, math.inf),
    "threads": (1, math.inf),
}


def _check_number(name: str, value: object, *, whole: bool) -> None:
    kind = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kind):
        raise TypeError(f"{name} must be {'a whole number' if whole else 'a number'} but is {value!r}")
    low, high = _BOUNDS.get(name, (0, math.inf))
    if not low <= value <= high:
        wanted = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
        raise ValueError(f"{name} must be {wanted} but is {value!r}")
    if whole and value > _HIGHEST_WHOLE:
        raise ValueError(f"{name} must be at most {_HIGHEST_WHOLE} but is {value!r}")


def _scales(scales: object) -> tuple[float, ...]:
    if isinstance(scales, str | bytes):  # "12" would be 1 and 2
        raise TypeError(f"scales must be several numbers, as (1.0,), but is {scales!r}")
    try:
        checked = tuple(float(scale) for scale in scales)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise TypeError(f"scales must be several numbers, as (1.0,), but is {scales!r}") from error
    if not checked or not all(math.isfinite(scale) and scale > 0 for scale in checked):
        raise ValueError(f"scales must be positive numbers, at least one, but is {scales!r}")
    return checked
