"""What `bottomup eval` can measure: each metric by name, and one function that computes any of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from bottomup.datasets import Labels, PhotoLabels
from bottomup.datasets.photo import FloatArray
from bottomup.evaluation.coco import evaluate_results
from bottomup.evaluation.errors import PhotoCount, count_photo, summarise
from bottomup.evaluation.matching import FoundPeople, oks, pair
from bottomup.evaluation.pck import REFERENCES, joint_rates, reference_lengths
from bottomup.evaluation.pcp import PARTS, part_rates
from bottomup.evaluation.reliability import Reliability, judge
from bottomup.evaluation.results import Entry, convert_results, group, match_photos
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17, CROWDPOSE_14

CROWD_BOUNDS = (0.2, 0.8)
"""Crowd index below which a photo is easy, and from which it is hard: what CrowdPose's own evaluation takes
(crowdposetools, `get_type_result(first=0.2, second=0.8)`). The bounds named in the paper (0.1 and 0.8) are others."""


@dataclass(frozen=True)
class Metric:
    """A way to score.

    kind: "oks" (average precision), "joints" (PCK and its kin) or "parts" (PCP).
    joints: the joints that the labels must have; None takes any.
    area_from_box: areas of people are 0.53 of their boxes, whatever the file says.
    reference: length that distances are compared with, for "joints".
    thresholds: fractions of it that count as correct.
    statistics: names of the statistics that are reported, for "oks"; None reports all.
    """

    kind: str
    joints: Skeleton | None = None
    area_from_box: bool = False
    reference: str = ""
    thresholds: tuple[float, ...] = ()
    statistics: tuple[str, ...] | None = None


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "coco": Metric("oks", COCO_17),
        # CrowdPose reports no sizes of people.
        "crowdpose": Metric(
            "oks", CROWDPOSE_14, area_from_box=True, statistics=("AP", "AP50", "AP75", "AR", "AR50", "AR75")
        ),
        "ochuman": Metric("oks", COCO_17),
        "oks": Metric("oks"),
        "pck": Metric("joints", reference="box", thresholds=(0.2,)),
        "pckh": Metric("joints", reference="head", thresholds=(0.5,)),
        "pdj": Metric("joints", reference="torso", thresholds=(0.2,)),
        "pcp": Metric("parts", thresholds=(0.5,)),
    }
)


@dataclass(frozen=True)
class Evaluation:
    """Scores of a set of results.

    scores: by name; lists have one value for each threshold, None where nothing of the kind is labelled.
    details: what the numbers depend on: thresholds, bounds, how many photos, joints that could not be scored.
    people: the sums of `bottomup.evaluation.errors.summarise`.
    photos: each photo's counts, by its id.
    found, truth: who was found and who is labelled in each photo, in the joints of `skeleton`.
    reliability: how often people and joints of a score are right, for "oks".
    """

    metric: str
    scores: dict[str, Any]
    details: dict[str, Any]
    people: dict[str, float | int | None]
    photos: dict[int, PhotoCount]
    found: dict[int, FoundPeople]
    truth: Mapping[int, PhotoLabels]
    skeleton: Skeleton
    reliability: Reliability | None = None

    def to_dict(self) -> dict[str, Any]:
        """All numbers, ready for `json.dump`."""
        numbers = {"metric": self.metric, "scores": self.scores, "people": self.people, "details": self.details}
        return numbers if self.reliability is None else {**numbers, "reliability": self.reliability.to_dict()}


def evaluate_metric(
    metric: str,
    labels: Labels,
    results: Sequence[Entry],
    skeleton: Skeleton,
    *,
    thresholds: Sequence[float] | None = None,
    reference: str | None = None,
    crowd_bounds: tuple[float, float] = CROWD_BOUNDS,
) -> Evaluation:
    """Score results against labels.

    Parameters
    ----------
    metric:
        A name of `METRICS`.
    labels:
        From `read_labels` with the metric's `joints` and `area_from_box`. All their photos count, also those without
        results.
    results:
        COCO's result dictionaries. People of photos that are not among the labels are left out.
    skeleton:
        The joints of the results. Joints of the labels that it has not, nor can make (`Skeleton.convert`), are taken
        out of the labels and named in `details["unscorable_joints"]`.
    thresholds, reference:
        For "joints" and "parts" instead of the metric's own.
    crowd_bounds:
        Crowd index at which CrowdPose's photos begin to be medium, and hard.

    Raises ValueError if an argument does not fit the metric, ImportError if pycocotools is missing.
    """
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {list(METRICS)} but is {metric!r}")
    way = METRICS[metric]
    if way.joints is not None and labels.skeleton.joints != way.joints.joints:
        missing = [name for name in way.joints.joints if name not in labels.skeleton.joints]
        what = f"lack {', '.join(missing)}" if missing else f"have {list(labels.skeleton.joints)}"
        raise ValueError(f"labels must have the joints of {way.joints.name}, in its order, but {what}")
    chosen = _thresholds(metric, way, thresholds)
    if reference is not None and (way.kind != "joints" or reference not in REFERENCES):
        raise ValueError(f"reference must be one of {list(REFERENCES)}, for pck, pckh and pdj, but is {reference!r}")
    unscorable = skeleton.lacks(labels.skeleton)
    if len(unscorable) == labels.skeleton.num_joints:
        raise ValueError(f"results must share joints with the labels but {skeleton.name} has none of them")
    complete = labels.photos  # whose joints tell how large they are, also those that are not scored
    if unscorable:
        labels = labels.without(unscorable)
    entries = convert_results(match_photos(results, labels), skeleton, labels.skeleton)
    found, people = group(entries, labels.photos, labels.skeleton), labels.photos
    photos = {key: count_photo(found[key], people[key], labels.skeleton) for key in people}
    details: dict[str, Any] = {
        "photos": len(people),
        "areas_from_boxes": labels.estimated_areas,
        "unscorable_joints": list(unscorable),
        "default_sigmas": list(labels.default_sigmas),
        "notes": list(labels.notes),
    }
    reliability: Reliability | None = None
    if way.kind == "oks":
        reliability = judge(found, entries, people, labels.skeleton)
        scores = _average_precision(way, entries, labels, crowd_bounds if metric == "crowdpose" else None, details)
    else:
        details["thresholds"] = list(chosen)
        pairs = [_paired(found[key], people[key].scored(), labels.skeleton) for key in people]
        if way.kind == "joints":
            details["reference"] = reference or way.reference
            lengths = [
                reference_lengths(details["reference"], complete[key], labels.skeleton)[~people[key].ignored]
                for key in people
            ]
            scores = _joints(pairs, lengths, labels.skeleton, chosen, details)
        else:
            scores = _parts(pairs, labels.skeleton, chosen[0], details)
    return Evaluation(metric, scores, details, summarise(photos), photos, found, people, labels.skeleton, reliability)


def _thresholds(metric: str, way: Metric, thresholds: Sequence[float] | None) -> tuple[float, ...]:
    if thresholds is None:
        return way.thresholds
    most = {"oks": 0, "joints": math.inf, "parts": 1}[way.kind]
    fine = all(0 < value <= 1 for value in thresholds)
    if not (fine and 0 < len(thresholds) <= most):
        wanted = {
            "oks": f"left out for {metric}",
            "joints": "numbers above 0, at most 1",
            "parts": "one number above 0, at most 1",
        }
        raise ValueError(f"thresholds must be {wanted[way.kind]} but is {list(thresholds)}")
    return tuple(float(value) for value in thresholds)


def _average_precision(
    way: Metric,
    entries: Sequence[Entry],
    labels: Labels,
    bounds: tuple[float, float] | None,
    details: dict[str, Any],
) -> dict[str, float]:
    def statistics(ids: Sequence[int]) -> dict[str, float]:
        return evaluate_results(entries, labels, ids=ids, skeleton=labels.skeleton)

    scores = statistics(list(labels.photos))
    if way.statistics is not None:
        scores = {name: scores[name] for name in way.statistics}
    if bounds is not None:
        groups = crowd_groups(labels, bounds)
        details["crowd_index_bounds"] = list(bounds)
        details["crowd_photos"] = {name: len(ids) for name, ids in groups.items()}
        scores |= {f"AP {name}": statistics(ids)["AP"] if ids else -1.0 for name, ids in groups.items()}
    return scores


def crowd_groups(labels: Labels, bounds: tuple[float, float] = CROWD_BOUNDS) -> dict[str, list[int]]:
    """The ids of the easy, medium and hard photos: crowd index below, between and from the bounds on.

    Empty if no photo has a `crowdIndex`. Raises ValueError if only some have one, or if the bounds are no bounds.
    """
    low, high = bounds
    if not 0 <= low <= high:
        raise ValueError(
            f"crowd bounds must be two numbers in ascending order, from 0 on, but are {low:g} and {high:g}"
        )
    index: dict[int, Any] = {key: photo.crowd_index for key, photo in labels.photos.items()}
    if all(value is None for value in index.values()):
        return {}
    bad = [key for key, value in index.items() if isinstance(value, bool) or not isinstance(value, (int, float))]
    if bad:
        raise ValueError(f"labels must have a crowdIndex for every photo but {bad[0]} has {index[bad[0]]!r}")
    groups: dict[str, list[int]] = {"easy": [], "medium": [], "hard": []}
    for key, value in index.items():
        groups["easy" if value < low else "medium" if value < high else "hard"].append(key)
    return groups


def _paired(found: FoundPeople, labels: PhotoLabels, skeleton: Skeleton) -> tuple[FloatArray, PhotoLabels]:
    """For each labelled person the joints of the found one that stands for it, NaN if there is none."""
    holder = pair(oks(found, labels, np.array(skeleton.sigmas)))
    keypoints = np.full((len(holder), skeleton.num_joints, 2), np.nan)
    keypoints[holder >= 0] = found.keypoints[holder[holder >= 0]]
    return keypoints, labels


def _joints(
    pairs: Sequence[tuple[FloatArray, PhotoLabels]],
    lengths: Sequence[FloatArray],
    skeleton: Skeleton,
    thresholds: Sequence[float],
    details: dict[str, Any],
) -> dict[str, Any]:
    photos = [(*one, length) for one, length in zip(pairs, lengths, strict=True)]
    rates = joint_rates(photos, skeleton, reference=details["reference"], thresholds=thresholds)
    details |= {
        "people_without_reference": rates.unmeasurable,
        "not_in_mean": list(rates.not_in_mean),
        "labelled": dict(zip(rates.joints, rates.labelled.tolist(), strict=True)),
    }
    table = zip(rates.joints, rates.rates().T.tolist(), strict=True)
    return {"mean": _plain(rates.mean().tolist()), **{joint: _plain(values) for joint, values in table}}


def _parts(
    pairs: Sequence[tuple[FloatArray, PhotoLabels]], skeleton: Skeleton, threshold: float, details: dict[str, Any]
) -> dict[str, Any]:
    rates = part_rates(pairs, skeleton, threshold=threshold)
    counts = {name: (int(s), int(l), int(n)) for name, s, l, n in zip(*asdict(rates).values(), strict=True)}
    counts = {"mean": tuple(np.sum(list(counts.values()), axis=0).tolist()), **counts}
    details["labelled"] = {name: count for name, (_, _, count) in counts.items() if name != "mean"}
    details["missing_parts"] = [name for name in PARTS if name not in counts]
    return {
        rule: {name: row[number] / row[2] if row[2] else None for name, row in counts.items()}
        for number, rule in enumerate(("strict", "loose"))
    }


def _plain(values: Sequence[float]) -> list[float | None]:
    """JSON has no NaN."""
    return [None if math.isnan(value) else value for value in values]
