"""What notebooks show of people."""

from __future__ import annotations

import copy
import gc
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from bottomup.detector import Detector
from bottomup.people import People
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18
from tests.drawing.test_people import grey, standing
from tests.makers.service import SeesRed, photo


def shown(people: People) -> np.ndarray | None:
    png = people._repr_png_()
    return None if png is None else cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


def test_the_picture_is_shown_while_it_lives() -> None:
    image = grey(200, 200)
    people = standing(COCO_17, height=150).with_picture(image)
    for some in (people, people[:1], people.convert(OPENPOSE_COCO_18), people.with_ids([3])):
        drawn = shown(some)
        assert drawn is not None
        assert (drawn == some.draw(image)).all()
    assert '<img alt="people" src="data:image/png;base64,' in people._repr_html_()
    assert people == people.with_picture(grey())
    del image
    gc.collect()
    assert shown(people) is None
    assert "<img" not in people._repr_html_()
    assert "<td>17 of 17</td>" in people._repr_html_()


def test_a_path_and_a_pillow_image_are_known_too(tmp_path: Path) -> None:
    image, people = grey(200, 200), standing(COCO_17, height=150)
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), image)
    pillow = Image.fromarray(image)
    for known in (people.with_picture(path), people.with_picture(str(path)), people.with_picture(pillow)):
        assert (shown(known) == people.draw(image)).all()
    known = people.with_picture(path)
    path.unlink()
    assert shown(known) is None
    assert shown(people.with_picture(b"bytes are not held")) is None


def test_an_rgb_picture_is_shown_in_its_colours() -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    image[..., 0] = 200
    drawn = shown(People.empty(COCO_17).with_picture(image, rgb=True))
    assert drawn is not None
    assert drawn[0, 0].tolist() == [0, 0, 200]


def test_a_large_picture_is_shown_smaller() -> None:
    image = grey(1000, 3200)
    drawn = shown(People.empty(COCO_17).with_picture(image))
    assert drawn is not None
    assert drawn.shape == (500, 1600, 3)


def test_people_that_know_their_picture_can_be_pickled() -> None:
    image = grey()
    people = standing(COCO_17).with_picture(image)
    assert pickle.loads(pickle.dumps(people)) == copy.deepcopy(people) == people


@pytest.mark.parametrize("several", [False, True])
def test_a_detector_tells_the_picture(several: bool) -> None:
    image, detector = photo(), Detector(backend=SeesRed())
    people = detector([image])[0] if several else detector(image)
    drawn = shown(people)
    assert drawn is not None
    assert (drawn == people.draw(image)).all()
