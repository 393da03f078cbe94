"""Tables of accuracy and time: over overlap, noise and numbers of people, or over the groups of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from bottomup.benchmarks.accuracy import measure_accuracy, measure_times
from bottomup.benchmarks.cases import Case
from bottomup.benchmarks.noise import get_level
from bottomup.benchmarks.scenes import Scene, file_scenes, group_scenes, photo_scenes, procedural_scenes
from bottomup.settings import Settings
from bottomup.skeleton import Skeleton
from bottomup.skeletons import get_skeleton

if TYPE_CHECKING:
    from pathlib import Path

    from bottomup.datasets import Labels
    from bottomup.detector import Detector

Row = dict[str, Any]
# Labelled people in a picture: the groups by which a data set's times are told.
_SIZES = ((1, 1), (2, 4), (5, 9), (10, 19), (20, 49), (50, 10**9))


def sweep_crowds(
    base: Case,
    *,
    people: Sequence[int],
    crowd_indices: Sequence[float],
    noises: Sequence[str],
    images: int,
    settings: Settings,
    fields: str = "pafs",
    done: Callable[[], None] = lambda: None,
) -> list[Row]:
    """A row for each combination, over `images` procedural crowds: what was asked for, accuracy, times by stage.

    `base` says the rest: map size, skeleton, first seed. `fields` are those of `file_scenes`. `done`
    is called after each row.
    """
    if images < 1:
        raise ValueError(f"images must be at least 1 but is {images}")
    rows = []
    for count, index, noise in product(people, crowd_indices, noises):
        case = replace(base, people=count, crowd_index=index, noise=noise)
        scenes = list(procedural_scenes(case, images, settings=settings, fields=fields))
        asked = {"noise": noise, "people_per_image": count, "crowd_index_wanted": index}
        rows.append({**asked, **_measured(scenes, get_skeleton(case.skeleton))})
        done()
    return rows


def sweep_file(
    labels: Labels,
    *,
    noises: Sequence[str],
    long_side: int,
    stride: int,
    seed: int,
    settings: Settings,
    fields: str = "pafs",
) -> list[Row]:
    """Rows for each noise level and group of the pictures of an annotation file, whose fields are drawn."""
    rows = []
    for noise in noises:
        how: Row = {"noise": get_level(noise), "long_side": long_side, "stride": stride, "seed": seed, "fields": fields}
        rows += [
            {"noise": noise, **row} for row in _grouped(list(file_scenes(labels, **how, settings=settings)), labels)
        ]
    return rows


def sweep_photos(
    labels: Labels, folder: Path, detector: Detector, *, done: Callable[[], None] = lambda: None
) -> list[Row]:
    """Rows for each group of photos that went through a network; `done` is called after each photo."""
    scenes = []
    for scene in photo_scenes(labels, folder, detector):
        scenes.append(scene)
        done()
    return [{"noise": "network", **row} for row in _grouped(scenes, labels)]


def _grouped(scenes: Sequence[Scene], labels: Labels) -> Iterator[Row]:
    groups = group_scenes(scenes)
    for low, high in _SIZES:
        name = f"{low} to {high} people" if high < 10**9 else f"{low} people or more"
        groups["1 person" if high == 1 else name] = [
            scene for scene in scenes if low <= int((~scene.labels.ignored).sum()) <= high
        ]
    for name, chosen in groups.items():
        if chosen:
            yield {"group": name, **_measured(chosen, labels.skeleton)}


def _measured(scenes: Sequence[Scene], skeleton: Skeleton) -> Row:
    row: Row = asdict(measure_accuracy(scenes, skeleton))
    for stage, timing in measure_times(scenes).items():
        row |= {f"{stage}_ms": timing.median, f"{stage}_p95_ms": timing.p95}
    return row
