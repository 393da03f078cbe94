"""How right the people are that a decoder finds in crowds: AP, swapped joints, missed and invented people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bottomup.benchmarks.scenes import Scene
from bottomup.benchmarks.timing import Timing
from bottomup.datasets import Labels, PhotoLabels
from bottomup.evaluation.coco import evaluate_results
from bottomup.evaluation.errors import count_photo
from bottomup.evaluation.matching import FoundPeople, IntArray, joint_similarity
from bottomup.skeleton import Skeleton

_OWN = 0.5  # similarity from which a joint lies on a labelled one: the bound that makes whole people match as well


@dataclass(frozen=True)
class Accuracy:
    """Of some pictures. Shares are in 0..1, None where nothing is there to count.

    images, people: how many there are; crowd_index is the mean over the pictures.
    ap: average precision by object keypoint similarity (OKS), mean over the thresholds 0.50 to 0.95. Unlike in COCO's
        table, it does not stop at 20 people a picture.
    swapped_joints: of the labelled joints of people who were found, how many were put on the same joint of another
        person instead: within an OKS of 0.5 of that one but not of their own.
    mixed_limbs: of the found limbs both ends of which lie on labelled joints, how many join two people.
    missed, invented: shares of the labelled people who were not found (matched by an OKS of at least 0.5, best
        score first), and of the found people that match no label.
    """

    images: int
    people: int
    crowd_index: float | None
    ap: float | None
    swapped_joints: float | None
    mixed_limbs: float | None
    missed: float | None
    invented: float | None


def measure_accuracy(scenes: Sequence[Scene], skeleton: Skeleton) -> Accuracy:
    """Compare what was found in some pictures with their labels, which have the joints of `skeleton`.

    Raises ImportError that names the extra if pycocotools is missing.
    """
    found = [FoundPeople(scene.people.keypoints.astype(float), scene.people.scores.astype(float)) for scene in scenes]
    counts = [count_photo(one, scene.labels, skeleton) for one, scene in zip(found, scenes, strict=True)]
    swaps = [
        swapped_joints(one, scene.labels, count.match.holder, skeleton)
        for one, scene, count in zip(found, scenes, counts, strict=True)
    ]
    people = sum(count.labelled for count in counts)

    def share(part: Iterable[int], whole: Iterable[int]) -> float | None:
        total = sum(whole)
        return sum(part) / total if total else None

    return Accuracy(
        images=len(scenes),
        people=people,
        crowd_index=float(np.mean([scene.crowd_index for scene in scenes])) if scenes else None,
        ap=_average_precision(scenes, skeleton) if people else None,
        swapped_joints=share((swapped for swapped, _ in swaps), (labelled for _, labelled in swaps)),
        mixed_limbs=share((count.swapped for count in counts), (count.limbs for count in counts)),
        missed=share((count.missed for count in counts), (count.labelled for count in counts)),
        invented=share((count.invented for count in counts), (count.found for count in counts)),
    )


def swapped_joints(
    found: FoundPeople,
    labels: PhotoLabels,
    holder: IntArray,
    skeleton: Skeleton,
) -> tuple[int, int]:
    """How many labelled joints of matched people were put on another person's, and how many such joints there are.

    `holder` is (N,), the found person that stands for each label, -1 for none.
    """
    on = joint_similarity(found, labels, np.array(skeleton.sigmas)) >= _OWN
    swapped = labelled = 0
    for label in np.flatnonzero(holder >= 0):
        joints = labels.visible[label]
        own = on[holder[label], label]
        others = np.delete(on[holder[label]], label, axis=0).any(axis=0)
        labelled += int(joints.sum())
        swapped += int((joints & others & ~own).sum())
    return swapped, labelled


def measure_times(scenes: Sequence[Scene]) -> dict[str, Timing]:
    """The spread over pictures of each stage's time, and of "total", the sum of those that are the decode's."""
    stages = {stage: [scene.seconds[stage] for scene in scenes] for stage in scenes[0].seconds}
    total = np.sum([seconds for stage, seconds in stages.items() if stage != "network"], axis=0)
    return {stage: Timing.of(seconds) for stage, seconds in {**stages, "total": total}.items()}


def _average_precision(scenes: Sequence[Scene], skeleton: Skeleton) -> float | None:
    results = [entry for image, scene in enumerate(scenes) for entry in scene.people.to_coco(image)]
    truth = Labels(Path(), skeleton, {image: scene.labels for image, scene in enumerate(scenes)})
    most = max(len(scene.people) for scene in scenes)
    precision = evaluate_results(results, truth, ids=range(len(scenes)), skeleton=skeleton, max_people=max(most, 1))[
        "AP"
    ]
    return None if precision < 0 else precision
