"""Labels in COCO's form, which CrowdPose, Halpe, PoseTrack 2018, Roboflow's exports and many others write as well.

Any set of joints is understood, in whatever habits converters have: ids of annotations are not used at all, those of
photos may be text, areas and boxes may be missing or nonsense, and only annotations of the category with keypoints are
people. In PoseTrack's form, and that of the Bonn multi-person annotations, people have tracks, heads and frames.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bottomup.datasets.categories import Category, Sigmas, choose_category
from bottomup.datasets.halpe import halpe_joints
from bottomup.datasets.json_files import stream_json
from bottomup.datasets.labels import Labels
from bottomup.datasets.paths import PhotoNames, annotation_file, photo_folder
from bottomup.datasets.photo import AREA_OF_BOX, FloatArray, PhotoLabels, joint_boxes
from bottomup.datasets.sizes import check_sizes
from bottomup.skeleton import Skeleton

_LISTS = ("images", "annotations", "categories", "videos")
# AI Challenger's v for a joint that is not labelled; COCO's own are 0, 1 and 2.
_NOT_LABELLED = 3
# Square pixels: nothing that small has joints, so such an area was never measured.
_LEAST_AREA = 1.0


def read_coco(
    folder: str | Path,
    skeleton: Skeleton,
    *,
    skip_joints: Collection[str] = (),
    labels: str = "",
    images: str = "",
) -> list[PhotoLabels]:
    """Read a folder in COCO form for training, expressed in `skeleton`, in ascending order of the photos' ids.

    People who are a crowd, have no labelled joint, or of whom the file itself counts none (`num_keypoints` 0: CrowdPose
    does not count heads and necks) are regions to ignore.

    Parameters
    ----------
    folder:
        Holds the labels and the photos.
    skeleton:
        The joints of the result.
    skip_joints:
        Joints of the file that are not used, because the data set means something else by the name.
    labels, images:
        The file, and the folder of photos that its file names start from, relative to `folder`; empty: where they
        usually are (`annotation_file`, `photo_folder`).

    Raises FileNotFoundError if there is no such file, ValueError naming the file if it is not in COCO form, if a
    person's keypoints do not fit the joints in `categories`, if the skeleton has none of these joints, or if the labels
    were made for photos of another size.
    """
    file = Path(folder) / labels if labels else annotation_file(folder)
    found = read_coco_labels(file, images=Path(folder) / images if images else None)
    photos = found.scored_in(skeleton, skip_joints)
    check_sizes(photos)
    return photos


def read_coco_labels(
    path: str | Path,
    *,
    joints: Skeleton | None = None,
    sigmas: Sigmas | None = None,
    area_from_box: bool = False,
    category: str | None = None,
    images: Path | None = None,
    split: str | None = None,
) -> Labels:
    """Read a file in COCO form; see `read_labels` for the parameters."""
    file = annotation_file(path, split=split)
    if not file.exists():
        wanted = "labels must be an annotation file, or a folder with one"
        raise FileNotFoundError(f"{wanted}, but there is no {str(file)!r}")
    try:
        content = _Content()
        for key, value in stream_json(file, _LISTS):
            content.add(key, value)
        return content.labels(
            file, joints=joints, sigmas=sigmas, area_from_box=area_from_box, category=category, images=images
        )
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        text = f"it has no {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"labels must be annotations in COCO form but {file} are not: {text}") from error


def parse_coco(content: Mapping[str, Any], *, joints: Skeleton) -> Labels:
    """Labels from what a file in COCO form holds, in the given joints; without `categories` they are taken for granted.

    Raises ValueError that says what is wrong.
    """
    parsed = _Content()
    for key in _LISTS:
        for value in content.get(key) or ():
            parsed.add(key, value)
    if "categories" not in content:
        parsed.categories.append({"id": 1, "keypoints": joints.joints})
        for person in parsed.people:
            person.category = 1
    parsed.seen.update(_LISTS)
    return parsed.labels(Path("annotations"), joints=joints)


@dataclass(slots=True)
class _Person:
    """What is kept of an annotation. `where` names it in errors."""

    where: str
    image: int | str
    category: Any
    keypoints: FloatArray | None
    counted: int | None
    box: FloatArray | None
    area: float
    crowd: bool
    head: FloatArray | None
    track: int | None


@dataclass
class _Content:
    """A file in COCO form as it is read, a few hundred bytes a person."""

    images: dict[int | str, dict[str, Any]] = field(default_factory=dict)
    people: list[_Person] = field(default_factory=list)
    categories: list[Mapping[str, Any]] = field(default_factory=list)
    videos: dict[Any, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def add(self, key: str, value: Any) -> None:
        """Take a key and its value, or one entry of one of the long lists."""
        if not key:
            raise ValueError("the file holds a list, as one of results does")
        if key not in _LISTS:
            return
        self.seen.add(key)
        if value == []:
            return
        if not isinstance(value, dict):
            raise ValueError(f"{key} must be a list of objects but has {value!r}"[:200])
        if key == "images":
            self._add_image(value)
        elif key == "annotations":
            self.people.append(_person(len(self.people), value))
        elif key == "categories":
            self.categories.append(value)
        else:
            self.videos[value.get("id")] = str(value.get("name", value.get("id")))

    def _add_image(self, image: Mapping[str, Any]) -> None:
        key = canonical_id(image["id"])
        if key in self.images and self.images[key].get("file_name") != image.get("file_name"):
            names = [self.images[key].get("file_name"), image.get("file_name")]
            raise ValueError(f"two images have the same id {key!r}: {names[0]} and {names[1]}")
        if key in self.images:
            raise ValueError(f"two images have the same id {key!r}")
        self.images[key] = {name: value for name, value in image.items() if name in _IMAGE_KEYS}

    def labels(
        self,
        file: Path,
        *,
        joints: Skeleton | None = None,
        sigmas: Sigmas | None = None,
        area_from_box: bool = False,
        category: str | None = None,
        images: Path | None = None,
    ) -> Labels:
        """Put together what was read; raises KeyError or ValueError for what is missing or wrong."""
        for key in ("categories", "images", "annotations"):
            if key not in self.seen:
                raise KeyError(key)
        self._name_halpe_joints()
        kind = choose_category(self.categories, joints=joints, sigmas=sigmas, name=category)
        numbers = _numbered(self.images)
        people = self._by_photo(kind, numbers)
        names = {numbers[key]: str(image.get("file_name") or "") for key, image in self.images.items()}
        folder = images or photo_folder(file, list(names.values()))
        where = PhotoNames(folder, list(names.values()))
        photos, estimated, nowhere = {}, 0, 0
        for raw, image in sorted(self.images.items(), key=lambda item: numbers[item[0]]):
            number = numbers[raw]
            try:
                path = where.path(names[number])
            except ValueError as error:
                raise ValueError(f"image {raw!r}: {error}") from error
            table = _Table(people.pop(number, []), kind.skeleton.num_joints, area_from_box)
            estimated, nowhere = estimated + table.estimated, nowhere + table.nowhere
            photos[number] = table.photo(number, path, image, self.videos)
        notes = kind.notes
        if nowhere:
            notes += (f"{nowhere} annotations have neither a box nor a joint: they are left out.",)
        return Labels(
            file, kind.skeleton, photos, names, {key: n for key, n in numbers.items() if isinstance(key, str)}, folder,
            estimated, kind.default_sigmas, notes,
        )  # fmt: skip

    def _name_halpe_joints(self) -> None:
        """Halpe's files have 26 or 136 joints that their one category does not name."""
        counts = {len(person.keypoints) // 3 for person in self.people if person.keypoints is not None}
        if len(self.categories) == len(counts) == 1 and not self.categories[0].get("keypoints"):
            self.categories = [{**self.categories[0], "keypoints": halpe_joints(counts.pop())}]

    def _by_photo(self, kind: Category, numbers: Mapping[int | str, int]) -> dict[int, list[_Person]]:
        """The people of each photo; the annotations are handed over."""
        listed = {_comparable(one.get("id", 1)) for one in self.categories}
        wanted = {_comparable(one) for one in kind.ids}
        table: dict[int, list[_Person]] = {}
        strangers: list[int | str] = []
        for person in self.people:
            number = _comparable(person.category)
            if number not in wanted and person.category is not None:
                if person.keypoints is not None and number not in listed:
                    raise ValueError(
                        f"{person.where} must be of a category of the file, {sorted(map(str, listed))}, but is of "
                        f"{person.category!r}"
                    )
                continue
            if person.keypoints is not None and len(person.keypoints) != 3 * kind.skeleton.num_joints:
                raise ValueError(
                    f"keypoints must be {3 * kind.skeleton.num_joints} finite numbers, 3 for each of "
                    f"{kind.skeleton.num_joints} joints, but {person.where} has {len(person.keypoints)}"
                )
            if person.image not in numbers:
                strangers.append(person.image)
                continue
            table.setdefault(numbers[person.image], []).append(person)
        if strangers:
            some = sorted(set(strangers), key=str)[:5]
            raise ValueError(f"annotations must be of its images but some are of {some}")
        self.people = []
        return table


_IMAGE_KEYS = frozenset(
    {"file_name", "width", "height", "coco_split", "shrunk", "crowdIndex", "video_id", "vid_id", "frame", "frame_id",
     "is_labeled", "ignore_regions_x", "ignore_regions_y"}
)  # fmt: skip


def _numbered(images: Iterable[int | str]) -> dict[int | str, int]:
    """Each id's whole number: itself, or its place in the file if one of them is text."""
    ids = list(images)
    if all(isinstance(key, int) for key in ids):
        return {key: int(key) for key in ids}
    return {key: number for number, key in enumerate(ids, start=1)}


def canonical_id(value: Any) -> int | str:
    """A photo's id as a whole number where it is one, also as 7.0 or "0007"; other text as it is.

    Raises ValueError if it is neither.
    """
    if isinstance(value, str) and value.strip():
        return int(value) if value.strip().isdecimal() else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"ids must be whole numbers or text but one is {value!r}")
    return value


