"""What a detector takes: every kind of picture, one or many, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import bottomup.detector
from bottomup.detector import Detector
from bottomup.shorthand import detect_people
from tests.makers.scenes import TWO, SeesColours, assert_same_poses, scene


@pytest.mark.slow
def test_lists_and_batches_keep_their_order() -> None:
    sizes = [(500, 700), (400, 300), (500, 700), (250, 350)] * 6
    scenes = [scene(h, w, (w * (0.3 + 0.02 * n), 0.05 * h, 0.85 * h)) for n, (h, w) in enumerate(sizes)]
    backend = SeesColours()
    detector = Detector(backend=backend)
    results = detector([image for image, _ in scenes])
    assert len(results) == len(scenes)
    for people, (_, poses), (height, _) in zip(results, scenes, sizes, strict=True):
        assert_same_poses(people, poses, tolerance=2.5 * height / 368)
    # (500, 700) and (250, 350) are the same 368 x 515 to the network: 18 pictures of 24, in batches of at most 8.
    assert sorted(shape[0] for shape in backend.shapes) == [2, 6, 8, 8]
    assert detector([]) == []
    assert detector([scenes[0][0]]) == [detector(scenes[0][0])]


def test_few_pictures_of_a_long_list_wait_at_any_time() -> None:
    held: set[int] = set()
    largest = 0

    def photos() -> Any:
        for index in range(400):
            width = 8 * (1 + index * 7 % 90)  # hardly ever two of the same size in a row
            held.add(index)
            yield bottomup.prepared_photos.PreparedPhoto(index, (), (np.zeros((8, width, 3), np.uint8),))

    seen = []
    for batch in bottomup.prepared_photos.batches(photos()):
        largest = max(largest, len(held))
        assert len({photo.inputs[0].shape for photo in batch}) == 1
        assert 1 <= len(batch) <= 8
        seen += [photo.index for photo in batch]
        held -= {photo.index for photo in batch}
    assert sorted(seen) == list(range(400))
    assert largest <= 64


def test_every_kind_of_input_gives_the_same_people(tmp_path: Path) -> None:
    image, poses = scene(368, 520, (150, 10, 340), (380, 12, 330))
    rgb = np.ascontiguousarray(image[:, :, ::-1])
    path = tmp_path / "scene.png"
    Image.fromarray(rgb).save(path)
    tensor = torch.from_numpy(rgb).permute(2, 0, 1)
    detector = Detector(backend=SeesColours())
    expected = detector(image)
    assert_same_poses(expected, poses, tolerance=2)
    assert detector(rgb, rgb=True) == expected
    for same in (path, str(path), Image.fromarray(rgb), tensor, tensor / 255, np.asfortranarray(image)):
        assert detector(same) == expected
    stack = np.stack([image, image[:, ::-1]])
    tensors = torch.from_numpy(np.ascontiguousarray(stack[..., ::-1])).permute(0, 3, 1, 2)
    both = detector(stack)
    assert both[0] == expected
    assert detector(tensors) == detector(list(stack)) == detector(tuple(tensors)) == both
    assert detector(stack[..., ::-1], rgb=True) == both


def test_one_bad_picture_in_a_list_is_named(tmp_path: Path) -> None:
    detector = Detector(backend=SeesColours())
    image, _ = TWO
    with pytest.raises(ValueError, match=r"image 2 of 3: image must be an array .* but has shape \(5, 5\)"):
        detector([image, image, np.zeros((5, 5), np.uint8)])
    with pytest.raises(FileNotFoundError, match=r"image 1 of 2: .*nowhere\.jpg"):
        detector([image, tmp_path / "nowhere.jpg"])


@pytest.mark.parametrize("size", [(1, 1), (20, 20000), (20000, 20), (3, 5)])
def test_extreme_sizes_find_nobody_and_stay_bounded(size: tuple[int, int]) -> None:
    backend = SeesColours()
    assert len(Detector(backend=backend)(np.zeros((*size, 3), np.uint8))) == 0
    assert np.prod(backend.shapes[0]) <= 368 * 368 * 8 * 3


def test_wrong_arguments(tmp_path: Path) -> None:
    detector = Detector(backend=SeesColours())
    with pytest.raises(ValueError, match=r"proposals must have shape \(N, 4\) but has \(4,\)"):
        detector(TWO[0], proposals=[1.0, 2, 3, 4])
    with pytest.raises(ValueError, match="proposals must hold boxes for each of the 2 images but has 1"):
        detector([TWO[0]] * 2, proposals=[None])
    with pytest.raises(TypeError, match="settings must be a Settings but is a dict"):
        Detector(backend=SeesColours(), settings={})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="settings must be a Settings but is a dict"):
        detect_people(TWO[0], settings={})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="backend must be a name or a Backend but is a int"):
        Detector(backend=5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="model must be one of 'default', 'human-pose-estimation-0001'"):
        Detector("no-such-network")
    with pytest.raises(FileNotFoundError, match=r"model must be an existing file but 'nowhere\.xml'"):
        Detector("nowhere.xml")
    with pytest.raises(TypeError, match="image must be a path"):
        detector(None)
