"""Picture files, and bytes that hold one: the only place where the pixels of a file are decoded.

Only the formats of `FORMATS` are opened, by their content and not by their name, and no other program is ever started.
Metadata never cost a picture: they are taken out before the decoder sees it (`image_containers`).
"""

from __future__ import annotations

import io
import threading
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
)

from bottomup.image_containers import (
    Container,
    ends_in_zeros,
    exif_orientation,
    format_of,
    strip_metadata,
    without_end,
)
from bottomup.image_pixels import BgrImage, on_white, to_bgr, upright

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""What is read, by Pillow's names; PPM stands for PBM and PGM too."""

MAX_PIXELS = 89_478_485
"""Pixels of the largest picture that is read: a quarter of a gigabyte of RGB, as Pillow has it."""
# Less for AVIF, whose decoder keeps its own planes beside the picture, and for JPEG 2000, whose decoder takes 18 bytes
# a pixel: no file takes more memory than the largest JPEG.
_MAX_PIXELS = {"AVIF": MAX_PIXELS // 2, "JPEG2000": MAX_PIXELS // 4}
_PLUGINS: dict[str, Any] = {
    "AVIF": AvifImagePlugin.AvifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "JPEG2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
}
# Pillow hands these to Ghostscript or to Windows.
_PROGRAMS = frozenset({"EPS", "WMF", "EMF"})


@dataclass(frozen=True)
class DecodedImage:
    """A picture as it was read.

    pixels: (H, W, 3) uint8 BGR, turned upright.
    size: (height, width) of the whole picture; `pixels` may be a half, a quarter or an eighth of it, if that was asked.
    warning: what is doubtful about it, for example that its last pixels may be missing; None if nothing is.
    """

    pixels: BgrImage
    size: tuple[int, int]
    warning: str | None = None


def decode_bytes(data: bytes, *, least: Callable[[int, int], int] | None = None) -> DecodedImage:
    """Decode the content of a picture file.

    Parameters
    ----------
    data:
        The whole file.
    least:
        From the height and width of the picture to the least length in pixels that its longer side is needed in. A
        JPEG of at least twice that is decoded at a half, a quarter or an eighth, which is quicker.

    Raises
    ------
    ValueError
        If it is of no format in `FORMATS`, damaged, truncated, larger than `MAX_PIXELS` (half of that for AVIF, a
        quarter for JPEG 2000), or holds floating-point or 32-bit values.
    """
    return decode_content(lambda: data, least)


def decode_content(read: Callable[[], bytes], least: Callable[[int, int], int] | None = None) -> DecodedImage:
    """`decode_bytes` of what `read` gives; it is let go as soon as it is not needed, so nothing else should hold it."""
    data = read()
    kind = _known_format(data)
    container = strip_metadata(data, kind)
    del data
    if container.size is not None:
        _check_size(container.size, kind)
    try:
        if kind == "WEBP":
            pixels, size = _webp(container.data), container.size
        else:
            pixels, size = _by_pillow(container, kind, least)
    except (MemoryError, ValueError):
        raise
    except Exception as error:  # Pillow's readers raise OSError, SyntaxError, EOFError, struct.error and more
        if kind != "AVIF":
            raise ValueError(_reason(error)) from error
        pixels, size = _avif_without_metadata(container.data, error)
        container = Container(b"", warning="its metadata cannot be read, so it is not turned upright")
    assert size is not None
    if container.orientation >= 5:
        size = size[::-1]
    return DecodedImage(upright(pixels, container.orientation), (size[0], size[1]), container.warning)


def picture_size(data: bytes) -> tuple[str, int, int]:
    """The format, and height and width as the picture is shown, of the content of a picture file.

    Raises ValueError if it is of no format in `FORMATS` or its beginning is damaged.
    """
    kind = _known_format(data)
    container = strip_metadata(data, kind)
    size, orientation = container.size, container.orientation
    if size is None:
        try:
            with _opened(container.data, kind) as picture:
                size = (picture.height, picture.width)
                orientation = _orientation(picture) if kind == "AVIF" else orientation
        except Exception as error:  # as in decode_content
            raise ValueError(_reason(error)) from error
    height, width = size[::-1] if orientation >= 5 else size
    return kind, height, width


def decode_pil(picture: Image.Image) -> BgrImage:
    """The pixels of a PIL image, turned upright as its EXIF orientation says, if it can be read."""
    if picture.format in _PROGRAMS and getattr(picture, "tile", None):
        raise ValueError(f"image must be a picture but is a file of {picture.format}, which another program would draw")
    if 0 in picture.size:
        raise ValueError(f"image must have at least one pixel but is {picture.width} x {picture.height}")
    file = getattr(picture, "fp", None)
    try:
        picture.load()
    except Exception as error:  # Pillow reads an opened file only now: OSError, SyntaxError, EOFError, struct.error ...
        reason = f"image must be a complete picture but cannot be read: {error}"
        if file is None or file.closed or picture.tell():
            raise ValueError(reason) from error
        file.seek(0)  # the metadata in it may be at fault
        try:
            return decode_bytes(file.read()).pixels
        except ValueError as cause:
            raise ValueError(f"image must be a complete picture but cannot be read: {cause}") from error
    return upright(to_bgr(picture), _orientation(picture))


_UNREADABLE = {
    "HEIC": "it is a HEIC picture, which needs pillow-heif: after `pip install 'pillow-heif>=1.3'`, "
    "pillow_heif.read_heif(path).to_pillow() is an image that can be passed instead of the path",
    "PostScript": "it is a PostScript program and no picture",
}


def _known_format(data: bytes) -> str:
    kind = format_of(data)
    if kind not in FORMATS:
        raise ValueError(_UNREADABLE.get(kind or "", f"it is of none of the formats {', '.join(FORMATS)}"))
    return kind


def _check_size(size: tuple[int, int], kind: str) -> None:
    height, width = size
    if min(size) < 1:
        raise ValueError(f"it must have at least one pixel but is {width} x {height}")
    most = _MAX_PIXELS.get(kind, MAX_PIXELS)
    if height * width > most:
        raise ValueError(
            f"it must have at most {most / 1e6:.0f} megapixels but has {height * width / 1e6:.0f} ({width} x {height})"
        )


def _by_pillow(
    container: Container, kind: str, least: Callable[[int, int], int] | None
) -> tuple[BgrImage, tuple[int, int]]:
    """The pixels as stored, and their (height, width) before any reduction."""
    with _opened(container.data, kind) as picture:
        size = (picture.height, picture.width)
        _check_size(size, kind)
        if kind == "JPEG" and least is not None:
            _reduce(picture, least)
        picture.load()
        picture.fp = None  # AVIF's holds all pixels once more
        pixels = to_bgr(picture)
        # AVIF has an orientation of its own beside EXIF's, which Pillow joins.
        orientation = _orientation(picture) if kind == "AVIF" else 1
    if orientation > 1:
        pixels, size = upright(pixels, orientation), size[::-1] if orientation >= 5 else size
    if kind == "JPEG" and not container.ends:
        with _opened(without_end(container), kind) as picture:
            picture.draft(None, pixels.shape[1::-1])
            picture.load()
            if zlib.crc32(to_bgr(picture).data) != zlib.crc32(pixels.data):
                raise ValueError("it is truncated: its last pixels are missing")
    if kind in ("JPEG2000", "AVIF") and ends_in_zeros(container.data):
        raise ValueError("it is damaged: it ends in zeros")
    return pixels, size


def _opened(data: bytes, kind: str) -> Any:
    """Pillow's reader of this format alone, which opens nothing but these bytes."""
    if kind not in ("AVIF", "TIFF"):
        return _PLUGINS[kind](io.BytesIO(data))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on EXIF and tags, read at once; wrong pixels are an error
        return _PLUGINS[kind](io.BytesIO(data))


def _reduce(picture: Any, least: Callable[[int, int], int]) -> None:
    height, width = picture.height, picture.width
    needed = max(1, least(height, width))
    share = needed / max(height, width)
    if share <= 0.5:
        picture.draft(None, (int(np.ceil(width * share)), int(np.ceil(height * share))))


def _webp(data: bytes) -> BgrImage:
    """By OpenCV, which gives the very pixels that Pillow gives, in half the memory."""
    pixels = _by_opencv(data, cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("it is damaged or truncated")
    return np.ascontiguousarray(on_white(pixels) if pixels.shape[2] == 4 else pixels, np.uint8)


def _avif_without_metadata(data: bytes, error: Exception) -> tuple[BgrImage, tuple[int, int]]:
    pixels = _by_opencv(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise ValueError(_reason(error)) from error
    return np.asarray(pixels, np.uint8), (pixels.shape[0], pixels.shape[1])


def _by_opencv(data: bytes, flags: int) -> npt.NDArray[Any] | None:
    """The pixels, None if they cannot be had; OpenCV writes nothing about it to stderr."""
    with _quiet:
        try:
            return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        except cv2.error:
            return None


class _QuietOpenCV:
    """OpenCV's log is off while any thread is inside, and then as it was."""

    def __init__(self) -> None:
        self._lock, self._inside, self._level = threading.Lock(), 0, 0

    def __enter__(self) -> None:
        logging = cv2.utils.logging
        with self._lock:
            if self._inside == 0:
                self._level = logging.getLogLevel()
                logging.setLogLevel(logging.LOG_LEVEL_SILENT)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                cv2.utils.logging.setLogLevel(self._level)


_quiet = _QuietOpenCV()


def _reason(error: Exception) -> str:
    return str(error) or f"it is damaged ({type(error).__name__})"


def _orientation(picture: Image.Image) -> int:
    exif = picture.info.get("exif")
    if isinstance(exif, bytes) and (written := exif_orientation(exif)) is None:
        return 1
    try:
        orientation = picture.getexif().get(0x112, 1)
    except Exception:  # whatever a block of EXIF that is none makes Pillow's reader do
        orientation = written if isinstance(exif, bytes) else 1
    return orientation if orientation in range(1, 9) else 1