def _comparable(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _person(number: int, annotation: Mapping[str, Any]) -> _Person:
    where = f"annotation {number}" + (f" (id {annotation['id']!r})" if "id" in annotation else "")
    if "image_id" not in annotation:
        raise ValueError(f"{where} has no image_id")
    try:
        return _Person(
            where=where,
            image=canonical_id(annotation["image_id"]),
            category=annotation.get("category_id"),
            keypoints=_keypoints(annotation.get("keypoints")),
            counted=_count(annotation.get("num_keypoints")),
            box=_box(annotation.get("bbox")),
            area=_area(annotation.get("area")),
            crowd=annotation.get("iscrowd") not in (None, 0, False, "0", "false", ""),
            head=_head(annotation),
            track=_count(annotation.get("track_id")),
        )
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where}: {error}") from error


def _keypoints(values: Any) -> FloatArray | None:
    """x, y, v of each joint in a row; NaN coordinates where v says that it is not labelled."""
    if values is None or (isinstance(values, list) and not values):
        return None
    array = np.asarray(values)
    if array.dtype == object and array.ndim == 1 and all(v is None or _is_number(v) for v in values):
        array = np.array([np.nan if v is None else v for v in values], np.float64)
    if array.dtype.kind not in "iuf" or array.size % 3 or (array.ndim > 1 and array.shape[1:] != (3,)):
        raise ValueError(f"keypoints must be finite numbers, 3 for each joint, but is {values!r}"[:200])
    rows = array.astype(np.float64).reshape(-1, 3)
    labelled = (rows[:, 2] > 0) & (rows[:, 2] != _NOT_LABELLED)
    unsure = np.isnan(rows[:, 2]) & np.isfinite(rows[:, :2]).all(axis=1) & rows[:, :2].any(axis=1)
    if not np.isfinite(rows[labelled]).all() or unsure.any():
        raise ValueError(f"keypoints must be {array.size} finite numbers but is {values!r}"[:200])
    rows[~labelled] = (np.nan, np.nan, 0)
    return rows.ravel()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _count(value: Any) -> int | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if _is_number(value) and math.isfinite(value) and int(value) == value:
        return int(value)
    raise ValueError(f"ids and counts must be whole numbers but one is {value!r}")


