"""The folder of a run over pictures: results and drawings, each written as soon as it is known."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2

from bottomup._files import FolderLock, JsonLog, write_atomically
from bottomup.image import BgrImage
from bottomup.jobs.formats import TOGETHER, Rows, begin_yolo, log_row, write_openpose, write_together, write_yolo
from bottomup.jobs.rows import Row, error_row, explain, picture_row, plain_text
from bottomup.jobs.runner import Outcome, OutputError
from bottomup.jobs.sources import Source
from bottomup.people import People
from bottomup.skeleton import Skeleton

_JPEG_SIDE_LIMIT = 65_500  # libjpeg's
_DRAWINGS = (".jpg", ".png")  # the second for pictures that are too long for the first


def check_drawings(sources: Iterable[Source], folder: Path) -> None:
    """ValueError if a drawing could replace one of the pictures, as for a.jpg and a_people.jpg in `folder`."""
    pictures = {source.path.resolve() for source in sources if source.path is not None}
    drawings = (folder / f"{source.stem}_people{suffix}" for source in sources for suffix in _DRAWINGS)
    if lost := next((drawing for drawing in drawings if drawing.resolve() in pictures), None):
        raise ValueError(f"--out must be a folder where no drawing can replace a picture but one could: {str(lost)!r}")


class Results:
    """The files of a run. Each picture's are written as soon as it is done, and never half.

    Formats of one file for all pictures are put together by `close`. Until then each picture is a line of JSON, its row
    (`bottomup.jobs.rows`), in a file whose name ends in `.partial`, which survives even if the process is killed; the
    next run adds a number to its name, which is `kept`.

    Parameters
    ----------
    folder:
        Made if it does not exist. One program at a time may have it.
    formats:
        Of `bottomup.jobs.formats.FORMATS`.
    draw:
        Save each picture with the people drawn on it, as `STEM_people.jpg`.
    skeleton, network:
        What the joints are, and what files say of the network that found them.

    Raises
    ------
    ValueError
        If the folder cannot be made or written to, or another program has it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        formats: Sequence[str],
        draw: bool,
        skeleton: Skeleton,
        network: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder, self.formats, self.draw = folder, tuple(formats), draw
        self._skeleton, self._network = skeleton, network or {}
        self._lock = FolderLock(folder, argument="--out")
        self._log: JsonLog | None = None
        self._lines: dict[str, tuple[int, int]] = {}  # stem of a picture: where its line begins and ends
        self.kept: Path | None = None
        together = [TOGETHER[name][0] for name in formats if name in TOGETHER]
        try:
            if together:
                partial = folder / f"{together[0]}.partial"
                self.kept = _put_aside(partial)
                self._log = JsonLog(partial)
            if "yolo" in formats:
                begin_yolo(folder, skeleton)
        except OSError as error:
            self._lock.release()
            raise ValueError(
                f"--out must be a folder that can be written to but is {str(folder)!r}: {error}"
            ) from error

    def finish(self, source: Source, image: BgrImage, people: People) -> None:
        """Write one picture's own files; may be called from several threads. OutputError if the folder takes none."""
        try:
            if "openpose" in self.formats:
                write_openpose(self.folder, source, people)
            if "yolo" in self.formats:
                write_yolo(self.folder, source, image.shape, people)
            if self.draw:
                suffix = _DRAWINGS[0] if max(image.shape) < _JPEG_SIDE_LIMIT else _DRAWINGS[1]
                _, data = cv2.imencode(suffix, people.draw(image), [cv2.IMWRITE_JPEG_QUALITY, 95])
                write_atomically(self.folder / f"{source.stem}_people{suffix}", data.tobytes())
        except OSError as error:
            raise OutputError(f"results cannot be kept in {str(self.folder)!r}: {error}") from error

    def add(self, outcome: Outcome[Source]) -> None:
        """Keep what came of one picture. OutputError if that cannot be done, as on a full disk."""
        if self._log is None:
            return
        source = outcome.source
        path = plain_text(source.name if source.path is None else str(source.path))
        row: Row
        if outcome.people is None:
            row = error_row(path, plain_text(explain(outcome.error or ValueError("no result"))))
        else:
            row = picture_row(path, outcome.shape, outcome.people)
        start = self._log.length
        try:
            self._log.add(log_row(row, source))
        except OSError as error:
            raise OutputError(f"results cannot be kept in {str(self.folder)!r}: {error}") from error
        self._lines[source.stem] = start, self._log.length

    def close(self, sources: Sequence[Source]) -> str | None:
        """Put the files of all pictures together, in the order of `sources`; a sentence if that fails, as on a full
        disk. The lines are kept then."""
        log, self._log = self._log, None
        try:
            return None if log is None else self._put_together(log, sources)
        finally:
            self._lock.release()

    def _put_together(self, log: JsonLog, sources: Sequence[Source]) -> str | None:
        def read() -> Iterator[Mapping[str, Any]]:
            places = (self._lines[source.stem] for source in sources if source.stem in self._lines)
            return (json.loads(log.read(*place)) for place in places)

        try:
            self.folder.mkdir(parents=True, exist_ok=True)  # somebody may have removed it
            write_together(self.folder, self.formats, Rows(read, self._skeleton, self._network))
        except OSError as error:
            return (
                f"results could not be put together in {str(self.folder)!r}: {error}; a line for each picture is in "
                f"{log.path.name}"
            )
        finally:
            log.close()
        log.path.unlink(missing_ok=True)
        return None


def _put_aside(partial: Path) -> Path | None:
    """Give what a killed run left a name that no run uses."""
    if not partial.exists():
        return None
    names = (partial.with_name(f"{partial.name}.{number}") for number in itertools.count(1))
    return partial.replace(next(path for path in names if not path.exists()))
