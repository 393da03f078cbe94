"""What accuracy is measured on: crowds made by code, crowds of an annotation file, photos through a network.

Each gives `Scene`s, one a picture: who is labelled in it, whom the decoder found, and how long that took.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from bottomup.benchmarks.cases import Case
from bottomup.benchmarks.crowds import Crowd, crowd_index
from bottomup.benchmarks.decode import staged_decode
from bottomup.benchmarks.noise import Noise, draw_crowd, get_level
from bottomup.benchmarks.tags import FloatMap, draw_tags
from bottomup.benchmarks.timing import Stopwatch
from bottomup.datasets import Labels, PhotoLabels
from bottomup.datasets.paths import PhotoNames
from bottomup.datasets.sizes import size_problem
from bottomup.fields import Fields
from bottomup.image import read_image
from bottomup.people import People
from bottomup.settings import Settings
from bottomup.tag_decoder import decode_tags

if TYPE_CHECKING:
    from bottomup.detector import Detector

FIELDS = ("pafs", "tags")
_RUNS = 3  # of a decode, the fastest of which counts: what remains of the spread is that between pictures


@dataclass(frozen=True)
class Scene:
    """One picture.

    labels: who is there; coordinates are pixels.
    crowd_index: how crowded it is; see `bottomup.benchmarks.crowd_index`.
    people: whom the decoder found, in the same pixels.
    seconds: by stage.
    """

    labels: PhotoLabels
    crowd_index: float
    people: People
    seconds: dict[str, float]


def procedural_scenes(case: Case, count: int, *, settings: Settings, fields: str = "pafs") -> Iterator[Scene]:
    """`count` crowds that differ from a case by nothing but the seed, which counts up from the case's; `fields` as
    `file_scenes` has them."""
    for number in range(count):
        crowd = case.crowd(number)
        seed = case.seed + number
        yield _decoded(crowd, crowd.labels(), case.stride, get_level(case.noise), seed, settings, fields)


def file_scenes(
    labels: Labels,
    *,
    noise: Noise,
    long_side: int = 640,
    stride: int = 4,
    seed: int = 0,
    settings: Settings,
    fields: str = "pafs",
) -> Iterator[Scene]:
    """The pictures of an annotation file, drawn from their labels; no photo is needed.

    Parameters
    ----------
    labels:
        From `bottomup.datasets.read_labels`. People who do not count are neither drawn nor expected.
    noise:
        On the fields.
    long_side:
        Pixels to which a picture's longer side is scaled.
    stride:
        Pixels per cell.
    seed:
        With the picture's id, of the noise.
    settings:
        Of the decoder.
    fields:
        "pafs" for part affinity fields beside the heatmaps, "tags" for associative embeddings.
    """
    for image_id, photo in labels.photos.items():
        if photo.size is None:
            raise ValueError(f"labels must tell width and height of each photo but those of photo {image_id} do not")
        width, height = photo.size
        scale = long_side / max(height, width)
        people = _scaled(photo.scored(), scale)
        size = max(1, round(height * scale)), max(1, round(width * scale))
        keypoints, boxes = np.asarray(people.keypoints, np.float64), np.asarray(people.boxes, np.float64)
        crowd = Crowd(labels.skeleton, *size, keypoints, people.visible, boxes)
        yield _decoded(crowd, people, stride, noise, image_id * 1000 + seed, settings, fields)


def photo_scenes(labels: Labels, folder: str | Path, detector: Detector) -> Iterator[Scene]:
    """Photos of `folder` through a network, from the file to the people; the stage "network" includes reading it.

    `labels` must have joints that the detector reports; `Labels.without` takes away those that it does not.

    Raises FileNotFoundError for a photo that is missing, ValueError for one that cannot be read.
    """
    names = PhotoNames(Path(folder), list(labels.names.values()))
    for image_id, people in labels.photos.items():
        watch = Stopwatch()
        image = read_image(names.path(labels.names[image_id]))
        if problem := size_problem(people, (image.shape[1], image.shape[0])):
            raise ValueError(f"labels must be made for the photos as they are but {problem}")
        fields = detector.fields(image)
        watch.lap("network")
        (found,), _, _ = staged_decode(
            fields.heatmaps, fields.pafs, fields.skeleton, fields.stride, detector.decoder_settings, watch
        )
        letterbox = detector.letterbox(*image.shape[:2])
        keypoints = letterbox.to_image(found.keypoints).astype(np.float32)
        found = People(found.skeleton, keypoints, found.keypoint_scores, found.scores).convert(labels.skeleton)
        index = crowd_index(people.keypoints, people.visible, people.boxes)
        yield Scene(people, index, found[np.flatnonzero(found.keypoint_scores.any(axis=1))], watch.seconds)


def _decoded(
    crowd: Crowd, labels: PhotoLabels, stride: int, noise: Noise, seed: int, settings: Settings, fields: str
) -> Scene:
    if fields not in FIELDS:
        raise ValueError(f"fields must be one of {list(FIELDS)} but is {fields!r}")
    drawn = draw_crowd(crowd, stride=stride, noise=noise, seed=seed)
    if fields == "tags":
        tags = draw_tags(crowd, stride=stride, noise=noise, seed=seed)
        count = 1 if settings.assignment == "tags" else _RUNS  # the published one takes seconds for a crowd
        runs = [_timed_tags(drawn, tags, settings) for _ in range(count)]
    else:
        runs = [_timed(drawn, settings) for _ in range(_RUNS)]
    people, seconds = min(runs, key=lambda run: sum(run[1].values()))
    return Scene(labels, crowd.crowd_index, people, seconds)


def _timed(fields: Fields, settings: Settings) -> tuple[People, dict[str, float]]:
    watch = Stopwatch()
    (people,), _, _ = staged_decode(fields.heatmaps, fields.pafs, fields.skeleton, fields.stride, settings, watch)
    return people, watch.seconds


def _timed_tags(fields: Fields, tags: FloatMap, settings: Settings) -> tuple[People, dict[str, float]]:
    watch = Stopwatch()
    people = decode_tags(fields.heatmaps, tags, fields.skeleton, stride=fields.stride, settings=settings)
    watch.lap("decode")
    return cast(People, people), watch.seconds


def _scaled(people: PhotoLabels, scale: float) -> PhotoLabels:
    """In a picture that many times as large; pixel centres lie at integers."""
    places = {name: (getattr(people, name) + 0.5) * scale - 0.5 for name in ("keypoints", "boxes", "heads", "ignore")}
    return replace(people, areas=people.areas * scale**2, size=None, **places)


def group_scenes(scenes: Sequence[Scene]) -> dict[str, list[Scene]]:
    """CrowdPose's groups: easy below a crowd index of 0.2, hard from 0.8 on, medium between; and all."""
    bounds = {"easy": (0.0, 0.2), "medium": (0.2, 0.8), "hard": (0.8, np.inf), "all": (0.0, np.inf)}
    return {
        name: [scene for scene in scenes if low <= scene.crowd_index < high] for name, (low, high) in bounds.items()
    }
