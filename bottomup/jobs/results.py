"""The files of a job that looks at pictures: results and drawings, each written as soon as it is known."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from bottomup._files import write_atomically
from bottomup.image import BgrImage
from bottomup.jobs.sources import Source

if TYPE_CHECKING:
    from bottomup.people import People

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

    COCO wants one list for all pictures. Until `close`, each person is a line of `results.json.partial`, which
    survives even if the process is killed (the next run adds a number to its name, which is `kept`); `close` makes
    `results.json` of it.
    """

    def __init__(self, folder: Path, *, format: str, draw: bool) -> None:
        self.folder, self.format, self.draw = folder, format, draw
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"--out must be a folder but {str(folder)!r} is a file")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"--out must be a folder that can be made but is {str(folder)!r}: {error}") from error
        self._partial = folder / "results.json.partial"
        self.kept: Path | None = None
        if format == "coco" and self._partial.exists():
            older = (self._partial.with_name(f"{self._partial.name}.{number}") for number in itertools.count(1))
            self.kept = self._partial.replace(next(path for path in older if not path.exists()))
        self._lines = self._partial.open("w", encoding="utf-8") if format == "coco" else None

    def add(self, source: Source, image: BgrImage, people: People) -> None:
        """Write what there is to write for one picture."""
        if self._lines is not None:
            entries = [{**entry, "file_name": source.name} for entry in people.to_coco(source.image_id)]
            self._lines.write("".join(f"{json.dumps(entry)}\n" for entry in entries))
            self._lines.flush()
        elif self.format == "openpose":
            text = json.dumps(people.to_openpose())
            write_atomically(self.folder / f"{source.stem}_keypoints.json", text.encode())
        if self.draw:
            suffix = _DRAWINGS[0] if max(image.shape) < _JPEG_SIDE_LIMIT else _DRAWINGS[1]
            _, data = cv2.imencode(suffix, people.draw(image), [cv2.IMWRITE_JPEG_QUALITY, 95])
            write_atomically(self.folder / f"{source.stem}_people{suffix}", data.tobytes())

    def close(self) -> str | None:
        """Put COCO's list together; a sentence if that fails, as on a full disk. The lines are kept then."""
        if self._lines is None:
            return None
        lines, self._lines = self._lines, None
        complete, temporary = self._partial.with_suffix(""), self._partial.with_suffix(".tmp")
        try:
            lines.close()
            self._put_together(temporary)
            temporary.replace(complete)
            self._partial.unlink()
        except OSError as error:
            return f"{str(complete)!r} could not be written: {error}; a line for each person is in {self._partial.name}"
        finally:
            temporary.unlink(missing_ok=True)
        return None

    def _put_together(self, path: Path) -> None:
        with self._partial.open(encoding="utf-8") as lines, path.open("w", encoding="utf-8") as out:
            out.write("[")
            for number, line in enumerate(lines):
                out.write((",\n" if number else "\n") + line.rstrip("\n"))
            out.write("\n]\n")
