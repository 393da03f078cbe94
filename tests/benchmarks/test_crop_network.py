"""The benchmark of a network for crops on photos: boxes that are off or too many cost what they must."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from bottomup.benchmarks.crop_network import BOXES, sweep_crop_network
from bottomup.benchmarks.crops import METHODS, labels_of
from bottomup.datasets import Labels
from bottomup.skeletons import COCO_17, CROWDPOSE_14
from tests.makers.detectors import SeesMiddles


@pytest.fixture
def labels(tmp_path: Path) -> Labels:
    """Two photos with two people each, whose joints are all in the middle of their boxes."""
    images, people = [], []
    for image in (1, 2):
        images.append({"id": image, "file_name": f"{image}.png", "width": 640, "height": 480})
        cv2.imwrite(str(tmp_path / f"{image}.png"), np.full((480, 640, 3), 90, np.uint8))
        for x in (100, 400):
            box = [x, 150, 60, 120]
            keypoints = [x + 30, 210, 2] * 17
            people.append({"id": len(people) + 1, "image_id": image, "category_id": 1, "bbox": box, "area": 3600})
            people[-1] |= {"keypoints": keypoints, "num_keypoints": 17, "iscrowd": 0}
    category = {"id": 1, "name": "person", "keypoints": list(COCO_17.joints)}
    content = {"images": images, "annotations": people, "categories": [category]}
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    return labels_of(tmp_path / "annotations.json")


def test_boxes_cost_what_they_must(labels: Labels) -> None:
    pytest.importorskip("pycocotools")
    photos: list[None] = []
    rows = sweep_crop_network(labels, SeesMiddles(COCO_17), images=5, done=lambda: photos.append(None))
    assert len(photos) == 2 * len(BOXES)
    assert len(rows) == len(BOXES) * len(METHODS)
    by = {(row["case"], row["method"]): row for row in rows}
    assert {(row["images"], row["people"]) for row in rows} == {(2, 4)}
    for method in METHODS:
        # A peak of four cells is read at one of them by each box alone, half a cell off.
        assert by["labelled", method]["ap"] > (0.85 if method.startswith("each") else 0.999)
        assert by["labelled", method]["found"] == by["jittered", method]["found"] == 4
        assert by["jittered", method]["ap"] < by["labelled", method]["ap"] - 0.05
    assert by["two jittered", "each box alone"]["found"] == 8
    # The same boxes again.
    assert sweep_crop_network(labels, SeesMiddles(COCO_17), images=5)[-1] == rows[-1]


def test_of_places_nothing_is_shared(labels: Labels) -> None:
    pytest.importorskip("pycocotools")
    backend = SeesMiddles(COCO_17)
    backend.info = replace(backend.info, task="places")
    rows = sweep_crop_network(labels, backend, images=1)
    assert {row["method"] for row in rows} == {name for name in METHODS if name.startswith("each box")}


def test_other_joints_and_no_photos_are_refused(labels: Labels) -> None:
    with pytest.raises(ValueError, match="network must have the joints of the labels but has no nose"):
        sweep_crop_network(labels, SeesMiddles(CROWDPOSE_14))
    with pytest.raises(ValueError, match="images must be at least 1 but is 0"):
        sweep_crop_network(labels, SeesMiddles(COCO_17), images=0)
