"""The average precision of a run's weights on the photos that its recipe holds out."""

from __future__ import annotations

from pathlib import Path

from bottomup.detector import Detector
from bottomup.evaluation import evaluate
from bottomup.skeletons import COCO_17, get_skeleton
from bottomup.training.config import TrainConfig
from bottomup.training.crops import read_source


def validate(weights: Path, config: TrainConfig) -> dict[str, dict[str, float]]:
    """COCO's statistics for each source that holds photos out, by its folder; default settings, one scale.

    The labels of such a source must have COCO's 17 joints.
    """
    root, skeleton = Path(config.data), get_skeleton(config.network.skeleton)
    found = {}
    for source in config.sources:
        _, held = read_source(source, root, skeleton)
        if held:
            ids = [photo.id for photo in held]
            found[source.folder] = evaluate(Detector(weights), root / source.folder, ids=ids, skeleton=COCO_17)
    return found