def _box(values: Any, name: str = "bbox") -> FloatArray | None:
    """(4,) xyxy from x, y, width and height; None if it is not told."""
    if values is None or (isinstance(values, list) and (not values or all(v is None for v in values))):
        return None
    array = np.asarray(values)
    if array.shape != (4,) or array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be 4 finite numbers but is {values!r}"[:200])
    box = array.astype(np.float64)
    if np.isnan(box).any():
        return None
    if not np.isfinite(box).all():
        raise ValueError(f"{name} must be 4 finite numbers but is {values!r}"[:200])
    if box[2:].min() < 0:
        raise ValueError(f"{name} must have width and height from 0 on but is {values}")
    box[2:] += box[:2]
    return box


def _area(value: Any) -> float:
    """Square pixels, NaN if they are not told or can be none."""
    if value is None:
        return math.nan
    if not _is_number(value):
        raise ValueError(f"area must be a number but is {value!r}")
    return float(value) if math.isfinite(value) and value > _LEAST_AREA else math.nan


def _head(annotation: Mapping[str, Any]) -> FloatArray | None:
    """(4,) xyxy of the head: `head_box` and PoseTrack's `bbox_head` have sides, Bonn's `head_rect` has corners."""
    if (corners := annotation.get("head_rect")) is not None:
        box = np.asarray(corners, np.float64)
        if box.shape != (4,):
            raise ValueError(f"head_rect must be 4 numbers but is {corners!r}"[:200])
        return np.concatenate([np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])])
    for name in ("head_box", "bbox_head"):
        if annotation.get(name) is not None:
            return _box(annotation[name], name)
    return None


