"""From a video to its people with ids. Read `TrackedVideo._run`: that is the path that every frame takes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.detector import Detector
from bottomup.people import People
from bottomup.prepared_photos import Look
from bottomup.tracking import Tracker
from bottomup.tracking.smoothing import FillGaps, Smoother, SmoothOptions
from bottomup.video.frames import Frame, FrameOptions, SourceInfo, SourceStats, choose_frames
from bottomup.video.queues import Ahead
from bottomup.video.sources import Source, open_source

_READ_AHEAD = 3  # frames that wait for the network
_SEEN_AHEAD = 2  # frames that wait for the grouping


class TrackedVideo:
    """An iterator over the frames of a video and the people in them, with ids; `track_video` makes it.

    Attributes
    ----------
    info, stats:
        What is known of the source, and what happened while reading; see `SourceInfo` and `SourceStats`.
    source, tracker:
        What is read, and who gives the ids.
    """

    def __init__(
        self,
        source: Source,
        detector: Detector | Callable[[Any], People],
        tracker: Tracker,
        *,
        proposals: bool = True,
        smooth: SmoothOptions | None = None,
        max_gap: float = 0.0,
    ) -> None:
        self.source, self.tracker = source, tracker
        self._detector, self._proposals = detector, proposals
        self._smoother = None if smooth is None else Smoother(smooth)
        self._gaps: FillGaps[Frame] | None = FillGaps(max_gap) if max_gap > 0 else None
        self._stack = ExitStack()
        self._stack.callback(source.close)
        self._iterator = self._run()

    @property
    def info(self) -> SourceInfo:
        return self.source.info

    @property
    def stats(self) -> SourceStats:
        return self.source.stats

    def __iter__(self) -> Iterator[tuple[Frame, People]]:
        return self

    def __next__(self) -> tuple[Frame, People]:
        return next(self._iterator)

    def __enter__(self) -> TrackedVideo:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the threads and let go of the source."""
        with suppress(ValueError):  # another thread is at it: it stops when the source does
            self._iterator.close()
        self._stack.close()

    def _run(self) -> Generator[tuple[Frame, People]]:
        """Source -> frames -> network -> grouping, with the tracker's proposals -> tracker -> smoothing -> gaps."""
        frames = choose_frames(self.source, self.source.options)
        try:
            live = self.info.live
            read = self._start(Ahead(frames, 1 if live else _READ_AHEAD, newest=live, dropped=self._count_drop))
            seen = self._start(Ahead(map(self._look, read), 1 if live else _SEEN_AHEAD))
            tracked = map(self._track, seen)
            yield from tracked if self._gaps is None else self._gaps(tracked)
        finally:
            self._stack.close()

    def _start(self, ahead: Ahead[Any]) -> Ahead[Any]:
        self._stack.callback(ahead.close)
        return ahead

    def _count_drop(self) -> None:
        self.stats.dropped += 1

    def _look(self, frame: Frame) -> tuple[Frame, Look | People]:
        """What the network makes of a frame; with other detectors than `Detector`, the people."""
        if isinstance(self._detector, Detector):
            return frame, self._detector.look(frame.image)
        people = self._detector(frame.image)
        if not isinstance(people, People):
            raise TypeError(f"detector must give People but gave a {type(people).__name__}")
        return frame, people

    def _track(self, seen: tuple[Frame, Look | People]) -> tuple[Frame, People]:
        frame, look = seen
        boxes = self.tracker.proposals(frame.time, frame.image)
        people = look if isinstance(look, People) else self._group(frame, look, boxes)
        tracked = self.tracker.update(people, frame.time, frame.image)
        return frame, tracked if self._smoother is None else self._smoother(tracked, frame.time)

    def _group(self, frame: Frame, look: Look, boxes: npt.NDArray[np.float64] | None) -> People:
        """The people in what the network saw, with the boxes in the picture where the tracker expects them."""
        assert isinstance(self._detector, Detector)
        if boxes is None or not self._proposals:
            return self._detector.group(look)
        height, width = frame.image.shape[:2]
        boxes = np.clip(boxes, 0, [width, height, width, height])
        inside = ((boxes[:, 2:] - boxes[:, :2]) >= 1).all(axis=1)
        return self._detector.group(look, proposals=boxes[inside] if inside.any() else None)


def track_video(
    source: Any,
    *,
    detector: Detector | Callable[[Any], People] | None = None,
    tracker: Tracker | None = None,
    options: FrameOptions | None = None,
    rate: float | None = None,
    proposals: bool = True,
    smooth: SmoothOptions | bool = False,
    max_gap: float = 0.0,
) -> TrackedVideo:
    """The people of a video, frame by frame, under ids that stay with them.

    >>> for frame, people in track_video("match.mp4"):  # doctest: +SKIP
    ...     for person in people:
    ...         print(frame.time, person.id, person["nose"])

    Reading, the network, and the grouping and tracking run in threads of their own, a few frames apart.

    Parameters
    ----------
    source:
        A file, a folder of pictures, an address, the number of a camera, or an iterable of pictures; see
        `bottomup.video.open_source`.
    detector:
        A `Detector`, or any function from a picture (H, W, 3) uint8 BGR to People; None for the built-in network.
    tracker:
        A `Tracker`; None for one with the default options. It is used from where it is.
    options:
        Which frames to take, and how patient to be with streams; see `FrameOptions`.
    rate:
        Frames a second of a folder or of pictures.
    proposals:
        Let the grouping know where the tracker expects people, which helps where the fields leave it in doubt.
    smooth:
        True or `SmoothOptions`: smooth the joints by a one-euro filter.
    max_gap:
        Seconds up to which joints, and people, that are missing between two sights of one id are filled in by
        interpolation. Frames then come so much later, and that much of the video is held in memory.

    Raises VideoError, FileNotFoundError, ImportError, TypeError or ValueError that name what is wrong.
    """
    if tracker is not None and not isinstance(tracker, Tracker):
        raise TypeError(f"tracker must be a Tracker but is a {type(tracker).__name__}")
    if detector is not None and not callable(detector):
        raise TypeError(f"detector must be a Detector or a function but is a {type(detector).__name__}")
    if not 0 <= max_gap <= 60:
        raise ValueError(f"max_gap must be from 0 to 60 seconds but is {max_gap}")
    smoothing = SmoothOptions() if smooth is True else smooth or None
    opened = open_source(source, options, rate=rate)
    try:
        return TrackedVideo(
            opened, detector or Detector(), tracker or Tracker(), proposals=proposals, smooth=smoothing, max_gap=max_gap
        )
    except BaseException:
        opened.close()
        raise
