"""How right the people are that are read from crops: joint-candidate maps drawn from labelled crowds, decoded in turn.

The maps are what a network for crops is trained to give (Li et al., CVPR 2019, eq. 1): the person's own joints, and
lower those of others in the crop. What is left to go wrong is whose joint is whose, and which boxes are of one person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.benchmarks.crowds import crowd_index
from bottomup.crop_detector import CropDetector
from bottomup.crop_geometry import crop_view
from bottomup.datasets import Labels, PhotoLabels
from bottomup.evaluation.coco import evaluate_results
from bottomup.fields import SIGMA, cell_centres, draw_heatmaps
from bottomup.networks.info import NetworkInfo
from bottomup.skeleton import Skeleton

Floats = npt.NDArray[np.float64]
Row = dict[str, Any]

_SIZE, _STRIDE = 256, 4
_OTHERS = 0.5  # how high a crop shows joints of others
_CONFUSED = 0.3  # share of a crop's joint types of which it shows others higher than the person's own
_JITTER = 0.1  # deviation of each edge of a redundant box, as a share of the side

# By name: whether each person has two boxes, beside the label's, and the share of confused joints.
CASES: Mapping[str, tuple[bool, float]] = MappingProxyType(
    {
        "ideal": (False, 0.0),
        "redundant": (True, 0.0),
        "confused": (False, _CONFUSED),
        "redundant, confused": (True, _CONFUSED),
    }
)
# How the maps are read, by name: arguments of `CropDetector`.
METHODS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "each box alone": {"decode": "taylor", "max_oks": 1.0},
        "each box alone, OKS-NMS 0.7": {"decode": "taylor", "max_oks": 0.7},
        "each box alone, OKS-NMS 0.9": {"decode": "taylor", "max_oks": 0.9},
        "candidates, all boxes": {"decode": "candidates", "max_oks": 1.0},
        "candidates": {"decode": "candidates"},
    }
)


@dataclass
class KnownMaps:
    """A backend that has the maps of the next crops at hand."""

    info: NetworkInfo
    maps: npt.NDArray[np.float32]
    device: str = "cpu"

    def run(self, images: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """The maps of as many crops."""
        these, self.maps = self.maps[: len(images)], self.maps[len(images) :]
        return these, these[:, :0]


def sweep_crops(
    labels: Labels, *, images: int = 120, seed: int = 0, done: Callable[[], None] = lambda: None
) -> list[Row]:
    """A row for each of `CASES` and `METHODS`: AP on the most crowded pictures, and how many people were found.

    Parameters
    ----------
    labels:
        Of pictures with their sizes; the pictures themselves are not needed.
    images:
        How many pictures, the most crowded ones (`crowd_index`).
    seed:
        Of the boxes and of which joints are confused.
    done:
        Is called after each row.

    Raises ValueError for no pictures, ImportError that names the extra if pycocotools is missing.
    """
    chosen = most_crowded(labels, images)
    people = sum(int((~labels.photos[key].ignored).sum()) for key in chosen)
    rows = []
    for case, (redundant, confused) in CASES.items():
        scenes = [
            (key, *_draw(labels.photos[key], labels.skeleton, redundant, confused, np.random.default_rng([seed, key])))
            for key in chosen
        ]
        for method, options in METHODS.items():
            results = list(_decode(scenes, labels, options))
            rows.append(
                {"case": case, "method": method, "images": len(chosen), "people": people, "found": len(results),
                 "ap": average_precision(results, labels, chosen)}
            )  # fmt: skip
            done()
    return rows


def most_crowded(labels: Labels, images: int) -> list[int]:
    """The ids of so many pictures, those of the highest crowd index; ValueError for none."""
    if images < 1:
        raise ValueError(f"images must be at least 1 but is {images}")
    return sorted(labels.photos, key=lambda key: (-_crowd_index(labels.photos[key]), key))[:images]


def average_precision(results: Sequence[dict[str, Any]], labels: Labels, ids: Sequence[int]) -> float:
    """AP of all results of some pictures, however many a picture has: redundant ones have to show."""
    counts = Counter(one["image_id"] for one in results)
    most = max(counts.values(), default=1)
    return evaluate_results(results, labels, ids=ids, skeleton=labels.skeleton, max_people=most)["AP"]


def _crowd_index(photo: PhotoLabels) -> float:
    there = ~photo.ignored
    return crowd_index(photo.keypoints[there], photo.visible[there], photo.boxes[there])


def _draw(
    photo: PhotoLabels, skeleton: Skeleton, redundant: bool, confused: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], Floats]:
    """(N, K, h, w) maps of the crops around a picture's people, and (N, 4) their boxes."""
    owners = np.flatnonzero(~photo.ignored)
    boxes = photo.boxes[owners].astype(np.float64)
    if redundant:
        owners, boxes = np.tile(owners, 2), jittered(boxes, 2, rng)
    points = np.where(photo.visible[..., None], photo.keypoints, 0.0).astype(np.float64)
    centres = cell_centres(_SIZE // _STRIDE, _STRIDE)
    maps = np.zeros((len(boxes), skeleton.num_joints, len(centres), len(centres)), np.float32)
    for crop, (owner, box) in enumerate(zip(owners, boxes, strict=True)):
        view = crop_view(box, _SIZE)
        moved = points @ view[:2, :2].T + view[:2, 2]
        seen = photo.visible & ((moved >= -0.5) & (moved <= _SIZE - 0.5)).all(axis=2)
        own, others = (
            draw_heatmaps(moved[these], seen[these], centres, centres, SIGMA)
            for these in (np.arange(len(points)) == owner, np.arange(len(points)) != owner)
        )
        lower = rng.random(skeleton.num_joints) < confused
        heights = np.where(lower, _OTHERS, 1.0), np.where(lower, 1.0, _OTHERS)
        maps[crop] = np.maximum(
            *(height[:, None, None] * one for height, one in zip(heights, (own, others), strict=True))
        )
    return maps, boxes


def jittered(boxes: Floats, copies: int, rng: np.random.Generator) -> Floats:
    """(copies N, 4) boxes, each edge off by a tenth of the side (normally distributed); at least 4 pixels wide."""
    boxes = np.tile(boxes, (copies, 1))
    boxes = boxes + rng.normal(0, _JITTER, boxes.shape) * np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 4)
    return boxes


def _decode(
    scenes: Sequence[tuple[Any, npt.NDArray[np.float32], Floats]], labels: Labels, options: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """COCO's results of the pictures."""
    info = NetworkInfo(labels.skeleton, _STRIDE, _STRIDE, task="crops", crop_size=_SIZE)
    for key, maps, boxes in scenes:
        detector = CropDetector(backend=KnownMaps(info, maps), **options)
        photo = labels.photos[key]
        corners = np.concatenate([boxes.reshape(-1, 2), photo.keypoints[photo.visible]])
        width, height = corners.max(axis=0).astype(int) + 1  # no joint is cut off at the picture's edge
        yield from detector(np.zeros((height, width, 3), np.uint8), proposals=boxes).to_coco(key)


def labels_of(path: Path, split: str = "") -> Labels:
    """The labels of an annotation file, or of a part of it; ValueError if no picture has two people."""
    from bottomup.datasets import read_labels

    labels = read_labels(path)
    if split:
        labels = labels.select([key for key, photo in labels.photos.items() if photo.split == split])
    if not len(labels):
        raise ValueError(f"split must be a part of {path} but is {split!r}")
    if all((~photo.ignored).sum() < 2 for photo in labels.photos.values()):
        raise ValueError(f"annotations must hold pictures of several people but those of {path} have one each")
    return labels
