"""Frames and the clock that they go by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from statistics import median

from bottomup.image import BgrImage
from bottomup.validation import Options, option

_USUAL_RATE = 25.0  # frames a second where nothing is known
_RATES = 0.5, 400.0  # what a file may claim and be believed; 1000 and 90000 are time bases taken for rates


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video.

    index: counts the decoded frames from 0, those that were left out included.
    time: seconds from the video's beginning; rises from frame to frame.
    image: (H, W, 3) uint8 BGR, upright.
    """

    index: int
    time: float
    image: BgrImage


@dataclass(frozen=True)
class FrameOptions(Options):
    """Which frames of a source are taken, and how patient the reader is."""

    start: float = option(0.0, "Seconds from the beginning at which to start.", high=1e9)
    end: float | None = option(None, "Seconds at which to stop; None for the end of the video.", high=1e9)
    every: int = option(1, "Take one frame of so many.", low=1)
    max_fps: float | None = option(
        None, "Take no more frames a second than this, evenly by their timestamps; None for all.", low=1e-3, high=1e6
    )
    live: bool | None = option(
        None,
        "Take the newest frame and drop those that came meanwhile, as cameras and streams without an end need it. "
        "None decides by the source.",
    )
    timeout: float = option(10.0, "Seconds without a frame after which a stream or camera counts as lost.", low=0.1)
    reconnect: int = option(0, "How often a lost stream is opened again before the reader gives up.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"end must be later than start, {self.start:g} s, but is {self.end:g}")


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source before its first frame.

    name: what messages call it.
    width, height: of the frames, upright, pixels; 0 if unknown.
    rate: nominal frames a second; timestamps need not follow it.
    duration: seconds, None for an unknown or endless one.
    live: whether frames are dropped rather than waited for.
    has_audio: whether there is sound to keep.
    """

    name: str
    width: int = 0
    height: int = 0
    rate: float = _USUAL_RATE
    duration: float | None = None
    live: bool = False
    has_audio: bool = False


@dataclass
class SourceStats:
    """What happened while reading.

    decoded: frames so far.
    corrupt: frames or packets that could not be decoded and were skipped.
    dropped: frames of a live source that nothing was ready for.
    resized: frames of another size than the first, fitted into that.
    repaired: timestamps that were missing or did not rise, put right.
    reconnected: how often a lost stream was opened again.
    notes: sentences about what is worth knowing, such as an early end.
    """

    decoded: int = 0
    corrupt: int = 0
    dropped: int = 0
    resized: int = 0
    repaired: int = 0
    reconnected: int = 0
    notes: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """What is worth telling, a sentence each."""
        said = [
            (self.corrupt, "corrupt frame skipped", "corrupt frames skipped"),
            (self.dropped, "frame dropped to keep up", "frames dropped to keep up"),
            (self.resized, "frame of another size fitted into the first one's",
             "frames of another size fitted into the first one's"),
            (self.repaired, "timestamp put right", "timestamps put right"),
            (self.reconnected, "reconnection", "reconnections"),
        ]  # fmt: skip
        return [f"{count} {one if count == 1 else many}" for count, one, many in said if count] + self.notes


def believable_rate(claimed: float | None) -> float:
    """The rate that a file claims, or 25 if it cannot be meant."""
    if claimed is None or not math.isfinite(claimed) or not _RATES[0] <= claimed <= _RATES[1]:
        return _USUAL_RATE
    return float(claimed)


class Clock:
    """Times that rise, made of timestamps that mostly do.

    A timestamp that is missing, or not later than the last, is taken to be one usual step later; what follows is
    shifted along, so that a recording that was put together of parts goes on.
    """

    def __init__(self, rate: float, stats: SourceStats) -> None:
        self._stats = stats
        self._steps = [1 / rate]
        self._shift = 0.0
        self.last = -math.inf

    def read(self, stamp: float | None) -> float:
        """The time of the next frame in seconds, of its timestamp in seconds."""
        step = median(self._steps)
        if stamp is None or not math.isfinite(stamp):
            time = self.last + step if math.isfinite(self.last) else 0.0
            self._stats.repaired += 1
        else:
            time = stamp + self._shift
            if time <= self.last:
                self._shift += self.last + step - time
                time = self.last + step
                self._stats.repaired += 1
            elif math.isfinite(self.last):
                self._steps = [*self._steps[-14:], time - self.last]
        self.last = time
        return time


def choose_frames(frames: Iterable[Frame], options: FrameOptions) -> Iterator[Frame]:
    """Those frames that the options ask for; stops reading at the end."""
    due, taken = -math.inf, 0
    for frame in frames:
        if options.end is not None and frame.time >= options.end:
            return
        if frame.time < options.start:
            continue
        taken += 1
        if (taken - 1) % options.every:
            continue
        if options.max_fps is not None:
            # Half a millisecond of grace: timestamps are rounded.
            if frame.time < due - 5e-4:
                continue
            due = max(due, frame.time - 1 / options.max_fps) + 1 / options.max_fps
            due = due if due > frame.time else frame.time + 1 / options.max_fps
        yield frame
