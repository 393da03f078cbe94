"""AI Challenger's human keypoints (Wu et al., "Large-scale datasets for going deeper
in image understanding", ICME 2019).

A list of photos, each with `image_id` (the name of a .jpg without its ending), `keypoint_annotations` and
`human_annotations` by the names of people: 14 times x, y, v with v 1 for a joint that is seen, 2 for one that is hidden
and 3 for one that is not labelled; boxes have corners.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bottomup.datasets.json_files import stream_json
from bottomup.datasets.labels import Labels
from bottomup.datasets.paths import PhotoNames, photo_folder
from bottomup.datasets.photo import PhotoLabels, joint_boxes
from bottomup.skeletons import AI_CHALLENGER_14

_LABELLED = (1, 2)


def read_ai_challenger_labels(file: Path, *, images: Path | None = None) -> Labels:
    """Read AI Challenger's own file, in its order; ValueError names the file and the photo if it is of another kind."""
    entries = []
    try:
        for key, entry in stream_json(file, ()):
            if key:
                raise ValueError("a list of photos is expected")
            entries.append(_entry(entry))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"labels must be AI Challenger's but {file} are not: {error}") from error
    names = {number: name for number, (name, _, _) in enumerate(entries)}
    folder = images or photo_folder(file, list(names.values()))
    where = PhotoNames(folder, list(names.values()))
    nothing = np.zeros((0, 4))
    photos = {
        number: PhotoLabels(
            number, where.path(name), keypoints, boxes, nothing, np.ones(14, bool)
        )
        for number, (name, keypoints, boxes) in enumerate(entries)
    }  # fmt: skip
    people = sum(len(photo.keypoints) for photo in photos.values())
    return Labels(file, AI_CHALLENGER_14, photos, names, folder=folder, estimated_areas=people)


def _entry(entry: Any) -> tuple[str, Any, Any]:
    """File name, (N, 14, 2) keypoints and (N, 4) boxes of a photo."""
    name, people = str(entry["image_id"]), entry["keypoint_annotations"]
    boxes = entry.get("human_annotations") or {}
    try:
        table = np.array([people[one] for one in people], np.float64).reshape(len(people), 14, 3)
        keypoints = np.where(np.isin(table[..., 2:], _LABELLED), table[..., :2], np.nan)
        tight = joint_boxes(keypoints)
        corners = [boxes.get(one, own) for one, own in zip(people, tight, strict=True)]
        return f"{name}.jpg" if "." not in name else name, keypoints, np.array(corners, np.float64).reshape(-1, 4)
    except (TypeError, ValueError) as error:
        raise ValueError(f"photo {name}: {error}") from error
