"""What `bottomup detect` does: gather pictures, run the detector over them, write results as they come."""

from __future__ import annotations

import itertools
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from bottomup.image import PICTURE_SUFFIXES, BgrImage, read_image

if TYPE_CHECKING:
    from bottomup.people import People

SAMPLE = "photographer"
_JPEG_SIDE_LIMIT = 65_500  # libjpeg's
_NAMED = 5  # files in a folder that are no pictures and are told one by one


@dataclass(frozen=True)
class Source:
    """A picture to look at.

    path: where it lies; None is the sample.
    name: its file name, or the path as given where two pictures of the run have the same file name.
    stem: begins the names of its output files; no two of a run share it.
    image_id: its number in COCO results; no two of a run share it.
    """

    path: Path | None
    name: str
    stem: str
    image_id: int

    def read(self) -> BgrImage:
        """The picture, (H, W, 3) uint8 BGR; errors as `bottomup.image.read_image`."""
        return sample_image() if self.path is None else read_image(self.path)


@dataclass(frozen=True)
class Outcome:
    """What came of one picture: how many people and the best score, or else why it failed."""

    source: Source
    num_people: int = 0
    best_score: float = 0.0
    error: str | None = None


def sample_image() -> BgrImage:
    """scikit-image's `camera`: a man who takes a picture (Lav Varshney, CC0); grey, as BGR.

    Raises ImportError, saying what to install, if scikit-image is missing.
    """
    try:
        from skimage import data
    except ImportError as error:
        raise ImportError("the sample photo is part of scikit-image: pip install 'bottomup[sample]'") from error
    grey = data.camera()  # type: ignore[no-untyped-call]
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


def gather_sources(arguments: Sequence[Path], *, sample: bool) -> list[Source]:
    """The pictures that the command line names, in its order; a folder stands for the pictures in it, by name.

    A file that does not exist or is no picture is kept: it is reported when its turn comes.

    Raises ValueError if that is nothing at all.
    """
    paths: list[Path | None] = [None] if sample else []
    for argument in arguments:
        if argument.is_dir():
            inside = [path for path in sorted(argument.iterdir()) if _is_picture(path)]
            if not inside:
                suffixes = " ".join(sorted(PICTURE_SUFFIXES))
                raise ValueError(
                    f"{str(argument)!r} must be a folder of pictures but has none (subfolders do not count, "
                    f"and pictures end in {suffixes})"
                )
            paths += inside
        else:
            paths.append(argument)
    paths = list(dict.fromkeys(paths))
    if not paths:
        raise ValueError("name pictures or a folder of them, or use --sample")
    bare = [SAMPLE if path is None else path.name for path in paths]
    count = Counter(bare)
    names = [
        name if path is None or count[name] == 1 else path.as_posix() for name, path in zip(bare, paths, strict=True)
    ]
    # A picture whose name is not its own is told apart by its folder: one_a and two_a for one/a.jpg and two/a.jpg.
    beginnings = [
        name if path is None or count[name] == 1 or not path.parent.name else f"{path.parent.name}_{name}"
        for name, path in zip(bare, paths, strict=True)
    ]
    columns = zip(paths, names, unique_stems(beginnings), image_ids(bare), strict=True)
    return [Source(*column) for column in columns]


def _is_picture(path: Path) -> bool:
    """Hidden files are none: ._a.jpg is what macOS keeps beside a.jpg."""
    return not path.name.startswith(".") and path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()


def left_out(arguments: Sequence[Path]) -> list[str]:
    """A sentence for each folder that holds more than pictures: what `gather_sources` did not take. Hidden files go
    without saying."""
    sentences = []
    for folder in dict.fromkeys(argument for argument in arguments if argument.is_dir()):
        names = [
            f"{path.name}/" if path.is_dir() else path.name
            for path in sorted(folder.iterdir())
            if not _is_picture(path) and not path.name.startswith(".")
        ]
        if names:
            shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
            sentences.append(f"{folder}: not taken for pictures: {shown}")
    return sentences


def unique_stems(names: Iterable[str]) -> list[str]:
    """A different stem for each file name: its own; where that is taken, with the suffix; then with a number.

    >>> unique_stems(["a.jpg", "a.png", "a.png"])
    ['a', 'a_png', 'a_png_2']
    """
    taken: set[str] = set()
    stems = []
    for name in names:
        stem, suffix = Path(name).stem, Path(name).suffix.lstrip(".")
        longer = f"{stem}_{suffix}" if suffix else stem
        tries: Iterator[str] = iter((stem, longer))
        number = 1
        chosen = next(tries)
        while chosen.casefold() in taken:  # some file systems do not tell a.jpg from A.jpg
            number += 1
            chosen = next(tries, f"{longer}_{number - 1}")
        taken.add(chosen.casefold())
        stems.append(chosen)
    return stems


def image_ids(names: Sequence[str]) -> list[int]:
    """COCO image ids: the stem where it is a number (000000000139.jpg is 139), else the next number that is free."""
    ids: list[int | None] = []
    taken: set[int] = set()
    for name in names:
        stem = Path(name).stem
        number = int(stem) if stem.isascii() and stem.isdecimal() and len(stem) < 19 else None
        ids.append(number if number not in taken else None)
        taken.update({number} if number is not None else ())
    free = (number for number in range(1, len(names) + len(taken) + 1) if number not in taken)
    return [next(free) if number is None else number for number in ids]


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


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that is either as it was or complete, whatever happens meanwhile."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def run(detector: Callable[[BgrImage], Any], sources: Iterable[Source], results: Results | None) -> Iterator[Outcome]:
    """Look at one picture after the other; one that fails is reported and the next one follows."""
    for source in sources:
        try:
            image = source.read()
            people: People = detector(image)
            if results is not None:
                results.add(source, image, people)
        except Exception as error:  # whatever is wrong with one picture must not cost the results of the others
            text = str(error) if isinstance(error, (OSError, ValueError)) else f"{type(error).__name__}: {error}"
            yield Outcome(source, error=text)
        else:
            yield Outcome(source, len(people), float(max(people.scores, default=0.0)))
