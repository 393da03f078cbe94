"""Pictures through a detector: reading, network, grouping and what follows overlap on all cores, in bounded memory.

    reading and decoding (threads) -> groups of one input size -> network, grouping, what follows (threads) -> outcomes

The network runs on a group at once. The threads are enough: reading, network and grouping are compiled code that does
not hold Python's lock.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from bottomup.image import BgrImage, DecodedImage
from bottomup.people import People

GROUP = 8
"""Pictures of one input size that the network sees at once."""

_BYTES_WAITING = 512 * 2**20  # of decoded pictures on their way; a single larger one goes alone


class Readable(Protocol):
    """What is looked at: anything that gives a picture."""

    def read(self, *, least: Callable[[int, int], int] | None = ...) -> DecodedImage:
        """The picture; an exception says why there is none. least: as of `bottomup.image.decode_image`."""
        ...


Item = TypeVar("Item", bound=Readable)


@dataclass(frozen=True)
class Outcome(Generic[Item]):
    """What came of one picture: its shape (H, W, 3) and people, or the error that it ended with.

    warning: what is doubtful about the picture, for example that its last pixels may be missing.
    """

    source: Item
    shape: tuple[int, ...] = ()
    people: People | None = None
    error: Exception | None = None
    warning: str | None = None

    @property
    def num_people(self) -> int:
        """How many people were found."""
        return 0 if self.people is None else len(self.people)

    @property
    def best_score(self) -> float:
        """The highest score of a person, 0 without people."""
        return 0.0 if self.people is None else float(max(self.people.scores, default=0.0))


Finish = Callable[[Item, BgrImage, People], None]


def default_workers() -> int:
    """As many as there are usable cores, 16 at most."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(16, usable)


def run(
    detector: Any,
    sources: Iterable[Item],
    *,
    workers: int | None = None,
    finish: Finish[Item] | None = None,
) -> Iterator[Outcome[Item]]:
    """Look at pictures, some at a time; outcomes come as they are done. One that fails is reported, the others follow.

    On Ctrl-C what the network is looking at is finished and given before KeyboardInterrupt goes on.

    Parameters
    ----------
    detector:
        A `Detector`.
    sources:
        Consumed as room becomes free.
    workers:
        Threads that read, and threads that detect; `default_workers()`, unless given.
    finish:
        Called with each source, its picture and its people in a worker's thread. An OutputError that it raises ends the
        run, any other exception is the outcome's error.

    Raises ValueError if workers is below 1; whatever the iteration over the sources raises; OutputError.
    """
    workers = default_workers() if workers is None else workers
    if workers < 1:
        raise ValueError(f"workers must be at least 1 but is {workers}")
    pipeline = _Pipeline(detector, iter(sources), workers, finish)
    try:
        yield from pipeline.outcomes()
    finally:
        pipeline.close()


class OutputError(Exception):
    """Results cannot be kept: no picture can have any, so that a run ends with it."""


@dataclass(frozen=True)
class _Decoded(Generic[Item]):
    source: Item
    picture: DecodedImage
    size: Hashable

    @property
    def shown(self) -> DecodedImage | BgrImage:
        """What the detector is given: pixels, with the size of the whole picture only where they are fewer."""
        picture = self.picture
        return picture.pixels if picture.size == picture.pixels.shape[:2] else picture


