"""Labelled and found people for the tests of the evaluation, made by arithmetic."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bottomup.datasets import PhotoLabels
from bottomup.evaluation.matching import FoundPeople
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17, CROWDPOSE_14

# A person of 100 x 200 pixels, standing, as (x, y) by joint.
STANDING = {
    "nose": (50, 20), "left_eye": (55, 15), "right_eye": (45, 15), "left_ear": (60, 18), "right_ear": (40, 18),
    "head": (50, 10), "head_top": (50, 0), "neck": (50, 40), "upper_neck": (50, 40), "thorax": (50, 45),
    "left_shoulder": (70, 45), "right_shoulder": (30, 45), "left_elbow": (80, 75), "right_elbow": (20, 75),
    "left_wrist": (85, 105), "right_wrist": (15, 105), "left_hip": (65, 105), "right_hip": (35, 105),
    "pelvis": (50, 105), "left_knee": (65, 150), "right_knee": (35, 150), "left_ankle": (65, 195),
    "right_ankle": (35, 195),
}  # fmt: skip


def pose(skeleton: Skeleton = COCO_17, x: float = 0, y: float = 0, size: float = 1) -> np.ndarray:
    """(K, 2) joints of the standing person, moved and scaled."""
    return np.array([STANDING[joint] for joint in skeleton.joints], np.float64) * size + (x, y)


def found(*poses: np.ndarray, scores: Sequence[float] | None = None) -> FoundPeople:
    keypoints = np.array(poses, np.float64)
    return FoundPeople(keypoints, np.array(scores if scores is not None else np.ones(len(poses)), np.float64))


def labelled(
    *poses: np.ndarray,
    ignored: Sequence[bool] | None = None,
    boxes: Sequence[Sequence[float]] | None = None,
    heads: Sequence[Sequence[float]] | None = None,
) -> PhotoLabels:
    """Boxes are tight, unless they are given, and areas 0.53 of them. Boxes and heads are xyxy."""
    keypoints = np.array(poses, np.float64)
    tight = np.concatenate([np.nanmin(keypoints, axis=1), np.nanmax(keypoints, axis=1)], axis=1)
    return PhotoLabels.of_people(
        keypoints,
        tight if boxes is None else np.array(boxes, np.float64),
        heads=None if heads is None else np.array(heads, np.float64),
        ignored=np.array(ignored if ignored is not None else [False] * len(poses)),
    )


def entry(image: int, points: np.ndarray, score: float = 1.0) -> dict[str, Any]:
    """A COCO result; a joint that is NaN is missing."""
    seen = np.isfinite(points[:, 0])
    triples = np.column_stack([np.where(seen[:, None], points, 0), 2 * seen])
    return {"image_id": image, "category_id": 1, "keypoints": triples.ravel().tolist(), "score": score}


def write_labels(
    path: Path,
    photos: Mapping[int, Sequence[np.ndarray]],
    skeleton: Skeleton = COCO_17,
    *,
    images: Mapping[int, Mapping[str, Any]] | None = None,
    people: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """An annotation file. `images` has more about photos, `people` further annotations as they are."""
    annotations: list[dict[str, Any]] = []
    for image, poses in photos.items():
        for points in poses:
            label = entry(image, points)
            low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
            box = [*low.tolist(), *(high - low).tolist()]
            annotations.append({**label, "bbox": box, "area": 0.53 * box[2] * box[3], "iscrowd": 0})
    annotations += [dict(person) for person in people]
    content = {
        "images": [
            {"id": image, "file_name": f"{image}.png", "width": 640, "height": 480, **((images or {}).get(image) or {})}
            for image in photos
        ],
        "annotations": [{"category_id": 1, **a, "id": n} for n, a in enumerate(annotations, start=1)],
        "categories": [{"id": 1, "name": "person", "keypoints": list(skeleton.joints)}],
    }
    path.write_text(json.dumps(content))
    return path


def wave(*numbers: float) -> float:
    """A number in 0..1 that looks random and is the same on every computer, to a thousandth."""
    value = math.sin(sum((k + 1) * 12.9898 * number for k, number in enumerate(numbers))) * 437.585
    return round(value - math.floor(value), 3)


def crowd_file(path: Path, photos: int = 30) -> tuple[Path, list[dict[str, Any]]]:
    """Labels in CrowdPose's form with all its habits, and results with all kinds of mistakes.

    Half the joints of some people are unlabelled, some people have no joints, some only a head and a neck (and so
    `num_keypoints: 0`, as CrowdPose counts). Found people are shifted, doubled, missing, or have joints at 0, 0.
    """
    images: dict[int, dict[str, Any]] = {}
    people: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image in range(1, photos + 1):
        images[image] = {"crowdIndex": round(wave(image), 2)}
        for number in range(1 + int(5 * wave(image, 1))):
            size = round(0.3 + wave(image, number, 2), 2)
            x, y = round(500 * wave(image, number, 3)), round(300 * wave(image, number, 4))
            points = np.round(pose(CROWDPOSE_14, x, y, size))
            kind = wave(image, number, 5)
            seen = np.array([wave(image, number, 6, joint) > (0.5 if kind < 0.3 else 0.1) for joint in range(14)])
            if kind > 0.9:
                seen[:] = False
            elif kind > 0.75:
                seen[:12], seen[12:] = False, True
            triples = np.column_stack([np.where(seen[:, None], points, 0), np.where(seen, 1 + (kind > 0.5), 0)])
            box = [x, y, round(100 * size), round(200 * size)]
            people.append({
                "image_id": image, "bbox": box, "keypoints": triples.ravel().tolist(), "iscrowd": 0,
                "num_keypoints": int(seen[:12].sum()),
            })  # fmt: skip
            for copy in range(int(2.6 * wave(image, number, 7))):
                reach = 60 * size * wave(image, number, 8, copy) ** 3
                shift = [[wave(image, number, 9, j, copy), wave(image, number, 10, j, copy)] for j in range(14)]
                guess = points + (np.array(shift) - 0.5) * reach
                guess[[j for j in range(14) if wave(image, number, 11, j) > 0.93]] = np.nan
                results.append(entry(image, np.round(guess, 2), wave(image, number, 12, copy)))
        if wave(image, 13) > 0.6:
            results.append(entry(image, pose(CROWDPOSE_14, 600 * wave(image, 14), 10, 0.7), wave(image, 15)))
    file = write_labels(path, {image: [] for image in images}, CROWDPOSE_14, images=images, people=people)
    return file, results
