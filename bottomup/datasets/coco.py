"""Labels in COCO's form, which CrowdPose, Halpe, PoseTrack 2018, Roboflow's exports and many others write as well.

Any set of joints is understood, in whatever habits converters have: ids of annotations are not used at all, those of
photos may be text, areas and boxes may be missing or nonsense, and only annotations of the category with keypoints are
people. In PoseTrack's form, and that of the Bonn multi-person annotations, people have tracks, heads and frames.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bottomup.datasets.categories import Category, Sigmas, choose_category
from bottomup.datasets.coco_annotation import Annotation, canonical_id, read_annotation
from bottomup.datasets.coco_table import PeopleTable
from bottomup.datasets.halpe import halpe_joints
from bottomup.datasets.json_files import stream_json
from bottomup.datasets.labels import Labels
from bottomup.datasets.paths import PhotoNames, annotation_file, photo_folder
from bottomup.datasets.photo import PhotoLabels
from bottomup.datasets.sizes import check_sizes
from bottomup.skeleton import Skeleton

_LISTS = ("images", "annotations", "categories", "videos")


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


@dataclass
class _Content:
    """A file in COCO form as it is read, a few hundred bytes a person."""

    images: dict[int | str, dict[str, Any]] = field(default_factory=dict)
    people: list[Annotation] = field(default_factory=list)
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
            self.people.append(read_annotation(len(self.people), value))
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
            table = PeopleTable(people.pop(number, []), kind.skeleton.num_joints, area_from_box)
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

    def _by_photo(self, kind: Category, numbers: Mapping[int | str, int]) -> dict[int, list[Annotation]]:
        """The people of each photo; the annotations are handed over."""
        listed = {_comparable(one.get("id", 1)) for one in self.categories}
        wanted = {_comparable(one) for one in kind.ids}
        table: dict[int, list[Annotation]] = {}
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


def _comparable(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
