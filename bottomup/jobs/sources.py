"""The pictures of a job: which there are, and what their files and ids are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from bottomup._files import NAME_LIMIT, shorten_name
from bottomup.image import PICTURE_SUFFIXES, BgrImage, DecodedImage, decode_image

SAMPLE = "photographer"
_STEM_ROOM = NAME_LIMIT - len("_keypoints.json")  # the longest of what is put behind a stem
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

    def read(self, *, least: Callable[[int, int], int] | None = None) -> DecodedImage:
        """The picture; arguments and errors as `bottomup.image.decode_image`."""
        return decode_image(sample_image() if self.path is None else self.path, least=least)


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

    It leaves room for what is put behind it, within the length that file systems allow: a longer one is shortened.

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
        chosen = shorten_name(next(tries), _STEM_ROOM)
        while chosen.casefold() in taken:  # some file systems do not tell a.jpg from A.jpg
            number += 1
            chosen = shorten_name(next(tries, f"{longer}_{number - 1}"), _STEM_ROOM)
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
