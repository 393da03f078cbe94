"""Labels of a network beside those of people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from bottomup.skeletons import COCO_17
from bottomup.training import Source
from bottomup.training.examples import read_source

CATEGORY = {"id": 1, "name": "person", "keypoints": list(COCO_17.joints)}


def person(number: int, box: tuple[float, float, float, float], **more: Any) -> dict[str, Any]:
    x, y, width, height = box
    keypoints = [x + width / 2, y + height / 2, 2] * 17
    return {"id": number, "image_id": 1, "category_id": 1, "bbox": list(box), "keypoints": keypoints, **more}


def write(path: Path, images: list[int], annotations: list[dict[str, Any]]) -> None:
    entries = [{"id": n, "file_name": f"{n}.png", "width": 200, "height": 100} for n in images]
    path.write_text(json.dumps({"images": entries, "annotations": annotations, "categories": [CATEGORY]}))


@pytest.fixture
def source(tmp_path: Path) -> Source:
    for number in (1, 2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((100, 200, 3), np.uint8))
    crowd = {"iscrowd": 1, "keypoints": [0] * 51}
    ignored = [person(2, (60, 10, 20, 40), **crowd), person(3, (150, 10, 20, 40), **crowd)]
    write(tmp_path / "annotations.json", [1, 2], [person(1, (10, 10, 20, 40)), *ignored])
    found = [person(9, (61, 10, 20, 40), score=0.6), person(10, (100, 10, 10, 10), **crowd)]
    write(tmp_path / "pseudo.json", [1], found)
    return Source(str(tmp_path), pseudo_labels="pseudo.json")


def test_people_of_a_network_stand_beside_those_who_are_labelled(source: Source) -> None:
    (first, second), held = read_source(source, Path(), COCO_17)
    assert not held
    np.testing.assert_allclose(first.keypoints[:, 0], [[20, 30], [71, 30]])
    np.testing.assert_allclose(first.trust, [1, 0.6])
    np.testing.assert_allclose(first.ignore, [[150, 10, 170, 50], [100, 10, 110, 20]])
    assert len(second.keypoints) == 0


def test_pseudo_labels_of_other_photos_are_refused(source: Source) -> None:
    write(Path(source.folder) / "pseudo.json", [1, 7], [])
    cv2.imwrite(str(Path(source.folder) / "7.png"), np.zeros((100, 200, 3), np.uint8))
    with pytest.raises(ValueError, match="photo 7 is none of them"):
        read_source(source, Path(), COCO_17)
