"""The average precision of a run's weights on the photos that its recipe holds out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from bottomup.detector import Detector
from bottomup.drawing import draw_heatmaps
from bottomup.evaluation import evaluate
from bottomup.image import read_image
from bottomup.skeletons import COCO_17, get_skeleton
from bottomup.training.config import TrainConfig
from bottomup.training.examples import read_source

# How many held-out photos of a source are drawn.
_PICTURES = 8


def validate(weights: Path, config: TrainConfig, pictures: Path | None = None) -> dict[str, dict[str, float]]:
    """What the weights reach on each source that holds photos out, by its folder; default settings, one scale.

    COCO's statistics, for which the labels must have COCO's 17 joints. Of photos without people, `people`: how many
    are seen in a photo. The first photos are drawn into the folder `pictures`, if there is one.
    """
    root, skeleton = Path(config.data), get_skeleton(config.network.skeleton)
    found = {}
    for source in config.sources:
        _, held = read_source(source, root, skeleton)
        if not held:
            continue
        detector = Detector(weights)
        if pictures is not None:
            _draw(detector, [photo.path for photo in held[:_PICTURES]], pictures / Path(source.folder).name)
        if (root / source.folder / "annotations.json").is_file():
            ids = [photo.id for photo in held]
            found[source.folder] = evaluate(detector, root / source.folder, ids=ids, skeleton=COCO_17)
        else:
            found[source.folder] = {"people": sum(len(detector(photo.path)) for photo in held) / len(held)}
    return found


def _draw(detector: Detector, photos: Sequence[Path], folder: Path) -> None:
    """What the detector sees in each photo, beside the joints that it looks for."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in photos:
        image = read_image(path)
        people = detector(image).draw(image)
        heatmaps = draw_heatmaps(image, detector.fields(image))
        cv2.imwrite(str(folder / f"{path.stem}.jpg"), np.hstack([people, heatmaps]))
