"""People in the forms of other tools, and back. `People` has each of these as a method."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bottomup.people.arrays import FloatArray
from bottomup.skeleton import Skeleton
from bottomup.skeletons import BODY_25, COCO_17, OPENPOSE_COCO_18

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import supervision as sv
    import torch

    from bottomup.people.people import People

_OPENPOSE_OTHERS = (
    "face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d", "pose_keypoints_3d", "face_keypoints_3d",
    "hand_left_keypoints_3d", "hand_right_keypoints_3d",
)  # fmt: skip

_UNLIKELY = 1e-4  # a score of 0 has no logarithm; this one's logit is -9.2


Arrays = tuple[Skeleton, FloatArray, FloatArray, FloatArray, npt.NDArray[Any] | None]
"""skeleton, keypoints, keypoint_scores, scores and ids of `People`."""


def to_dict(people: People) -> dict[str, Any]:
    """See `People.to_dict`."""
    scores = people.keypoint_scores.astype(np.float64)[:, :, None].round(6)
    triples = np.concatenate([_finite_keypoints(people).round(3), scores], axis=2)
    boxes = np.nan_to_num(people.boxes.astype(np.float64)).round(3).tolist()
    return {
        "skeleton": people.skeleton.name,
        "joints": list(people.skeleton.joints),
        "people": [
            {
                **({} if name is None else {"id": name}),
                "score": round(float(score), 6),
                "box": box,
                "keypoints": values.reshape(-1).tolist(),
                "traced": [joint for joint, guess in zip(people.skeleton.joints, traced, strict=True) if guess],
            }
            for name, score, box, values, traced in zip(
                _names(people), people.scores, boxes, triples, people.traced.tolist(), strict=True
            )
        ],
    }


def to_rows(people: People) -> Iterator[dict[str, Any]]:
    """See `People.to_rows`."""
    for number, (name, person) in enumerate(zip(_names(people), people, strict=True)):
        for joint, (x, y), score, traced in zip(
            people.skeleton.joints, person.keypoints.tolist(), person.keypoint_scores.tolist(), person.traced.tolist(),
            strict=True,
        ):  # fmt: skip
            seen = score > 0
            yield {
                "person": number, "id": name, "person_score": person.score, "joint": joint,
                "x": x if seen else None, "y": y if seen else None, "score": score, "traced": traced,
            }  # fmt: skip


def _columns(people: People) -> dict[str, npt.NDArray[Any] | list[str] | None]:
    count, joints = len(people), people.skeleton.num_joints
    return {
        "person": np.repeat(np.arange(count), joints),
        "id": None if people.ids is None else np.repeat(people.ids, joints),
        "person_score": np.repeat(people.scores, joints),
        "joint": list(people.skeleton.joints) * count,
        "x": people.keypoints[:, :, 0].reshape(-1),
        "y": people.keypoints[:, :, 1].reshape(-1),
        "score": people.keypoint_scores.reshape(-1),
        "traced": people.traced.reshape(-1),
    }


def to_dataframe(people: People) -> pd.DataFrame:
    """See `People.to_dataframe`."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError('to_dataframe needs pandas: pip install "bottomup[tables]"') from error
    columns: dict[str, Any] = _columns(people)
    if people.ids is None:
        columns["id"] = [pd.NA] * len(columns["joint"])
    columns["id"] = pd.array(columns["id"], dtype="Int64")
    table = pd.DataFrame(columns)
    table["joint"] = pd.Categorical(table["joint"], categories=list(people.skeleton.joints))
    return table


