"""Real photos through real networks. What is where on them was read off the photos or is their published label."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bottomup.detector import Detector
from bottomup.settings import Settings
from bottomup.shorthand import detect_people
from bottomup.skeletons import COCO_17
from bottomup.weights import find_weights

# Of scikit-image's astronaut (512 x 512), read off the enlarged photo: the pupils, the tip of the nose, and the
# shoulders under the suit, above the folds of the armpits.
ASTRONAUT = {
    "nose": (222, 125),
    "left_eye": (246, 103),
    "right_eye": (203, 101),
    "left_shoulder": (323, 273),
    "right_shoulder": (93, 266),
}


@pytest.fixture(scope="module")
def astronaut() -> Any:
    return pytest.importorskip("skimage.data").astronaut()  # RGB


@pytest.fixture(scope="module")
def detector(openvino_network: Path) -> Detector:
    return Detector(openvino_network)


def assert_is_the_astronaut(people: Any, *, tolerance: float = 8) -> None:
    assert len(people) == 1
    for joint, expected in ASTRONAUT.items():
        x, y, score = people[0][joint]
        assert score > 0, joint
        assert np.hypot(x - expected[0], y - expected[1]) <= tolerance, (joint, x, y)


def test_astronaut(detector: Detector, astronaut: Any) -> None:
    people = detector(astronaut, rgb=True)
    assert people.skeleton == COCO_17
    assert_is_the_astronaut(people)
    assert people[0]["left_ankle"][2] == 0  # the photo ends at the hips


@pytest.mark.slow
def test_the_built_in_network_finds_the_astronaut(astronaut: Any) -> None:
    if find_weights("default") is None:
        pytest.skip("the built-in network is not part of this source tree")
    people = detect_people(astronaut, rgb=True)
    assert people.skeleton == COCO_17
    assert len(people) == 1
    x, y, score = people[0]["nose"]
    assert score > 0
    assert 182 < x < 270  # the face, from ear to ear
    assert 80 < y < 178  # from the hair to the chin


def test_astronaut_from_files(detector: Detector, astronaut: Any, tmp_path: Path) -> None:
    Image.fromarray(astronaut).save(tmp_path / "a.jpg", quality=95)
    assert_is_the_astronaut(detector(tmp_path / "a.jpg"))
    exif = Image.Exif()
    exif[274] = 8  # the camera was turned: to be shown, the picture has to be turned by 90 degrees to the left
    turned = Image.fromarray(np.ascontiguousarray(astronaut.transpose(1, 0, 2)[:, ::-1]))
    turned.save(tmp_path / "turned.jpg", quality=95, exif=exif)
    assert_is_the_astronaut(detector(tmp_path / "turned.jpg"))


@pytest.mark.slow
def test_detect_people_finds_the_offline_network_by_name(
    openvino_network: Path, astronaut: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTTOMUP_WEIGHTS", str(openvino_network.parent.parent))
    people = detect_people(astronaut, model="human-pose-estimation-0001", rgb=True)
    assert_is_the_astronaut(people)


@pytest.mark.slow
def test_astronaut_mirrored_is_the_mirror_image(openvino_network: Path, astronaut: Any) -> None:
    """With `flip`, whatever the network prefers about left and right cancels out."""
    detector = Detector(openvino_network, settings=Settings(flip=True))
    people, mirrored = detector([astronaut, astronaut[:, ::-1]], rgb=True)
    assert_is_the_astronaut(people)
    assert len(mirrored) == 1
    order = COCO_17.flip_permutation
    seen = people.keypoint_scores[0] > 0
    np.testing.assert_array_equal(mirrored.keypoint_scores[0][order] > 0, seen)
    back = mirrored.keypoints[0][order] * (-1, 1) + (511, 0)
    np.testing.assert_allclose(back[seen], people.keypoints[0][seen], atol=2)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [Settings(scales=(1.0, 1.4)), Settings(input_height=512, flip=True)])
def test_astronaut_in_several_passes(openvino_network: Path, astronaut: Any, settings: Settings) -> None:
    assert_is_the_astronaut(Detector(openvino_network, settings=settings)(astronaut, rgb=True))


def test_astronaut_is_found_wherever_it_is(detector: Detector, astronaut: Any) -> None:
    """Small, in the corner of a large grey picture, the same joints are there."""
    canvas = np.full((800, 1100, 3), 128, np.uint8)
    canvas[260:772, 540:1052] = astronaut
    people = detector(canvas, rgb=True)
    assert len(people) == 1
    for joint, (x, y) in ASTRONAUT.items():
        assert np.hypot(people[0][joint][0] - x - 540, people[0][joint][1] - y - 260) <= 12, joint


def labelled(data_root: Path, number: int) -> tuple[Path, list[int]]:
    """The folder of COCO photos and the ids of the first of val2017."""
    folder = data_root / "data" / "coco-pose"
    if not (folder / "annotations.json").is_file():
        pytest.skip(f"{folder} is not there")
    images = json.loads((folder / "annotations.json").read_text())["images"]
    return folder, sorted(image["id"] for image in images if image["coco_split"] == "val2017")[:number]


@pytest.mark.slow
def test_coco_photos(data_root: Path, detector: Detector) -> None:
    pytest.importorskip("pycocotools")
    from bottomup.evaluation.coco import evaluate

    folder, ids = labelled(data_root, 60)
    assert evaluate(detector, folder, ids=ids)["AP"] >= 0.38


@pytest.mark.slow
def test_a_list_of_photos_is_as_good_as_one_by_one(data_root: Path, detector: Detector) -> None:
    folder, ids = labelled(data_root, 12)
    paths = [folder / "images" / f"{number:012}.webp" for number in ids]
    for path, together in zip(paths, detector(paths), strict=True):
        alone = detector(path)
        assert len(together) == len(alone), path
        np.testing.assert_allclose(together.keypoints, alone.keypoints, atol=0.05, equal_nan=True)


@pytest.mark.slow
def test_photos_without_people(data_root: Path, detector: Detector) -> None:
    paths = sorted((data_root / "data" / "no-people").glob("*.webp"))[:40]
    if not paths:
        pytest.skip("no photos without people")
    people = [person for found in detector(paths) for person in found if person.score >= 0.15]
    assert len(people) <= 2
