"""What is measured on: procedural crowds by number of people, map size, noise and seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.benchmarks.crowds import make_crowd
from bottomup.benchmarks.noise import draw_crowd, get_level
from bottomup.fields import Fields
from bottomup.skeletons import get_skeleton

PEOPLE = (1, 10, 30, 100, 200, 1000)
SIZE, LARGE_SIZE = (184, 328), (270, 480)  # cells, of up to 200 people and of more
_LARGE = 200


@dataclass(frozen=True)
class Case:
    """One set of fields to measure on.

    people, height, width: how many, on a map of that many cells.
    skeleton: name of a built-in one.
    noise: name of a level of `bottomup.benchmarks.noise.LEVELS`.
    crowd_index: overlap of the people; see `make_crowd`.
    stride: pixels per cell.
    dtype: "float32" or "float16".
    seed: of crowd and noise.
    """

    people: int
    height: int = SIZE[0]
    width: int = SIZE[1]
    skeleton: str = "openpose18"
    noise: str = "mild"
    crowd_index: float = 0.5
    stride: int = 8
    dtype: str = "float32"
    seed: int = 0

    def draw(self) -> Fields:
        """Its fields, always float32; see `arrays`."""
        for name, value in (("height", self.height), ("width", self.width), ("stride", self.stride)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1 but is {value}")
        crowd = make_crowd(
            self.people,
            get_skeleton(self.skeleton),
            height=self.height * self.stride,
            width=self.width * self.stride,
            crowd_index=self.crowd_index,
            seed=self.seed,
        )
        return draw_crowd(crowd, stride=self.stride, noise=get_level(self.noise), seed=self.seed)

    def arrays(self, fields: Fields) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
        """Heatmaps and pafs in the case's dtype; ValueError if that is none the kernels take."""
        if self.dtype not in ("float32", "float16"):
            raise ValueError(f"dtype must be float32 or float16 but is {self.dtype!r}")
        return fields.heatmaps.astype(self.dtype), fields.pafs.astype(self.dtype)


def make_cases(people: Iterable[int] = PEOPLE, *, size: tuple[int, int] | None = None, **options: Any) -> list[Case]:
    """A case for each number of people; without a size, crowds above 200 get the larger map."""

    def choose(count: int) -> tuple[int, int]:
        return size or (SIZE if count <= _LARGE else LARGE_SIZE)

    return [Case(count, *choose(count), **options) for count in people]
