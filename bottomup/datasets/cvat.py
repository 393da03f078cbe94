"""CVAT's own XML, "CVAT for images 1.1" (https://docs.cvat.ai/docs/manual/advanced/xml_format/).

People are `<skeleton>` elements, whose `<points>` are labelled by the joints' names; `outside="1"` marks a joint that
is not in the photo. `<points>` outside of a skeleton, of one label, are a person of numbered joints, where 0, 0 is a
missing one, as converters from COCO's form leave it. A `<box>` of the same label is a person without joints. CVAT
counts pixels by their edges, so that the first one's centre is at 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

import numpy as np

from bottomup.datasets.categories import choose_category
from bottomup.datasets.labels import Labels
from bottomup.datasets.paths import PhotoNames, photo_folder
from bottomup.datasets.photo import PhotoLabels, joint_boxes

Attributes = Mapping[str, str]
_HALF = 0.5


@dataclass
class _Image:
    """An `<image>`: its attributes, the joints of its skeletons by name, and the boxes of people without joints."""

    attributes: Attributes
    people: list[dict[str, tuple[float, float]]] = field(default_factory=list)
    boxes: list[tuple[str, list[float]]] = field(default_factory=list)


def read_cvat_labels(file: Path, *, images: Path | None = None) -> Labels:
    """Read CVAT's XML, in the order of the photos' ids; joints in the order in which the file names them first.

    Raises FileNotFoundError if there is no such file, ValueError naming it if it is no XML, declares entities, or has
    neither skeletons nor points.
    """
    reader = _Reader()
    try:
        reader.parse(file.read_bytes())
    except (expat.ExpatError, ValueError, KeyError) as error:
        text = f"an element has no {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"labels must be CVAT's XML for images but {file} is not: {text}") from error
    if not reader.joints:
        raise ValueError(f"labels must have skeletons or points but {file} has none")
    kind = choose_category([{"name": reader.label, "keypoints": list(reader.joints)}])
    names = {int(image.attributes["id"]): image.attributes["name"] for image in reader.images}
    folder = images or photo_folder(file, list(names.values()))
    where = PhotoNames(folder, list(names.values()))
    photos = {}
    for image in sorted(reader.images, key=lambda one: int(one.attributes["id"])):
        number = int(image.attributes["id"])
        photos[number] = _photo(number, where.path(names[number]), image, list(reader.joints), reader.label)
    people = sum(len(photo.keypoints) for photo in photos.values())
    return Labels(
        file, kind.skeleton, photos, names, folder=folder, estimated_areas=people, default_sigmas=kind.default_sigmas
    )


class _Reader:
    """Takes the elements one by one; all that is needed are attributes."""

    def __init__(self) -> None:
        self.images: list[_Image] = []
        self.joints: dict[str, None] = {}
        self.label = ""
        self._person: dict[str, tuple[float, float]] | None = None

    def parse(self, data: bytes) -> None:
        """Read a whole file."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.EntityDeclHandler = self._refuse
        parser.Parse(data, True)

    def _refuse(self, *_: object) -> None:
        raise ValueError("it declares entities")

    def _start(self, name: str, attributes: Attributes) -> None:
        if name == "image":
            self.images.append(_Image(attributes))
        elif name == "track":
            raise ValueError("it is of a video: export it as 'CVAT for images'")
        elif name == "skeleton":
            self.label = self.label or attributes["label"]
            # People of another label have other joints.
            self._person = {} if attributes["label"] == self.label else None
            if self._person is not None:
                self.images[-1].people.append(self._person)
        elif name == "points":
            self._points(attributes)
        elif name == "box":
            corners = [float(attributes[side]) - _HALF for side in ("xtl", "ytl", "xbr", "ybr")]
            self.images[-1].boxes.append((attributes["label"], corners))

    def _end(self, name: str) -> None:
        if name == "skeleton":
            self._person = None

    def _points(self, attributes: Attributes) -> None:
        places = [tuple(float(value) - _HALF for value in pair.split(",")) for pair in attributes["points"].split(";")]
        if self._person is not None:
            joint = attributes["label"]
            self.joints.setdefault(joint)
            if attributes.get("outside", "0") != "1":
                self._person[joint] = places[0][0], places[0][1]
        elif len(places) > 1 and self.label in ("", attributes["label"]):
            self.label = attributes["label"]
            names = [f"joint_{number}" for number in range(len(places))]
            self.joints.update(dict.fromkeys(names))
            there = zip(names, places, strict=True)
            person = {name: (place[0], place[1]) for name, place in there if place != (-_HALF, -_HALF)}
            self.images[-1].people.append(person)


def _photo(number: int, path: Path, image: _Image, joints: list[str], label: str) -> PhotoLabels:
    table = [[person.get(joint, (np.nan, np.nan)) for joint in joints] for person in image.people]
    keypoints = np.array(table, np.float64).reshape(len(table), len(joints), 2)
    boxes = np.array([corners for name, corners in image.boxes if name == label], np.float64).reshape(-1, 4)
    boxes = boxes[[not _is_of(box, keypoints) for box in boxes]] if len(boxes) else boxes
    nothing = np.full((len(boxes), len(joints), 2), np.nan)
    all_joints = np.concatenate([keypoints, nothing])
    sides = [int(image.attributes.get(side, 0)) for side in ("width", "height")]
    return PhotoLabels(
        number, path, all_joints, np.concatenate([joint_boxes(keypoints), boxes]), np.zeros((0, 4)),
        np.ones(len(joints), bool), size=(sides[0], sides[1]) if min(sides) > 0 else None,
        split=image.attributes.get("subset", ""),
    )  # fmt: skip


def _is_of(box: np.ndarray[tuple[int, ...], np.dtype[np.float64]], keypoints: object) -> bool:
    """Whether a box is that of a person whose joints are labelled: all of them lie inside."""
    for person in np.asarray(keypoints):
        seen = person[np.isfinite(person[:, 0])]
        if len(seen) and ((seen >= box[:2] - 1) & (seen <= box[2:] + 1)).all():
            return True
    return False