class _Table:
    """The people of one photo as arrays.

    estimated: how many have their area from a box; nowhere: annotations without any place, which are left out.
    """

    def __init__(self, people: list[_Person], joints: int, area_from_box: bool) -> None:
        empty = np.tile([np.nan, np.nan, 0.0], joints)
        rows = np.array([empty if p.keypoints is None else p.keypoints for p in people]).reshape(len(people), joints, 3)
        placed = np.array([p.box is not None for p in people], bool) | (rows[..., 2] > 0).any(axis=1)
        self.nowhere = int((~placed).sum())
        self._people = [person for person, kept in zip(people, placed, strict=True) if kept]
        rows = rows[placed]
        self.keypoints, self._seen = rows[..., :2], (rows[..., 2] > 0).any(axis=1)
        tight = joint_boxes(self.keypoints)
        boxes = [one if p.box is None else p.box for p, one in zip(self._people, tight, strict=True)]
        self.boxes = np.array(boxes, np.float64).reshape(-1, 4)
        told = np.array([p.area for p in self._people], np.float64)
        guess = ~np.isfinite(told) | area_from_box
        self.estimated = int(guess.sum())
        empty_box = (self.boxes[:, 2:] - self.boxes[:, :2]).min(axis=1, initial=np.inf) <= 0
        # An empty box tells no size, but the joints may.
        frames = np.where((empty_box & self._seen)[:, None], tight, self.boxes)
        self.areas = np.where(guess, AREA_OF_BOX * np.prod(frames[:, 2:] - frames[:, :2], axis=1), told)

    def photo(self, number: int, path: Path, image: Mapping[str, Any], videos: Mapping[Any, str]) -> PhotoLabels:
        people, count = self._people, len(self._people)
        uncounted = np.array([p.counted == 0 for p in people], bool)
        crowds = np.array([p.crowd for p in people], bool)
        heads = np.full((count, 4), np.nan)
        for row, person in zip(heads, people, strict=True):
            row[:] = np.nan if person.head is None else person.head
        tracks = [p.track for p in people]
        video, frame, regions = _frame_of(image, videos)
        return PhotoLabels(
            id=number,
            path=path,
            keypoints=self.keypoints,
            boxes=self.boxes,
            ignore=np.zeros((0, 4)),
            known=np.ones(self.keypoints.shape[1], bool),
            split=str(image.get("coco_split") or ""),
            shrunk=float(image.get("shrunk", 1.0)),
            areas=self.areas,
            heads=heads,
            ignored=crowds | uncounted | ~self._seen,
            crowds=crowds,
            tracks=None if None in tracks or (video == "" and not tracks) else np.array(tracks, np.int64),
            regions=regions,
            labelled=bool(image.get("is_labeled", True)),
            size=_size(image),
            crowd_index=image.get("crowdIndex"),
            video=video,
            frame=frame,
        )


def _frame_of(image: Mapping[str, Any], videos: Mapping[Any, str]) -> tuple[str, int, tuple[FloatArray, ...]]:
    """Video, number of the frame and polygons to ignore, in PoseTrack 2018's words or in Bonn's."""
    video = image.get("video_id", image.get("vid_id"))
    frame = image.get("frame", image.get("frame_id", 0))
    regions = tuple(
        np.column_stack([xs, ys]).astype(np.float64)
        for xs, ys in zip(image.get("ignore_regions_x") or (), image.get("ignore_regions_y") or (), strict=True)
        if len(xs) > 2
    )
    return "" if video is None else videos.get(video, str(video)), int(frame or 0), regions


def _size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    sides = [image.get("width"), image.get("height")]
    if any(isinstance(side, str) and side.strip().isdecimal() for side in sides):
        sides = [int(side) if isinstance(side, str) and side.strip().isdecimal() else side for side in sides]
    numbers = [float(side) for side in sides if side is not None and _is_number(side)]
    if len(numbers) < 2 or not all(math.isfinite(side) and side >= 1 for side in numbers):
        return None
    return round(numbers[0]), round(numbers[1])
