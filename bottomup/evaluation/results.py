"""Results that are scored: COCO's list of found people, from a file or a detector, in the joints of the labels."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bottomup.evaluation.labels import FloatArray
from bottomup.evaluation.matching import FoundPeople
from bottomup.skeleton import Skeleton

Entry = Mapping[str, Any]


def read_results(path: str | Path) -> list[Entry]:
    """COCO's results list from a JSON file, checked by `check_results`; what else an entry holds is kept.

    Raises FileNotFoundError if there is no such file, ValueError naming it and what is wrong with it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"results must be a JSON file but {str(path)!r} is none")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"results must be a JSON file but {path} is not: {error}") from error
    try:
        check_results(content)
    except ValueError as error:
        raise ValueError(f"results must be COCO's list of found people but {path} is not: {error}") from error
    entries: list[Entry] = content
    return entries


def check_results(content: Any) -> None:
    """ValueError, naming the first bad entry, unless all hold image_id, score and the same number of keypoints.

    They must be of one category, if they name any.
    """
    if not isinstance(content, list):
        raise ValueError(f"it holds a {type(content).__name__}")
    length, category = None, None
    for number, entry in enumerate(content):
        if not isinstance(entry, dict) or not {"image_id", "keypoints", "score"} <= set(entry):
            raise ValueError(f"entry {number} has not image_id, keypoints and score")
        keypoints, score = np.asarray(entry["keypoints"]), np.asarray(entry["score"])
        length = keypoints.size if length is None else length
        if keypoints.shape != (length,) or length % 3 or not length or keypoints.dtype.kind not in "iuf":
            raise ValueError(f"entry {number} must have 3 numbers for each joint, as many as the others")
        if score.shape or score.dtype.kind not in "iuf" or not (np.isfinite(keypoints).all() and np.isfinite(score)):
            raise ValueError(f"entry {number} must have finite numbers")
        if isinstance(entry["image_id"], bool) or not isinstance(entry["image_id"], int):
            raise ValueError(f"entry {number} must have a whole number as image_id but has {entry['image_id']!r}")
        category = entry.get("category_id") if number == 0 else category
        if entry.get("category_id") != category:
            raise ValueError(f"entry {number} must be of category {category} but is of {entry.get('category_id')}")


def convert_results(entries: Sequence[Entry], source: Skeleton, target: Skeleton) -> list[Entry]:
    """The same people in the joints of `target` (`Skeleton.convert`); untouched if they are the same joints.

    Raises ValueError if an entry has not the joints of `source`.
    """
    sizes = Counter(len(entry["keypoints"]) for entry in entries)
    if set(sizes) - {3 * source.num_joints}:
        other = next(size for size in sizes if size != 3 * source.num_joints)
        was = f"{other // 3} joints"
        raise ValueError(f"results must have the {source.num_joints} joints of {source.name} but have {was}")
    if source.joints == target.joints or not entries:
        return list(entries)
    keypoints = _arrays(entries, source.num_joints).keypoints
    xy, scores = source.convert(keypoints, np.isfinite(keypoints[..., 0]).astype(np.float64), target)
    seen = scores > 0
    triples = np.concatenate([np.where(seen[..., None], xy, 0), 2 * seen[..., None]], axis=2)
    return [
        {**entry, "keypoints": row.tolist()}
        for entry, row in zip(entries, triples.reshape(len(entries), -1), strict=True)
    ]


def group(entries: Iterable[Entry], ids: Iterable[int], skeleton: Skeleton) -> dict[int, FoundPeople]:
    """The found people of each photo of `ids`; a joint whose third number is not positive is missing."""
    table: dict[int, list[Entry]] = {key: [] for key in ids}
    for entry in entries:
        if entry["image_id"] in table:
            table[entry["image_id"]].append(entry)
    return {key: _arrays(found, skeleton.num_joints) for key, found in table.items()}


def _arrays(entries: Sequence[Entry], joints: int) -> FoundPeople:
    table: FloatArray = np.array([entry["keypoints"] for entry in entries], np.float64).reshape(-1, joints, 3)
    scores = np.array([entry["score"] for entry in entries], np.float64)
    return FoundPeople(np.where(table[..., 2:] > 0, table[..., :2], np.nan), scores)
