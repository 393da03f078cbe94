"""Real photos that move: a camera that pans, zooms and shakes over a crowd, whose ids stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from bottomup.datasets import read_labels
from bottomup.detector import Detector
from bottomup.image import read_image
from bottomup.settings import Settings
from bottomup.video import track_video
from bottomup.weights import find_weights

RATE = 25
OUT = 360, 480
NEAR = 0.2  # of a person's size, within which joints are those of the labelled person


def views(image: np.ndarray, frames: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures (360, 480, 3), and the (2, 3) map of the photo's pixels to theirs: panned, zoomed, turned and shaken."""
    rng = np.random.default_rng(seed)
    size, out = np.array(image.shape[1::-1]), np.array(OUT[::-1])
    fit = float((out / size).max())
    for number in range(frames):
        time = number / RATE
        zoom = fit * (1.25 + 0.15 * np.sin(2 * np.pi * time / 1.6))
        room = np.maximum(size - out / zoom, 0) / 2
        sway = 0.9 * np.sin(2 * np.pi * time / 3.2), 0.6 * np.sin(2 * np.pi * time / 2.1)
        middle = size / 2 + room * sway + rng.normal(0, 3, 2) / zoom
        moved = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), rng.normal(0, 0.6), zoom)
        moved[:, 2] += out / 2 - middle
        yield cv2.warpAffine(image, moved, OUT[::-1], borderMode=cv2.BORDER_REFLECT), moved


@pytest.mark.slow
@pytest.mark.parametrize(("photo", "found"), [(117492, 5), (449432, 5), (2299, 3)])
def test_a_crowd_keeps_its_ids_while_the_camera_moves(data_root: Path, photo: int, found: int) -> None:
    if find_weights("default") is None:
        pytest.skip("the built-in network is not in this source tree")
    folder = data_root / "data" / "coco-pose"
    labels = next(one for one in read_labels(folder / "annotations.json") if one.id == photo)
    image = read_image(folder / "images" / f"{photo:012d}.webp")
    counts = ~labels.ignored
    truth = np.where(labels.visible[counts][..., None], labels.keypoints[counts], np.nan)
    seen = list(views(image, 30, seed=0))
    video = track_video([picture for picture, _ in seen], detector=Detector(settings=Settings(input_height=256)))
    ids: dict[int, list[int]] = {}
    stay = np.ones(len(truth), bool)
    for (_, people), (_, moved) in zip(video, seen, strict=True):
        points = truth @ moved[:, :2].T + moved[:, 2]
        inside = ((points > 0) & (points < OUT[::-1])).all(axis=2) | np.isnan(points[..., 0])
        stay &= inside.all(axis=1)
        sizes = np.sqrt(labels.areas[counts]) * np.sqrt(np.linalg.det(moved[:, :2]))
        apart = np.linalg.norm(people.keypoints[:, None] - points[None], axis=3)
        compared = np.isfinite(apart)
        enough = compared.sum(axis=2) >= 3
        distance = np.where(compared, apart, 0).sum(axis=2) / np.maximum(compared.sum(axis=2), 1)
        distance = np.where(enough, distance, np.inf)
        for person in np.flatnonzero(distance.min(axis=0, initial=np.inf) < NEAR * sizes):
            row = int(distance[:, person].argmin())
            if distance[row].argmin() == person:
                assert people.ids is not None
                ids.setdefault(int(person), []).append(int(people.ids[row]))
    followed = {person: names for person, names in ids.items() if stay[person] and len(names) >= 10}
    assert len(followed) >= found
    # In a frame in which a person is not found, the joints of the one beside may be near enough.
    own = {person: Counter(names).most_common(1)[0] for person, names in followed.items()}
    assert {person: names for person, names in followed.items() if own[person][1] < 0.9 * len(names)} == {}
    assert len({name for name, _ in own.values()}) == len(followed)
