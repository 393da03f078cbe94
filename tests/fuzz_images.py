"""Mutated pictures: whatever a file holds, it is read or refused with a ValueError, soon and within 4 GB.

    python -m tests.fuzz_images --count 5000 --seed 0

Each picture has a seed of its own, which is printed with what went wrong; `--seed N --count 1` makes it again. The
pictures are read in a process of their own, so that a crash, a hang and memory without bound are seen and counted.
"""

from __future__ import annotations

import argparse
import io
import resource
import subprocess
import sys
import tempfile
import threading
import warnings
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from bottomup.image import decode_image, image_size, to_bgr

MEMORY = 4 << 30  # bytes of a process that reads them
PATIENCE = 120.0  # seconds for one picture, on a machine that may have other things to do
# What libtiff tells stderr of damage, and cannot be asked not to.
_LIBTIFF = (
    "tempfile.tif:",
    "Fax",
    "TIFF",
    "JPEGLib:",
    "ZIPDecode",
    "LZWDecode",
    "MissingRequired",
)
Bytes = bytearray
Rng = np.random.Generator


@cache
def seeds() -> tuple[bytes, ...]:
    """Whole pictures of every format, with what cameras and programs write into them."""
    small = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(cv2.resize(small, (80, 60), interpolation=cv2.INTER_CUBIC))
    exif = Image.Exif()
    exif[0x112], exif[0x10F] = 6, "camera"
    clear = image.copy()
    clear.putalpha(100)
    wanted: list[tuple[Image.Image, str, dict[str, Any]]] = [
        (image, "JPEG", {"exif": exif, "comment": "a"}),
        (image, "JPEG", {"progressive": True, "subsampling": 0}),
        (image.convert("CMYK"), "JPEG", {}),
        (image.convert("L"), "JPEG", {"restart_marker_rows": 1}),
        (image, "PNG", {"exif": exif}),
        (clear, "PNG", {}),
        (image.convert("P"), "PNG", {"transparency": 3}),
        (image.convert("1"), "PNG", {}),
        (image.convert("LA"), "PNG", {}),
        (image, "WEBP", {"exif": exif}),
        (clear, "WEBP", {"lossless": True}),
        (image, "WEBP", {"save_all": True, "append_images": [image.rotate(90)]}),
        (image, "GIF", {}),
        (image, "GIF", {"save_all": True, "append_images": [image.rotate(90)]}),
        (image, "BMP", {}),
        (image.convert("P"), "BMP", {}),
        (image, "PPM", {}),
        (image.convert("1"), "PPM", {}),
        (image, "TIFF", {"exif": exif}),
        (image, "TIFF", {"compression": "tiff_lzw"}),
        (image, "TIFF", {"compression": "jpeg"}),
        (image, "TIFF", {"compression": "tiff_adobe_deflate"}),
        (image.convert("1"), "TIFF", {"compression": "group4"}),
        (image.convert("P"), "TIFF", {}),
        (image, "AVIF", {"exif": exif}),
        (clear, "AVIF", {}),
        (image, "JPEG2000", {}),
        (image.convert("L"), "JPEG2000", {"irreversible": True, "no_jp2": True}),
    ]
    made = []
    for picture, kind, options in wanted:
        stream = io.BytesIO()
        picture.save(stream, kind, **options)
        made.append(stream.getvalue())
    deep: Any = np.asarray(image, np.uint16) * 257
    made += [cv2.imencode(ending, deep)[1].tobytes() for ending in (".png", ".tif")]
    return tuple(made)


def mutated(seed: int) -> bytes:
    """One of the pictures with one to six changes."""
    rng = np.random.default_rng(seed)
    pictures = seeds()
    data = Bytes(pictures[rng.integers(len(pictures))])
    for _ in range(rng.integers(1, 7)):
        if not data:
            break
        _CHANGES[rng.integers(len(_CHANGES))](data, rng)
    return bytes(data)


def _place(data: Bytes, rng: Rng) -> int:
    """A place in the file: every other time among the first bytes, where the sizes are."""
    return int(rng.integers(min(len(data), 64 if rng.random() < 0.5 else len(data))))


def _flip(data: Bytes, rng: Rng) -> None:
    for _ in range(int(rng.integers(1, 9))):
        data[_place(data, rng)] ^= 1 << int(rng.integers(8))


def _overwrite(data: Bytes, rng: Rng) -> None:
    value: Any = rng.choice(np.array([0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 65_000, 20_000]))
    size, order = int(rng.choice([1, 2, 4])), "big" if rng.random() < 0.5 else "little"
    at = _place(data, rng)
    data[at : at + size] = (int(value) & ((1 << 8 * size) - 1)).to_bytes(size, order)  # type: ignore[arg-type]


