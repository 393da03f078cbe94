"""Pictures in parts: few numbers of them, and the same results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bottomup.networks.backends.factory import load_backend
from bottomup.networks.backends.parts import sizes, split
from tests.networks.backends.test_openvino import save_toy


@pytest.mark.parametrize(
    ("count", "pixels", "parts"),
    [
        (0, 10, []),
        (1, 480 * 640, [1]),
        (3, 480 * 640, [1, 1, 1]),
        (3, 10**9, [1, 1, 1]),
        (13, 256 * 192, [8, 4, 1]),
        (24, 256 * 192, [8, 8, 8]),
        (7, 256 * 192, [4, 2, 1]),
        (5, 384 * 288, [4, 1]),
    ],
)
def test_few_numbers_of_pictures_go_together(count: int, pixels: int, parts: list[int]) -> None:
    assert sizes(count, pixels) == parts


@pytest.mark.parametrize("shape", [(13, 256, 192, 3), (13, 3, 256, 192)])
def test_parts_are_all_pictures_in_their_order(shape: tuple[int, ...]) -> None:
    images = np.arange(13).repeat(np.prod(shape[1:])).reshape(shape)
    parts = split(images)
    assert [len(part) for part in parts] == [8, 4, 1]
    assert np.array_equal(np.concatenate(parts), images)
    assert [len(part) for part in split(images[:0])] == [0]


def test_parts_give_what_single_pictures_give(tmp_path: Path) -> None:
    save_toy(tmp_path / "toy.xml")
    backend = load_backend(tmp_path / "toy.xml")
    images = np.random.default_rng(0).integers(0, 256, (7, 256, 192, 3), np.uint8)
    alone = zip(*(backend.run(image[None]) for image in images), strict=True)
    for whole, parts in zip(backend.run(images), alone, strict=True):
        np.testing.assert_allclose(whole, np.concatenate(parts), rtol=0, atol=1e-5)