class _Pipeline(Generic[Item]):
    """The stages and what is on its way between them; one thread, the caller's, hands everything on."""

    def __init__(self, detector: Any, sources: Iterator[Item], workers: int, finish: Finish[Item] | None) -> None:
        self._detector, self._sources, self._finish = detector, sources, finish
        self._readers = ThreadPoolExecutor(workers, "read")
        self._detectors = ThreadPoolExecutor(max(2, workers), "detect")
        self._reading: dict[Future[_Decoded[Item]], Item] = {}
        self._detecting: dict[Future[list[Outcome[Item]]], list[_Decoded[Item]]] = {}
        self._groups: dict[Hashable, list[_Decoded[Item]]] = {}
        self._limit = 2 * workers + 4 * GROUP
        self._bytes = 0
        self._ended = False
        self._interrupted: KeyboardInterrupt | None = None

    def close(self) -> None:
        """Wait for what is running and forget the rest."""
        for pool in (self._readers, self._detectors):
            pool.shutdown(wait=True, cancel_futures=True)

    def outcomes(self) -> Iterator[Outcome[Item]]:
        """The outcomes as they come."""
        while True:
            self._read_more()
            self._detect_more()
            busy: list[Future[Any]] = [*self._reading, *self._detecting]
            if not busy:
                break
            try:
                done, _ = wait(busy, return_when=FIRST_COMPLETED)
            except KeyboardInterrupt as interrupted:
                if self._interrupted is not None:
                    raise
                self._interrupt(interrupted)
                continue
            for future in done:
                if future in self._reading:
                    yield from self._take_decoded(future)
                else:
                    yield from self._take_detected(future)
        if self._interrupted is not None:
            raise self._interrupted

    def _interrupt(self, interrupted: KeyboardInterrupt) -> None:
        """Go on with nothing but what the network has begun to look at."""
        self._interrupted, self._ended = interrupted, True
        self._groups.clear()
        for reading in self._reading:
            reading.cancel()
        self._reading.clear()
        self._detecting = {future: group for future, group in self._detecting.items() if not future.cancel()}

    def _read_more(self) -> None:
        while not self._ended and self._on_the_way() < self._limit and self._bytes < _BYTES_WAITING:
            try:
                source = next(self._sources)
            except StopIteration:
                self._ended = True
                return
            self._reading[self._readers.submit(self._decode, source)] = source

    def _on_the_way(self) -> int:
        return len(self._reading) + sum(map(len, itertools.chain(self._groups.values(), self._detecting.values())))

    def _decode(self, source: Item) -> _Decoded[Item]:
        # Without a use for all pixels of a large photo it is read at the size that the network sees, which is quicker.
        needed = getattr(self._detector, "needed_side", None) if self._finish is None else None
        picture = source.read() if needed is None else source.read(least=needed)
        return _Decoded(source, picture, self._detector.letterbox(*picture.size).padded_size)

    def _take_decoded(self, future: Future[_Decoded[Item]]) -> Iterator[Outcome[Item]]:
        source = self._reading.pop(future)
        try:
            decoded = future.result()
        except Exception as error:  # whatever is wrong with one picture must not cost the results of the others
            yield Outcome(source, error=error)
        else:
            self._bytes += decoded.picture.pixels.nbytes
            self._groups.setdefault(decoded.size, []).append(decoded)

    def _detect_more(self) -> None:
        """Send full groups on, and others where nothing else can go on."""
        for size in [size for size, group in self._groups.items() if len(group) >= GROUP]:
            self._detect(self._groups.pop(size))
        idle = len(self._detecting) < 2
        if self._groups and (idle if not self._reading else self._on_the_way() >= self._limit and idle):
            self._detect(self._groups.pop(max(self._groups, key=lambda size: len(self._groups[size]))))

    def _detect(self, group: list[_Decoded[Item]]) -> None:
        self._detecting[self._detectors.submit(self._look, group)] = group

    def _take_detected(self, future: Future[list[Outcome[Item]]]) -> Iterator[Outcome[Item]]:
        group = self._detecting.pop(future)
        self._bytes -= sum(decoded.picture.pixels.nbytes for decoded in group)
        yield from future.result()

    def _look(self, group: Sequence[_Decoded[Item]]) -> list[Outcome[Item]]:
        try:
            found: Sequence[People | Exception] = self._detector([decoded.shown for decoded in group])
        except Exception:  # one of them: which one shows when they are looked at one by one
            found = [self._look_alone(decoded.shown) for decoded in group]
        return [self._outcome(decoded, people) for decoded, people in zip(group, found, strict=True)]

    def _look_alone(self, image: DecodedImage | BgrImage) -> People | Exception:
        try:
            people: People = self._detector(image)
        except Exception as error:
            return error
        return people

    def _outcome(self, decoded: _Decoded[Item], people: People | Exception) -> Outcome[Item]:
        error = people if isinstance(people, Exception) else None
        try:
            if self._finish is not None and not isinstance(people, Exception):
                self._finish(decoded.source, decoded.picture.pixels, people)
        except OutputError:
            raise
        except Exception as failure:
            error = failure
        found = None if error is not None or isinstance(people, Exception) else people
        picture = decoded.picture
        return Outcome(decoded.source, (*picture.size, 3), found, error, picture.warning)
