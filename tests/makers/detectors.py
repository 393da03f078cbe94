"""Stand-ins for a detector, which need no network."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.image import to_bgr
from bottomup.networks.info import NetworkInfo
from bottomup.people import People
from bottomup.settings import Settings
from bottomup.skeletons import COCO_17


class BrightnessDetector:
    """Finds as many people as the picture is bright, falls over at 99, and remembers how it was made."""

    made: tuple[str, dict[str, Any]]
    backend = SimpleNamespace(library="Stand-in", device="cpu")
    skeleton = COCO_17
    info = NetworkInfo(COCO_17, 8, 8, name="stand-in")
    refiner = None

    def __init__(self, model: str = "default", **options: Any) -> None:
        self.settings = options.get("settings") or Settings()
        type(self).made = (model, options)

    def letterbox(self, height: int, width: int) -> Any:
        """Pictures of one size go together."""
        return SimpleNamespace(padded_size=(height, width))

    def __call__(self, image: Any) -> Any:
        return [self.look(one) for one in image] if isinstance(image, list) else self.look(image)

    def look(self, image: npt.NDArray[np.uint8] | Path) -> People:
        image = to_bgr(image)
        number = int(image[0, 0, 0])
        if number == 99:
            raise RuntimeError("the network fell over")
        points = np.tile(np.float32([[20.5, 30.25]]), (number, 17, 1)) + np.arange(17, dtype=np.float32)[:, None]
        return People(COCO_17, points, np.full((number, 17), 0.5), np.full(number, 0.75))


class SeesMiddles:
    """A backend for crops: every joint in the middle of its crop, unless the crop is black there."""

    device = "cpu"

    def __init__(self, skeleton: Any) -> None:
        self.info = NetworkInfo(skeleton, 4, 32, task="crops", name="stand-in", crop_size=(64, 32))

    def run(self, images: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        maps = np.zeros((len(images), self.info.skeleton.num_joints, 16, 8), np.float32)
        maps[:, :, 7:9, 3:5] = 0.8 * (images[:, 32, 16].max(axis=-1) > 0)[:, None, None, None]
        return maps, maps[:, :0]
