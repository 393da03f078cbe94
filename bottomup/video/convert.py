"""What `bottomup video` does: a tracked video becomes files and a window."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bottomup.people import People
from bottomup.video.av_source import AvSource, without_password
from bottomup.video.drawing import Painter
from bottomup.video.frames import Frame
from bottomup.video.queues import Ahead
from bottomup.video.results import AllResults
from bottomup.video.track import TrackedVideo
from bottomup.video.window import Window
from bottomup.video.writer import VideoWriter

_ENCODED_AHEAD = 3  # frames that wait for the encoder


@dataclass
class Outcome:
    """What came of a video.

    frames: written or shown. people: in all frames together. last_time: seconds of the last frame.
    seconds: that it took. files: what was written.
    """

    frames: int = 0
    people: int = 0
    last_time: float = 0.0
    seconds: float = 0.0
    files: list[Path] = field(default_factory=list)


def output_stem(source: object, out: Path) -> Path:
    """The folder and the beginning of the names of all files of a source."""
    text = without_password(str(source))
    name = f"camera{text}" if text.isdecimal() else Path(text.split("?")[0].rstrip("/")).stem
    return out / (name or "video")


def output_files(stem: Path, formats: Sequence[str], draw: bool) -> list[Path]:
    """The files and folders that `convert_video` writes."""
    names = {
        "jsonl": f"{stem.name}.jsonl", "parquet": f"{stem.name}.parquet", "coco": f"{stem.name}_coco.json",
        "posetrack": f"{stem.name}_posetrack.json", "openpose": f"{stem.name}_openpose",
    }  # fmt: skip
    files = [stem.with_name(names[one]) for one in dict.fromkeys(formats)]
    return [*files, stem.with_name(f"{stem.name}_people.mp4")] if draw else files


def convert_video(
    video: TrackedVideo,
    stem: Path | None,
    *,
    formats: Sequence[str] = ("jsonl",),
    draw: bool = True,
    show: bool = False,
    painter: Painter | None = None,
    done: Callable[[Frame, People], None] = lambda frame, people: None,
) -> Outcome:
    """Write the people of a video, and the video with them drawn, and show it.

    Parameters
    ----------
    video:
        Of `track_video`; it is closed at the end.
    stem:
        Folder and beginning of the files' names; None to write nothing.
    formats:
        Of results; see `bottomup.video.results`.
    draw:
        Write NAME_people.mp4, with the sound of the source.
    show:
        In a window, until q is pressed.
    painter:
        Draws; None for a `Painter` with defaults.
    done:
        Told of every frame.

    Whatever ends it, also an exception, what was written up to then is finished and whole.
    """
    outcome, painter, started = Outcome(), painter or Painter(), time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(video)
        window = stack.enter_context(Window(video.info.name)) if show else None
        results = None if stem is None else stack.enter_context(AllResults(stem, formats))
        writer = _Writer(video, stem) if stem is not None and draw else None
        if writer is not None:
            stack.callback(writer.close)
        if stem is not None:
            outcome.files = output_files(stem, formats, draw)
        drawing = (draw and stem is not None) or show

        def finished() -> Iterator[tuple[Frame, People, Any]]:
            for frame, people in video:
                yield frame, people, painter(frame.image, people, frame.time) if drawing else None

        ahead = stack.enter_context(Ahead(finished(), _ENCODED_AHEAD))
        try:
            for frame, people, picture in ahead:
                if results is not None:
                    results.add(frame, people)
                if writer is not None:
                    writer.write(picture, frame.time)
                outcome.frames, outcome.people = outcome.frames + 1, outcome.people + len(people)
                outcome.last_time = frame.time
                done(frame, people)
                if window is not None and not window.show(picture):
                    break
        finally:
            outcome.seconds = time.monotonic() - started
    return outcome


class _Writer:
    """The drawn video, which is opened when its first frame is there."""

    def __init__(self, video: TrackedVideo, stem: Path) -> None:
        self._video, self._path = video, stem.with_name(f"{stem.name}_people.mp4")
        self._writer: VideoWriter | None = None
        self._failed = False

    def write(self, picture: Any, seconds: float) -> None:
        """The next frame."""
        if self._writer is None:
            source, options = self._video.source, self._video.source.options
            sound = source.address if isinstance(source, AvSource) and source.info.has_audio else None
            base = source.base or 0.0 if isinstance(source, AvSource) else 0.0
            self._writer = VideoWriter(
                self._path, rate=self._video.info.rate, sound=sound, start=seconds, end=options.end, base=base,
                sample_aspect_ratio=source.sample_aspect_ratio if isinstance(source, AvSource) else None,
            )  # fmt: skip
        try:
            self._writer.write(picture, seconds)
        except OSError as error:
            self._failed = True
            raise OSError(
                f"{str(self._path)!r} ends at {seconds:.2f} s, since no more could be written: {error}"
            ) from error

    def close(self) -> None:
        """Finish the file, if there is one; where writing has failed already, as far as that goes."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            try:
                writer.close()
            except OSError:
                if not self._failed:
                    raise
