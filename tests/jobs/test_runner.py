"""Pictures through a detector: nothing lost, nothing twice, few of them in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bottomup.image import DecodedImage, decode_image
from bottomup.jobs.runner import OutputError, run
from bottomup.jobs.sources import Source
from bottomup.people import People
from bottomup.skeletons import COCO_17
from tests.makers.detectors import BrightnessDetector


@dataclass(frozen=True)
class Made:
    """A picture of some people; a negative number cannot be read."""

    people: int
    width: int = 40

    def read(self, *, least: Callable[[int, int], int] | None = None) -> DecodedImage:
        if self.people < 0:
            raise ValueError("no picture")
        return decode_image(np.full((30, self.width, 3), self.people, np.uint8))


def test_every_picture_has_one_outcome() -> None:
    sources = [Made((n * 7) % 11 - 1, 40 + n % 5) for n in range(200)]
    outcomes = list(run(BrightnessDetector(), sources, workers=3))
    assert len(outcomes) == 200
    assert sorted(map(hash, sources)) == sorted(hash(one.source) for one in outcomes)
    for one in outcomes:
        if one.source.people < 0:
            assert (str(one.error), one.people, one.num_people, one.best_score) == ("no picture", None, 0, 0)
        else:
            assert (one.num_people, one.error, one.shape) == (one.source.people, None, (30, one.source.width, 3))


def test_one_that_the_network_falls_over_costs_no_other() -> None:
    outcomes = list(run(BrightnessDetector(), [Made(n if n != 3 else 99) for n in range(8)]))
    assert {one.num_people for one in outcomes if not one.error} == {0, 1, 2, 4, 5, 6, 7}
    assert [str(one.error) for one in outcomes if one.error] == ["the network fell over"]


@pytest.mark.parametrize("workers", [1, 4])
def test_few_pictures_are_in_memory(workers: int) -> None:
    taken = given = most = 0

    def sources() -> Iterator[Made]:
        nonlocal taken, most
        for _ in range(2000):
            taken += 1
            most = max(most, taken - given)
            yield Made(0)

    for _ in run(BrightnessDetector(), sources(), workers=workers):
        given += 1
    assert (taken, given) == (2000, 2000)
    assert most <= 2 * workers + 48


def test_large_pictures_wait_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bottomup.jobs.runner._BYTES_WAITING", 3 * 30 * 40 * 3)
    assert len(list(run(BrightnessDetector(), [Made(1)] * 50, workers=2))) == 50


def test_pictures_of_one_size_go_together() -> None:
    sizes: list[set[int]] = []

    class Watched(BrightnessDetector):
        def __call__(self, image: Any) -> Any:
            if isinstance(image, list):
                sizes.append({one.shape[1] for one in image})
            return super().__call__(image)

    list(run(Watched(), [Made(1, 40 + n % 3) for n in range(90)], workers=1))
    assert all(len(group) == 1 for group in sizes)
    assert len(sizes) < 30


def test_what_cannot_be_kept_ends_the_run() -> None:
    finished = []

    def finish(source: Made, image: Any, people: Any) -> None:
        finished.append(source)
        raise OutputError("full")

    with pytest.raises(OutputError, match="full"):
        list(run(BrightnessDetector(), [Made(1)] * 500, workers=2, finish=finish))
    assert len(finished) < 50


def test_another_fault_of_finish_is_one_pictures() -> None:
    def finish(source: Made, image: Any, people: Any) -> None:
        if source.people == 2:
            raise ValueError("cannot be drawn")

    outcomes = list(run(BrightnessDetector(), [Made(n) for n in range(5)], finish=finish))
    assert {one.source.people: str(one.error) for one in outcomes if one.error} == {2: "cannot be drawn"}


def test_an_interruption_finishes_what_is_being_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    began, go = threading.Event(), threading.Event()

    class Waits(BrightnessDetector):
        def look(self, image: Any) -> Any:
            began.set()
            assert go.wait(30)
            return super().look(image)

    import bottomup.jobs.runner as runner

    wait, calls = runner.wait, 0

    def interrupted(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        if began.is_set() and not calls:
            calls += 1
            go.set()
            raise KeyboardInterrupt
        return wait(*arguments, timeout=0.05, **options) if not began.is_set() else wait(*arguments, **options)

    monkeypatch.setattr(runner, "wait", interrupted)
    outcomes: list[Any] = []
    with pytest.raises(KeyboardInterrupt):
        outcomes.extend(run(Waits(), [Made(1)] * 300, workers=1))
    assert 0 < len(outcomes) < 100
    assert all(one.num_people == 1 for one in outcomes)


def test_workers_must_be_positive() -> None:
    with pytest.raises(ValueError, match="workers must be at least 1 but is 0"):
        list(run(BrightnessDetector(), [], workers=0))


class SmallDetector(BrightnessDetector):
    """Needs 100 pixels of the longer side; `seen` are the shapes that it was given and those of the whole pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[tuple[int, ...], tuple[int, int]]] = []

    def needed_side(self, height: int, width: int) -> int:
        return min(100, max(height, width))

    def __call__(self, images: list[Any]) -> list[People]:
        decoded = [decode_image(image) for image in images]
        self.seen += [(one.pixels.shape, one.size) for one in decoded]
        return [People.empty(COCO_17) for _ in decoded]


def test_large_photos_are_read_at_the_size_that_the_network_sees(tmp_path: Path) -> None:
    """Where nothing else is made of them; their size is still that of the file."""
    path = tmp_path / "large.jpg"
    Image.fromarray(np.zeros((600, 800, 3), np.uint8)).save(path)
    source = Source(path, "large.jpg", "large", 1)
    detector = SmallDetector()
    (outcome,) = run(detector, [source])
    assert detector.seen == [((75, 100, 3), (600, 800))]
    assert outcome.shape == (600, 800, 3)
    shapes: list[tuple[int, ...]] = []
    detector = SmallDetector()
    (outcome,) = run(detector, [source], finish=lambda _, image, people: shapes.append(image.shape))
    assert shapes == [(600, 800, 3)]
    assert detector.seen == [((600, 800, 3), (600, 800))]
    assert outcome.shape == (600, 800, 3)
