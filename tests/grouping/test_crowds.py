"""Real crowds: ideal fields drawn from CrowdPose's annotations go in, and the annotated people must come out."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bottomup.decoder import decode_fields
from bottomup.evaluation.coco import evaluate_results
from bottomup.fields import draw_fields
from bottomup.people import People
from bottomup.skeletons import CROWDPOSE_14

STRIDE, LONG_SIDE = 4, 640


@pytest.fixture(scope="module")
def crowds(data_root: Path) -> dict[str, Any]:
    """Every twelfth annotated image. CrowdPose has no areas; its evaluation takes this share of the box.

    People whom it says to have no keypoints are too small to be judged, whatever keypoints they have.
    """
    data = json.loads((data_root / "data" / "crowdpose" / "crowdpose_val_dev.json").read_text())
    images = data["images"][::12]
    chosen = {image["id"] for image in images}
    labels = [
        {
            **label,
            "area": 0.53 * label["bbox"][2] * label["bbox"][3],
            "iscrowd": int(label["iscrowd"] or label["num_keypoints"] == 0),
        }
        for label in data["annotations"]
        if label["image_id"] in chosen
    ]
    return {"images": images, "annotations": labels}


def poses(crowds: dict[str, Any]) -> dict[int, np.ndarray]:
    """(N, 14, 3) of each image: x and y in its pixels and visibility."""
    table: dict[int, list[np.ndarray]] = defaultdict(list)
    for label in crowds["annotations"]:
        if label["num_keypoints"] > 0:
            table[label["image_id"]].append(np.reshape(label["keypoints"], (-1, 3)).astype(np.float64))
    return {image: np.array(found) for image, found in table.items()}


def decode(pose: np.ndarray, image: dict[str, Any]) -> tuple[People, np.ndarray, float]:
    """What is decoded from the fields of poses, the poses in the pixels of those fields, and their scale."""
    scale = LONG_SIDE / max(image["width"], image["height"])
    seen = pose.copy()
    seen[..., :2] = (pose[..., :2] + 0.5) * scale - 0.5
    height, width = round(image["height"] * scale), round(image["width"] * scale)
    # Limbs two cells wide, as training draws them at its stride of 8; wider ones of neighbours would melt together.
    size = {"height": height, "width": width, "stride": STRIDE, "limb_width": 2.0 * STRIDE}
    fields = draw_fields(seen[..., :2], seen[..., 2], CROWDPOSE_14, **size)
    people = decode_fields(fields.heatmaps, fields.pafs, CROWDPOSE_14, stride=STRIDE)
    assert isinstance(people, People)
    return people, seen, scale


def holders(people: People, seen: np.ndarray) -> np.ndarray:
    """(P, 14) whose joint each found joint is; -1 for nobody's within two cells, or for one of several people."""
    distance = np.linalg.norm(people.keypoints[:, None] - seen[None, ..., :2], axis=-1)
    near = (distance <= 2 * STRIDE) & (seen[None, ..., 2] > 0)
    return np.where(near.sum(axis=1) == 1, near.argmax(axis=1), -1)


@pytest.mark.slow
def test_crowds_come_back_as_they_were(crowds: dict[str, Any]) -> None:
    truth = poses(crowds)
    results: list[dict[str, Any]] = []
    joined = swapped = 0
    for image in crowds["images"]:
        people, seen, scale = decode(truth.get(image["id"], np.zeros((0, 14, 3))), image)
        whose = holders(people, seen)
        for a, b in CROWDPOSE_14.limbs:
            both = (whose[:, a] >= 0) & (whose[:, b] >= 0)
            joined += int(both.sum())
            swapped += int((whose[both, a] != whose[both, b]).sum())
        for result in people.to_coco(image["id"]):
            keypoints = np.reshape(result["keypoints"], (-1, 3))
            there = keypoints[:, 2] > 0
            keypoints[there, :2] = (keypoints[there, :2] + 0.5) / scale - 0.5
            results.append({**result, "keypoints": keypoints.ravel().tolist()})
    ids = [image["id"] for image in crowds["images"]]
    found = evaluate_results(results, crowds, ids=ids, skeleton=CROWDPOSE_14)
    assert joined > 2000
    assert found["AP"] >= 0.95
    assert swapped <= 0.003 * joined
