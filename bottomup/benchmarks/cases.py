"""What is measured on: procedural crowds by number of people, map size, noise and seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.benchmarks.crowds import Crowd, make_crowd
from bottomup.benchmarks.noise import draw_crowd, get_level
from bottomup.skeletons import get_skeleton

PEOPLE = (1, 10, 30, 100, 200, 1000)
SIZE, LARGE_SIZE = (184, 328), (270, 480)  # cells, of up to 200 people and of more
_LARGE = 200
_DTYPES = ("float32", "float16")

Field = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Case:
    """One set of fields to measure on.

    people, height, width: how many, on a map of that many cells.
    skeleton: name of a built-in one.
    noise: name of a level of `bottomup.benchmarks.noise.LEVELS`.
    crowd_index: overlap of the people; see `make_crowd`.
    stride: pixels per cell.
    dtype: "float32" or "float16".
    batch: images in one call, with seeds that count up.
    device: "cpu", or a GPU by its name in torch.
    seed: of crowd and noise.

    Raises ValueError for a number out of range and a name that is unknown.
    """

    people: int
    height: int = SIZE[0]
    width: int = SIZE[1]
    skeleton: str = "openpose18"
    noise: str = "mild"
    crowd_index: float = 0.5
    stride: int = 8
    dtype: str = "float32"
    batch: int = 1
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("people", 0), ("height", 1), ("width", 1), ("stride", 1), ("batch", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least} but is {getattr(self, name)}")
        if not 0 <= self.crowd_index <= 1:
            raise ValueError(f"crowd_index must be from 0 to 1 but is {self.crowd_index}")
        if self.dtype not in _DTYPES:
            raise ValueError(f"dtype must be float32 or float16 but is {self.dtype!r}")
        get_skeleton(self.skeleton)
        get_level(self.noise)

    def crowd(self, number: int = 0) -> Crowd:
        """The people of one of its images."""
        return make_crowd(
            self.people,
            get_skeleton(self.skeleton),
            height=self.height * self.stride,
            width=self.width * self.stride,
            crowd_index=self.crowd_index,
            seed=self.seed + number,
        )

    def arrays(self) -> tuple[Field, Field]:
        """Heatmaps and pafs in CPU memory: (K, h, w) and (2L, h, w), with a leading B for a batch of several."""
        drawn = [
            draw_crowd(self.crowd(number), stride=self.stride, noise=get_level(self.noise), seed=self.seed + number)
            for number in range(self.batch)
        ]
        heatmaps = np.stack([fields.heatmaps for fields in drawn]).astype(self.dtype)
        pafs = np.stack([fields.pafs for fields in drawn]).astype(self.dtype)
        return (heatmaps, pafs) if self.batch > 1 else (heatmaps[0], pafs[0])


def make_cases(people: Iterable[int] = PEOPLE, *, size: tuple[int, int] | None = None, **options: Any) -> list[Case]:
    """A case for each number of people; without a size, crowds above 200 get the larger map."""

    def choose(count: int) -> tuple[int, int]:
        return size or (SIZE if count <= _LARGE else LARGE_SIZE)

    return [Case(count, *choose(count), **options) for count in people]
