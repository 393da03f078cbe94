"""Agreement with CrowdPose's own evaluation, and with a second reading of COCO's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bottomup.evaluation import evaluate_metric, read_labels
from bottomup.evaluation.matching import FoundPeople, oks
from bottomup.skeletons import COCO_17, CROWDPOSE_14
from tests.makers.evaluation import crowd_file, entry, labelled, pose, write_labels

pytest.importorskip("pycocotools")

# What xtcocotools 1.14.3, the evaluation of CrowdPose that MMPose uses (iouType "keypoints_crowd", use_area=False),
# gives for the files of `crowd_file`. It rounds the last three to four digits.
OFFICIAL = {
    "AP": 0.26316055475135947,
    "AP50": 0.46585526768537927,
    "AP75": 0.3769686959350427,
    "AR": 0.36315789473684207,
    "AR50": 0.5921052631578947,
    "AR75": 0.4868421052631579,
    "AP easy": 0.1241,
    "AP medium": 0.2387,
    "AP hard": 0.3281,
}


def test_agrees_with_crowdpose_own_evaluation(tmp_path: Path) -> None:
    file, results = crowd_file(tmp_path / "labels.json")
    labels = read_labels(file, joints=CROWDPOSE_14, area_from_box=True)
    scores = evaluate_metric("crowdpose", labels, results, CROWDPOSE_14).scores
    assert list(scores) == list(OFFICIAL)
    for name, value in OFFICIAL.items():
        assert scores[name] == pytest.approx(value, abs=6e-5 if len(name.split()) > 1 else 1e-12), name


def test_people_with_nothing_but_head_and_neck_are_neither_missed_nor_found(tmp_path: Path) -> None:
    """CrowdPose's numbers of keypoints count neither, and its evaluation leaves such people out."""
    points = pose(CROWDPOSE_14, 300, 100)
    points[:12] = np.nan
    hidden = {**entry(1, points), "bbox": [300, 100, 100, 200], "iscrowd": 0, "num_keypoints": 0}
    file = write_labels(tmp_path / "labels.json", {1: [pose(CROWDPOSE_14)]}, CROWDPOSE_14, people=[hidden])
    labels = read_labels(file, joints=CROWDPOSE_14, area_from_box=True)
    whole = entry(1, pose(CROWDPOSE_14, 300, 100), 0.9)
    for results in ([entry(1, pose(CROWDPOSE_14), 0.5)], [entry(1, pose(CROWDPOSE_14), 0.5), whole]):
        evaluation = evaluate_metric("crowdpose", labels, results, CROWDPOSE_14)
        assert evaluation.scores["AP"] == pytest.approx(1)
        assert (evaluation.people["labelled"], evaluation.people["missed"], evaluation.people["invented"]) == (1, 0, 0)


def reference_ap(truth: dict[int, Any], results: list[dict[str, Any]], threshold: float) -> float:
    """Average precision at one threshold as COCO defines it, as plainly as can be; nobody is ignored."""
    taken: set[tuple[int, int]] = set()
    right = []
    for result in sorted(results, key=lambda one: -one["score"]):
        people = truth[result["image_id"]]
        guess = FoundPeople(np.reshape(result["keypoints"], (1, 17, 3))[..., :2].astype(float), np.ones(1))
        similarity = oks(guess, people, np.array(COCO_17.sigmas))[0]
        free = {n: s for n, s in enumerate(similarity) if s >= threshold and (result["image_id"], n) not in taken}
        right.append(bool(free))
        if free:
            taken.add((result["image_id"], max(free, key=lambda n: free[n])))
    total = sum(len(people.areas) for people in truth.values())
    hits, precisions = np.cumsum(right), []
    for recall in np.linspace(0, 1, 101):
        reached = np.flatnonzero(hits / total >= recall)
        later = hits / np.arange(1, len(hits) + 1)
        precisions.append(later[reached[0] :].max() if len(reached) else 0.0)
    return float(np.mean(precisions))


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_a_plain_reading_of_coco(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    photos = {
        image: [pose(COCO_17, *random.uniform(0, 400, 2), size=random.uniform(0.5, 1.5)) for _ in range(3)]
        for image in (1, 2, 5)
    }
    results = [
        entry(image, points + random.normal(0, random.uniform(0, 25), points.shape), float(random.random()))
        for image, people in photos.items()
        for points in [*people, *people[:1], pose(COCO_17, 500, 500)]
    ]
    labels = read_labels(write_labels(tmp_path / "labels.json", photos), joints=COCO_17)
    scores = evaluate_metric("coco", labels, results, COCO_17).scores
    truth = {image: labelled(*people) for image, people in photos.items()}
    assert 0.01 < scores["AP"] < 0.99
    for name, threshold in (("AP50", 0.5), ("AP75", 0.75)):
        assert scores[name] == pytest.approx(reference_ap(truth, results, threshold), abs=1e-9)
    every = [reference_ap(truth, results, threshold) for threshold in np.arange(0.5, 0.96, 0.05)]
    assert scores["AP"] == pytest.approx(np.mean(every), abs=1e-9)
