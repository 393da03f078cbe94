"""The average precision of a run's weights on the photos that its recipe holds out."""

from __future__ import annotations

from pathlib import Path

from bottomup.detector import Detector
from bottomup.evaluation import evaluate
from bottomup.skeletons import COCO_17, get_skeleton
from bottomup.training.config import TrainConfig
from bottomup.training.crops import read_source


def validate(weights: Path, config: TrainConfig) -> dict[str, dict[str, float]]:
    """What the weights reach on each source that holds photos out, by its folder; default settings, one scale.

    COCO's statistics, for which the labels must have COCO's 17 joints. Of photos without people, `people`: how many
    are seen in a photo.
    """
    root, skeleton = Path(config.data), get_skeleton(config.network.skeleton)
    found = {}
    for source in config.sources:
        _, held = read_source(source, root, skeleton)
        if not held:
            continue
        detector = Detector(weights)
        if (root / source.folder / "annotations.json").is_file():
            ids = [photo.id for photo in held]
            found[source.folder] = evaluate(detector, root / source.folder, ids=ids, skeleton=COCO_17)
        else:
            found[source.folder] = {"people": sum(len(detector(photo.path)) for photo in held) / len(held)}
    return found
