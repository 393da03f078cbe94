"""What a run's weights reach on the photos that its recipe holds out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from bottomup.crop_detector import CropDetector
from bottomup.datasets import Labels, PhotoLabels, read_labels
from bottomup.detector import Detector
from bottomup.drawing import draw_heatmaps
from bottomup.evaluation import evaluate_results
from bottomup.image import BgrImage, read_image
from bottomup.networks.field_network import load_network
from bottomup.people import People
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17
from bottomup.training.config import TrainConfig
from bottomup.training.devices import one_thread
from bottomup.training.examples import load_examples, read_source
from bottomup.training.modes import make_crops, make_loss
from bottomup.training.source import Source

# How many held-out photos of a source are drawn.
_PICTURES = 8
# Nothing is done to the crops that a loss is measured on, and every joint counts alike.
_PLAIN: dict[str, Any] = {
    "seed": 0, "rotation": 0.0, "flip": 0.0, "colour": 0.0, "jpeg": 0.0, "half_body": 0.0, "crowd": 0.0,
    "cutmix": 0.0, "crop_jitter": False, "intermediate": False, "foreground": 4.0, "joint_weights": (),
    "hard_joints": 0,
}  # fmt: skip
_BATCH = 16  # crops whose loss is computed at a time


def validate(weights: Path, config: TrainConfig, pictures: Path | None = None) -> dict[str, dict[str, float]]:
    """What the weights reach on each source that holds photos out, by its folder; default settings, one scale.

    COCO's statistics, in its 17 joints where the network knows them, else in the network's own. Of photos without
    people, `people`: how many are seen in a photo. The first photos are drawn into the folder `pictures`, if there is
    one. A network for crops is given the labelled boxes.
    """
    root = Path(config.data)
    own = config.network.skeleton
    skeleton = own if own.lacks(COCO_17) else COCO_17
    look = _look_at_boxes(weights) if config.mode == "crops" else _look(weights)
    found: dict[str, dict[str, float]] = {}
    for source in config.sources:
        _, held = read_source(source, root, skeleton)
        if not held:
            continue
        if pictures is not None:
            _draw(look, held[:_PICTURES], pictures / Path(source.folder).name)
        if any(len(photo.keypoints) for photo in held):
            results = [entry for photo in held for entry in look(photo)[0].convert(skeleton).to_coco(photo.id)]
            truth = held_out_truth(source, root, held, skeleton)
            ids = [photo.id for photo in held]
            found[source.folder] = evaluate_results(results, truth, ids=ids, skeleton=skeleton)
        elif config.mode == "fields":
            found[source.folder] = {"people": sum(len(look(photo)[0]) for photo in held) / len(held)}
    return found


def held_out_truth(source: Source, root: Path, held: Sequence[PhotoLabels], skeleton: Skeleton = COCO_17) -> Labels:
    """The labels of photos in the joints of `skeleton`: the folder's own, or converted ones."""
    folder = root / source.folder
    images = folder / source.images if source.images else None
    labels = read_labels(folder / source.labels if source.labels else folder, images=images)
    labels = labels.select([photo.id for photo in held])
    return labels if labels.skeleton.joints == skeleton.joints else labels.convert(skeleton, source.skip_joints)


@torch.inference_mode()
def held_out_loss(weights: Path, config: TrainConfig, *, crops: int = 256) -> float:
    """The loss of the weights' last stage on crops of the photos held out: heatmaps and pafs together.

    The crops are always the same, neither turned nor changed otherwise, as large as the recipe's last ones, and
    compared with the labels alone, every joint counting alike, so that recipes can be compared by it.
    """
    skeleton, size = config.network.skeleton, config.crop_size(1.0)
    plain = dataclasses.replace(config, **_PLAIN)
    sets = []
    for source in config.sources:
        _, held = read_source(source, Path(config.data), skeleton)
        if held:
            sets.append((source, load_examples(source, held, None, Path(config.out))))
    if not sets:
        raise ValueError("sources must hold photos out, to measure a loss on them, but none does")
    maker, loss = make_crops(plain, skeleton, sets), make_loss(plain, skeleton)
    network, total = load_network(weights), 0.0
    with one_thread():
        for first in range(0, crops, _BATCH):
            count = min(_BATCH, crops - first)
            images, *target = maker[first, count, size]
            stages = network.logits(images.float() / 255)
            total += count * sum(part.item() for part in loss(stages, *target))
    return total / crops


Look = Callable[[PhotoLabels], tuple[People, Callable[[BgrImage], BgrImage] | None]]


def _look(weights: Path) -> Look:
    """The people in a photo, and what draws the joints that the network looks for."""
    detector = Detector(weights)

    def draw(image: BgrImage) -> BgrImage:
        return draw_heatmaps(image, detector.fields(image))

    return lambda photo: (detector(photo.path), draw)


def _look_at_boxes(weights: Path) -> Look:
    """The people in a photo's labelled boxes."""
    detector = CropDetector(weights)
    return lambda photo: (detector(photo.path, proposals=photo.boxes), None)


def _draw(look: Look, photos: Sequence[PhotoLabels], folder: Path) -> None:
    """What is seen in each photo, beside the joints that the network looks for."""
    folder.mkdir(parents=True, exist_ok=True)
    for photo in photos:
        image = read_image(photo.path)
        people, draw = look(photo)
        drawn = [people.draw(image)] + ([draw(image)] if draw is not None else [])
        cv2.imwrite(str(folder / f"{photo.path.stem}.jpg"), np.hstack(drawn))
