"""What type checkers know of calls: `mypy` reads this file, which is never run."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, assert_type

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from bottomup import Detector, People, detect_people
from bottomup.people import People as SamePeople
from bottomup.people import Person


def calls(detector: Detector, pixels: npt.NDArray[np.uint8], anything: Any, file: io.BytesIO) -> None:
    """Each call beside the type of what it gives."""
    assert_type(detector(pixels), People)
    assert_type(detector(np.zeros((480, 640, 3), np.uint8), rgb=True), People)
    assert_type(detector(cv2.flip(pixels, 1)), People)  # whose type is OpenCV's own
    assert_type(detector("photo.jpg"), People)
    assert_type(detector(Path("photo.jpg")), People)
    assert_type(detector(b"bytes of a file"), People)
    assert_type(detector(file), People)
    assert_type(detector(Image.new("RGB", (640, 480))), People)
    assert_type(detector([pixels, "photo.jpg"]), list[People])
    assert_type(detector((pixels, pixels), progress=True), list[People])
    assert_type(detector(["photo.jpg"], errors="raise"), list[People])
    assert_type(detector(["photo.jpg"], errors="return"), list[People | Exception])
    assert_type(detector(anything), Any)  # which a torch tensor is, (3, H, W) or (B, 3, H, W)

    assert_type(detect_people(pixels), People)
    assert_type(detect_people("photo.jpg", model="human-pose-estimation-0001"), People)
    assert_type(detect_people(["photo.jpg"]), list[People])

    people = detector(pixels)
    assert_type(people, SamePeople)
    assert_type(people[0], Person)
    assert_type(people[:2], People)
    assert_type(people[people.scores > 0.5], People)
    assert_type([person for person in people], list[Person])  # noqa: C416
    assert_type(people.keypoints, npt.NDArray[np.float32])
    assert_type(people[0].score, float)
    assert_type(people.draw(pixels), npt.NDArray[np.uint8])
    assert_type(people.to_coco(1), list[dict[str, Any]])