def _cut(data: Bytes, rng: Rng) -> None:
    del data[int(rng.integers(len(data))) :]


def _remove(data: Bytes, rng: Rng) -> None:
    at = _place(data, rng)
    del data[at : at + int(rng.integers(1, 64))]


def _repeat(data: Bytes, rng: Rng) -> None:
    at, length = _place(data, rng), int(rng.integers(1, 256))
    data[at:at] = data[at : at + length] * int(rng.integers(1, 20))


def _insert(data: Bytes, rng: Rng) -> None:
    at = _place(data, rng)
    data[at:at] = rng.bytes(int(rng.integers(1, 200)))


def _blank(data: Bytes, rng: Rng) -> None:
    at, length = _place(data, rng), int(rng.integers(1, 2000))
    data[at : at + length] = bytes(len(data[at : at + length]))


def _splice(data: Bytes, rng: Rng) -> None:
    other = seeds()[rng.integers(len(seeds()))]
    at = _place(data, rng)
    start = int(rng.integers(len(other)))
    data[at:] = other[start:]


_CHANGES = (_flip, _flip, _overwrite, _overwrite, _cut, _remove, _repeat, _insert, _blank, _splice)


def look(data: bytes, path: Path) -> str:
    """What becomes of a picture by each way in: "read", "refused", or a sentence on what is wrong."""
    path.write_bytes(data)
    found = set()
    ways = {
        "bytes": lambda: decode_image(data).pixels,
        "reduced": lambda: decode_image(path, least=lambda height, width: 20).pixels,
        "size": lambda: image_size(path),
        "opened": lambda: _opened(path),
    }
    for way, read in ways.items():
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                pixels: npt.NDArray[np.uint8] | Any = read()
                found.add("read" if way != "size" else "")
                if way != "size" and pixels is not None and (pixels.ndim, pixels.dtype) != (3, np.uint8):
                    return f"{way}: gives {pixels.shape} {pixels.dtype}"
            except ValueError:
                found.add("refused")
            except BaseException as error:  # each is a finding
                return f"{way}: {type(error).__name__}: {error}"
        if told and way != "opened":
            return f"{way}: warns {told[0].message}"
    return "read" if "read" in found else "refused"


def _opened(path: Path) -> npt.NDArray[np.uint8] | None:
    """By Pillow's own `Image.open`, of which only what follows is the package's."""
    try:
        picture = Image.open(path, formats=("JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM", "TIFF", "AVIF", "JPEG2000"))
    except Exception:
        return None
    with picture:
        if picture.width * picture.height > 4_000_000:
            return None  # Pillow has its own limit, which a caller that opens files may change
        return to_bgr(picture)


def work(seed: int, count: int) -> None:
    """In a process of its own: a line for each picture, before and after it."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(seed, seed + count):
            print(f"{number}\tbegun", flush=True)
            print(f"{number}\t{look(mutated(number), Path(folder) / 'picture')}", flush=True)


def fuzz(seed: int, count: int) -> tuple[Counter[str], list[str]]:
    """How many were read and refused, and what was found, each with its seed."""
    counts: Counter[str] = Counter()
    found: list[str] = []
    at, end = seed, seed + count
    while at < end:
        command = [sys.executable, "-m", "tests.fuzz_images", "--work", "--seed", str(at), "--count", str(end - at)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        begun = at
        alarm = threading.Timer(PATIENCE, process.kill)
        for line in process.stdout:
            number, what = line.rstrip("\n").split("\t", 1)
            alarm.cancel()
            alarm = threading.Timer(PATIENCE, process.kill)
            alarm.start()
            begun = int(number)
            if what != "begun":
                counts[what if what in ("read", "refused") else "wrong"] += 1
                at = begun + 1
                if what not in ("read", "refused"):
                    found.append(f"seed {number}: {what}")
        alarm.cancel()
        _, errors = process.communicate()
        told = [line for line in errors.splitlines() if not line.startswith(_LIBTIFF)]
        if told:
            found.append(f"seeds {seed} to {begun}: stderr has {told[-3:]}")
        if process.returncode and at < end:
            what = "hangs" if process.returncode == -9 else f"ends the process with {process.returncode}"
            found.append(f"seed {begun}: {what}")
            counts["wrong"] += 1
            at = begun + 1
    return counts, found


def main() -> int:
    """The exit code: 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.seed, options.count)
        return 0
    counts, found = fuzz(options.seed, options.count)
    print(f"seeds {options.seed} to {options.seed + options.count - 1}: {dict(counts)}")
    print(*found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