def to_arrow(people: People) -> pa.Table:
    """See `People.to_arrow`."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ImportError('to_arrow needs pyarrow: pip install "bottomup[tables]"') from error
    columns = _columns(people)
    missing = np.isnan(np.asarray(columns["x"]))
    length = len(missing)
    arrays = {
        "person": pa.array(columns["person"], pa.int32()),
        "id": pa.nulls(length, pa.int64()) if columns["id"] is None else pa.array(columns["id"], pa.int64()),
        "person_score": pa.array(columns["person_score"], pa.float32()),
        "joint": pa.array(columns["joint"], pa.string()).dictionary_encode(),
        "x": pa.array(columns["x"], pa.float32(), mask=missing),
        "y": pa.array(columns["y"], pa.float32(), mask=missing),
        "score": pa.array(columns["score"], pa.float32()),
        "traced": pa.array(columns["traced"], pa.bool_()),
    }
    return pa.table(arrays, metadata={"skeleton": people.skeleton.name})


def to_coco(people: People, image_id: int) -> list[dict[str, Any]]:
    """See `People.to_coco`."""
    if isinstance(image_id, bool) or not isinstance(image_id, (int, np.integer)):
        raise TypeError(f"image_id must be an integer but is {image_id!r}")
    visibility = np.where(people.keypoint_scores > 0, 2, 0)
    triples = np.concatenate([_finite_keypoints(people), visibility[:, :, None]], axis=2)
    return [
        {
            "image_id": int(image_id),
            "category_id": 1,
            "keypoints": [round(value, 3) for value in values.reshape(-1).tolist()],
            "keypoint_scores": [round(value, 6) for value in scores.tolist()],
            "score": float(score),
            **({} if name is None else {"track_id": name}),
        }
        for values, scores, score, name in zip(
            triples, people.keypoint_scores, people.scores, _names(people), strict=True
        )
    ]


def to_openpose(people: People) -> dict[str, Any]:
    """See `People.to_openpose`."""
    ids = _names(people)
    people = people.convert(OPENPOSE_COCO_18) if people.skeleton == COCO_17 else people
    triples = np.concatenate([_finite_keypoints(people), people.keypoint_scores[:, :, None]], axis=2)
    return {
        "version": 1.3,
        "people": [
            {
                "person_id": [-1 if name is None else name],
                "pose_keypoints_2d": [round(value, 6) for value in values.reshape(-1).tolist()],
                **{other: [] for other in _OPENPOSE_OTHERS},
            }
            for values, name in zip(triples, ids, strict=True)
        ],
    }


def to_torchvision(people: People, logits: bool = False) -> dict[str, torch.Tensor]:
    """See `People.to_torchvision`."""
    try:
        import torch
    except ImportError as error:
        raise ImportError("to_torchvision needs torch: pip install torch") from error

    scores = people.keypoint_scores.astype(np.float64)
    if logits:
        likely = np.clip(scores, _UNLIKELY, 1 - _UNLIKELY)
        scores = np.log(likely / (1 - likely))

    visible = (people.keypoint_scores > 0).astype(np.float32)[:, :, None]
    keypoints = np.concatenate([_finite_keypoints(people).astype(np.float32), visible], axis=2)
    return {
        "boxes": torch.from_numpy(np.nan_to_num(people.boxes)),
        "labels": torch.ones(len(people), dtype=torch.int64),
        "scores": torch.from_numpy(people.scores.copy()),
        "keypoints": torch.from_numpy(keypoints),
        "keypoints_scores": torch.from_numpy(scores.astype(np.float32)),
    }


def to_supervision(people: People) -> sv.KeyPoints:
    """See `People.to_supervision`."""
    try:
        import supervision as sv
    except ImportError as error:
        raise ImportError("to_supervision needs supervision: pip install supervision") from error
    seen = people.keypoint_scores > 0
    data: dict[str, Any] = {"class_name": np.array(["person"] * len(people), dtype=str)}
    if people.ids is not None:
        data["tracker_id"] = people.ids.copy()
    return sv.KeyPoints(
        xy=_finite_keypoints(people).astype(np.float32), class_id=np.zeros(len(people), np.int_),
        keypoint_confidence=people.keypoint_scores.copy(), detection_confidence=people.scores.copy(), visible=seen,
        data=data,
    )  # fmt: skip


def to_html(people: People, png: bytes | None) -> str:
    """A table of the people, below the picture if there is one: what notebooks show."""
    picture = "" if png is None else f'<img alt="people" src="data:image/png;base64,{base64.b64encode(png).decode()}">'
    head = "".join(f"<th>{name}</th>" for name in ("", "id", "score", "joints", "box x1, y1, x2, y2"))
    lines = []
    for number, (name, person) in enumerate(zip(_names(people), people, strict=True)):
        box = ", ".join(f"{side:.0f}" for side in person.box) if np.isfinite(person.box).all() else ""
        joints = f"{int((person.keypoint_scores > 0).sum())} of {people.skeleton.num_joints}"
        cells = (number, "" if name is None else name, f"{person.score:.2f}", joints, box)
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    caption = f"<caption>{len(people)} people, {html.escape(people.skeleton.name)}</caption>"
    return f"<div>{picture}<table>{caption}<tr>{head}</tr>{''.join(lines)}</table></div>"


def from_coco(entries: Any, skeleton: Skeleton, image_id: int | None) -> Arrays:
    """See `People.from_coco`."""
    if isinstance(entries, Mapping):
        entries = entries.get("annotations")
    if not isinstance(entries, Sequence) or not all(isinstance(entry, Mapping) for entry in entries):
        raise TypeError("entries must be a list of COCO's results or annotations, or a dictionary with annotations")
    if image_id is not None:
        entries = [entry for entry in entries if entry.get("image_id") == image_id]
    images = {entry.get("image_id") for entry in entries}
    if len(images) > 1:
        raise ValueError(f"entries must be of one picture but are of {len(images)}: say which image_id")
    entries = [entry for entry in entries if "keypoints" in entry]
    triples = _triples([entry["keypoints"] for entry in entries], skeleton)
    is_visibility = np.isin(triples[:, :, 2], (0, 1, 2)).all(axis=1, keepdims=True)
    scores = np.where(is_visibility, triples[:, :, 2] > 0, triples[:, :, 2])
    for number, entry in enumerate(entries):
        if (given := entry.get("keypoint_scores")) is not None:
            if len(given) != skeleton.num_joints:
                wanted = f"{skeleton.num_joints} keypoint_scores, one for each joint"
                raise ValueError(f"entry {number} must have {wanted}, but has {len(given)}")
            scores[number] = np.where(triples[number, :, 2] > 0, np.asarray(given, np.float64), 0)
    names = [entry.get("track_id") for entry in entries]
    ids = None if not names or None in names else np.array(names)
    return _arrays(skeleton, triples, scores, np.array([entry.get("score", 1.0) for entry in entries]), ids)


def from_openpose(document: Any, skeleton: Skeleton | None) -> Arrays:
    """See `People.from_openpose`."""
    if not isinstance(document, Mapping) or not isinstance(document.get("people"), Sequence):
        raise TypeError("document must be OpenPose's JSON, a dictionary with a list of people")
    entries = document["people"]
    lists = [entry.get("pose_keypoints_2d", entry.get("pose_keypoints", [])) for entry in entries]
    if skeleton is None:
        known = {3 * known.num_joints: known for known in (BODY_25, OPENPOSE_COCO_18, COCO_17)}
        length = len(lists[0]) if lists else 3 * BODY_25.num_joints
        if length not in known:
            raise ValueError(f"skeleton must be said for people of {length} numbers: 75, 54 and 51 are known")
        skeleton = known[length]
    triples = _triples(lists, skeleton)
    scores = triples[:, :, 2]
    seen = scores > 0
    means = scores.sum(axis=1, where=seen) / np.maximum(seen.sum(axis=1), 1)
    names = [(entry.get("person_id") or [-1])[0] for entry in entries]
    ids = None if not names or min(names) < 0 else np.array(names)
    return _arrays(skeleton, triples, scores, means, ids)


def _triples(lists: Sequence[Any], skeleton: Skeleton) -> npt.NDArray[np.float64]:
    """(N, K, 3) x, y and the third number of flat lists; ValueError names the first that has another length."""
    for number, values in enumerate(lists):
        if len(values) != 3 * skeleton.num_joints:
            wanted = f"{3 * skeleton.num_joints} numbers, x, y and a third for each joint of {skeleton.name!r}"
            raise ValueError(f"keypoints of person {number} must be {wanted}, but are {len(values)}")
    return np.asarray(lists, np.float64).reshape(len(lists), skeleton.num_joints, 3)


def _arrays(
    skeleton: Skeleton,
    triples: npt.NDArray[np.float64],
    scores: npt.NDArray[Any],
    person_scores: npt.NDArray[Any],
    ids: npt.NDArray[Any] | None,
) -> Arrays:
    points = np.where(scores[:, :, None] > 0, triples[:, :, :2], np.nan)
    return (skeleton, points, scores.astype(np.float32), person_scores.astype(np.float32).reshape(-1), ids)


def _names(people: People) -> list[int] | list[None]:
    return [None] * len(people) if people.ids is None else people.ids.tolist()


def _finite_keypoints(people: People) -> npt.NDArray[np.float64]:
    return np.nan_to_num(people.keypoints.astype(np.float64))
