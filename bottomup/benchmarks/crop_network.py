"""How right the people are that a trained network for crops sees, by how its crops are read and how good the boxes are.

The boxes are those of the labels, which no detector of people gives: beside them stand the same with every edge off by
a tenth of the side, one or two for each person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.benchmarks.crops import METHODS, Floats, KnownMaps, Row, average_precision, jittered, most_crowded
from bottomup.crop_detector import CropDetector
from bottomup.datasets import Labels
from bottomup.datasets.sizes import check_sizes
from bottomup.image import to_bgr
from bottomup.networks.backends.base import Backend, Outputs

# By name: how many boxes each person has whose edges are off; 0 for that of the label.
BOXES: Mapping[str, int] = MappingProxyType({"labelled": 0, "jittered": 1, "two jittered": 2})


class _Recorder:
    """A backend that keeps what it gives."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self.info, self.device = backend, backend.info, backend.device
        self.maps: list[npt.NDArray[np.float32]] = []

    def run(self, images: npt.NDArray[np.uint8]) -> Outputs:
        """See `Backend.run`."""
        outputs = self._backend.run(images)
        self.maps.append(outputs[0])
        return outputs


def sweep_crop_network(
    labels: Labels, backend: Backend, *, images: int = 100, seed: int = 0, done: Callable[[], None] = lambda: None
) -> list[Row]:
    """A row for each of `BOXES` and `METHODS`: AP on the most crowded photos, and how many people were found.

    Parameters
    ----------
    labels:
        Of photos that are there.
    backend:
        A network for crops, with the joints of the labels or more.
    images:
        How many photos, the most crowded ones.
    seed:
        Of the boxes.
    done:
        Is called after each photo with each kind of boxes.

    Raises ValueError for no pictures, other joints, a network that sees whole pictures, or photos that do not fit their
    labels; ImportError that names the extra if pycocotools is missing.
    """
    network = CropDetector(backend=backend)  # which refuses one that sees whole pictures
    if missing := network.skeleton.lacks(labels.skeleton):
        raise ValueError(f"network must have the joints of the labels but has no {', '.join(missing)}")
    chosen = most_crowded(labels, images)
    check_sizes(labels.photos[key] for key in chosen)
    # Of distributions over places there is nothing to share.
    methods = {
        name: options
        for name, options in METHODS.items()
        if network.task == "crops" or options["decode"] != "candidates"
    }
    people = sum(int((~labels.photos[key].ignored).sum()) for key in chosen)
    rows = []
    for case, copies in BOXES.items():
        results: dict[str, list[dict[str, Any]]] = {method: [] for method in methods}
        for key in chosen:
            photo = labels.photos[key]
            boxes = photo.boxes[~photo.ignored].astype(np.float64)
            if copies:
                boxes = jittered(boxes, copies, np.random.default_rng([seed, key]))
            picture = to_bgr(photo.path)
            maps = _look(backend, picture, boxes)
            for method, options in methods.items():
                detector = CropDetector(backend=KnownMaps(backend.info, maps), **options)
                results[method] += detector(picture, proposals=boxes).convert(labels.skeleton).to_coco(key)
            done()
        for method, found in results.items():
            precision = average_precision(found, labels, chosen)
            rows.append(
                {"case": case, "method": method, "images": len(chosen), "people": people, "found": len(found),
                 "ap": precision}
            )  # fmt: skip
    return rows


def _look(backend: Backend, picture: npt.NDArray[np.uint8], boxes: Floats) -> npt.NDArray[np.float32]:
    """(N, K, h, w) what the network gives for the boxes of a picture."""
    recorder = _Recorder(backend)
    CropDetector(backend=recorder)(picture, proposals=boxes)
    return np.concatenate(recorder.maps)
