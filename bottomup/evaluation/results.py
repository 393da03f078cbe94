"""Results that are scored: COCO's list of found people, from a file or a detector, in the joints of the labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from bottomup.datasets import Labels
from bottomup.datasets.coco_annotation import canonical_id
from bottomup.datasets.json_files import BadJsonError, load_json
from bottomup.datasets.paths import plain_name
from bottomup.datasets.photo import FloatArray
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
        content = load_json(path)
    except BadJsonError as error:
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
        try:
            canonical_id(entry["image_id"])
        except ValueError:
            raise ValueError(
                f"entry {number} must have a whole number or a photo's name as image_id but has {entry['image_id']!r}"
            ) from None
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
        # Scores of joints are those of the other joints.
        {name: value for name, value in entry.items() if name != "keypoint_scores"} | {"keypoints": row.tolist()}
        for entry, row in zip(entries, triples.reshape(len(entries), -1), strict=True)
    ]


def match_photos(entries: Sequence[Entry], labels: Labels) -> list[Entry]:
    """The same results, each with the labels' id of its photo as `image_id`.

    A result with a `file_name` that the labels have as well is of that photo, whatever its id; so is one whose
    `image_id` is a name ("000000000139.jpg"). Names are compared as a whole, then by their last part, then without its
    ending. Ids of photos that are not among the labels stay as they are.

    Raises ValueError if results give one id to two names, two ids to one name, a name that only another photo's id goes
    with, or an id that is a name of no photo.
    """
    if not entries:
        return []
    names = _Names(labels)
    ids_of: dict[str, int | str] = {}
    names_of: dict[int | str, str] = {}
    found: list[Entry] = []
    for entry in entries:
        key, name = canonical_id(entry["image_id"]), entry.get("file_name")
        if name is not None:
            name = plain_name(str(name))
            for given, seen in ((names_of.setdefault(key, name), name), (ids_of.setdefault(name, key), key)):
                if given != seen:
                    raise ValueError(
                        f"results must give each photo one id and one name but {key!r} and {name!r} come with "
                        f"{names_of[key]!r} and {ids_of[name]!r} as well"
                    )
        photo = names.find(key, name)
        found.append(entry if photo == entry["image_id"] and type(photo) is int else {**entry, "image_id": photo})
    return found


class _Names:
    """Photos by what a file of results may call them."""

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self._tables: list[dict[str, int | None]] = []
        for shorten in (lambda name: name, _last_part, _stem):
            table: dict[str, int | None] = {}
            for key, name in labels.names.items():
                if name:
                    short = shorten(plain_name(name))
                    table[short] = key if short not in table else None
            self._tables.append(table)

    def find(self, key: int | str, name: str | None) -> int:
        """The id of a result's photo; see `match_photos`."""
        names, tables = self._labels.names, self._tables
        if name is not None and tables[0]:
            if (photo := self._by_name(name)) is not None:
                return photo
            if isinstance(key, int) and names.get(key):
                own = names[key]
                if _stem(plain_name(own)) != _stem(name):
                    raise ValueError(
                        f"results must be of the labels' photos but photo {key} is {name} in the results and {own} in "
                        "the labels, which have no such name"
                    )
        if isinstance(key, int):
            return key
        photo = self._labels.aliases.get(key, self._by_name(plain_name(key)))
        if photo is None and _stem(key).isdecimal() and int(_stem(key)) in names:
            photo = int(_stem(key))
        if photo is None:
            raise ValueError(f"results must be of the labels' photos but no photo is called {key!r}")
        return photo

    def _by_name(self, name: str) -> int | None:
        for table, short in zip(self._tables, (name, _last_part(name), _stem(name)), strict=True):
            if (photo := table.get(short)) is not None:
                return photo
        return None


def _last_part(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _stem(name: str) -> str:
    return PurePosixPath(_last_part(name)).stem


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
