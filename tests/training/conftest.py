"""A data set that is drawn: photos of stick figures, in COCO form."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from bottomup.skeletons import COCO_17
from bottomup.training import Source, TrainConfig
from tests.makers.figures import SMALL, figure


@pytest.fixture(scope="session")
def drawn_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos with people (one of them `val2017`), one without."""
    root = tmp_path_factory.mktemp("data")
    (root / "people" / "images").mkdir(parents=True)
    (root / "nobody").mkdir()
    annotations, images = [], []
    for number, split in ((1, "val2017"), (2, "train2017"), (3, "train2017")):
        photo = np.full((120, 160, 3), 60 + 20 * number, np.uint8)
        for person in (figure(5, 8, 100), figure(80, 15, 70)):
            for a, b in COCO_17.limbs:
                cv2.line(photo, person[a].astype(int).tolist(), person[b].astype(int).tolist(), (40, 220, 240), 3)
            flat = np.column_stack([person, np.full(17, 2)]).reshape(-1).tolist()
            box = [*person.min(0), *np.ptp(person, axis=0)]
            annotations.append({"image_id": number, "bbox": box, "area": box[2] * box[3], "keypoints": flat})
        annotations.append({"image_id": number, "bbox": [0.0, 0.0, 24.0, 24.0], "area": 576.0, "iscrowd": 1})
        images.append({"id": number, "file_name": f"{number}.png", "coco_split": split})
        cv2.imwrite(str(root / "people" / "images" / f"{number}.png"), photo)
    cv2.imwrite(str(root / "nobody" / "empty.png"), np.full((90, 110, 3), 200, np.uint8))
    content = {
        "images": images,
        "annotations": [{"id": n, "category_id": 1, "iscrowd": 0, **a} for n, a in enumerate(annotations, start=1)],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.joints)}],
    }
    (root / "people" / "annotations.json").write_text(json.dumps(content))
    return root


@pytest.fixture
def config(drawn_data: Path, tmp_path: Path) -> TrainConfig:
    """A run of a few quick steps that repeats exactly."""
    return TrainConfig(
        sources=(
            Source("people", weight=3.0, held_out_split="val2017", held_out=1, scale=(0.8, 1.2)),
            Source("nobody", weight=1.0),
        ),
        data=str(drawn_data), out=str(tmp_path / "run"), steps=6, network=SMALL, crop_sizes=((0.0, 64), (0.5, 96)),
        batch=4, micro_batch=2, warmup=2, threads=1, workers=0, checkpoint_minutes=0.0, calibrate=False,
    )  # fmt: skip
