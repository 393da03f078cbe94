"""PoseTrack 2017's form (Andriluka et al., CVPR 2018): `annolist` of frames, after MPII's MATLAB structures.

Each number stands in a list of its own. PoseTrack 2018's form is COCO's (`bottomup.datasets.coco`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bottomup.datasets.categories import choose_category
from bottomup.datasets.json_files import stream_json
from bottomup.datasets.labels import Labels
from bottomup.datasets.paths import PhotoNames, photo_folder
from bottomup.datasets.photo import FloatArray, PhotoLabels, joint_boxes

# By the points' ids.
POSETRACK_JOINTS = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow",
    "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "head_bottom", "nose", "head_top",
)  # fmt: skip


def read_posetrack17_labels(file: Path, *, images: Path | None = None) -> Labels:
    """Read a video of PoseTrack 2017, frame by frame; ValueError names the file and frame if it is of another kind."""
    frames: list[Mapping[str, Any]] = []
    try:
        frames += [entry for key, entry in stream_json(file, ("annolist",)) if key == "annolist" and entry != []]
        names = {number: str(_one(_one(frame["image"])["name"])) for number, frame in enumerate(frames)}
        folder = images or photo_folder(file, list(names.values()))
        where = PhotoNames(folder, list(names.values()))
        photos = {
            number: _photo(number, where.path(names[number]), frame, file.stem) for number, frame in enumerate(frames)
        }
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        text = f"it has no {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"labels must be PoseTrack's but {file} are not: {text}") from error
    kind = choose_category([{"name": "posetrack15", "keypoints": POSETRACK_JOINTS}])
    people = sum(len(photo.keypoints) for photo in photos.values())
    return Labels(file, kind.skeleton, photos, names, folder=folder, estimated_areas=people)


def _one(value: Any) -> Any:
    return value[0] if isinstance(value, list) else value


def _photo(number: int, path: Path, frame: Mapping[str, Any], video: str) -> PhotoLabels:
    people = frame.get("annorect") or []
    keypoints = np.array([_points(person) for person in people]).reshape(len(people), len(POSETRACK_JOINTS), 2)
    heads = [[float(_one(person.get(side, np.nan))) for side in ("x1", "y1", "x2", "y2")] for person in people]
    tracks = [_one(person.get("track_id")) for person in people]
    regions = tuple(
        np.array([[_one(point["x"]), _one(point["y"])] for point in region["point"]], np.float64)
        for region in frame.get("ignore_regions") or ()
    )
    return PhotoLabels(
        number, path, keypoints, joint_boxes(keypoints), np.zeros((0, 4)), np.ones(len(POSETRACK_JOINTS), bool),
        heads=np.array(heads, np.float64).reshape(-1, 4),
        tracks=None if None in tracks else np.array(tracks, np.int64), regions=regions,
        labelled=bool(_one(frame.get("is_labeled", 1))), video=video, frame=number,
    )  # fmt: skip


def _points(person: Mapping[str, Any]) -> FloatArray:
    table = np.full((len(POSETRACK_JOINTS), 2), np.nan)
    annotated = _one(person.get("annopoints") or [{}]) or {}
    for point in annotated.get("point") or ():
        table[int(_one(point["id"]))] = float(_one(point["x"])), float(_one(point["y"]))
    return table
