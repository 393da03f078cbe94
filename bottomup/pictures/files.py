"""Picture files, and bytes that hold one: the only place where the pixels of a file are decoded.

Only the formats of `FORMATS` are opened, by their content and not by their name, and no other program is ever started.
Metadata never cost a picture: they are taken out before the decoder sees it (`containers`).
"""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
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

from bottomup.pictures.containers import (
    Container,
    ends_in_zeros,
    exif_orientation,
    format_of,
    strip_metadata,
    without_end,
)
from bottomup.pictures.opencv import decode_by_opencv
from bottomup.pictures.pixels import BgrImage, on_white, to_bgr, upright

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""What is read, by Pillow's names; PPM stands for PBM and PGM too."""

MAX_PIXELS = 89_478_485
"""Pixels of the largest picture that is read: a quarter of a gigabyte of RGB, as Pillow has it."""
# Less for AVIF, whose decoder keeps its own planes beside the picture, for JPEG 2000, whose decoder takes 18 bytes a
# pixel, and for progressive JPEG, of which all coefficients are kept: no file takes more memory than a plain JPEG.
_MAX_PIXELS = {"AVIF": MAX_PIXELS // 2, "JPEG2000": MAX_PIXELS // 4, "progressive JPEG": 2 * MAX_PIXELS // 3}
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
_ZEROS = "it is damaged: it ends in zeros"


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
        If it is of no format in `FORMATS`, damaged, truncated, larger than `MAX_PIXELS` (two thirds of that for
        progressive JPEG, half for AVIF, a quarter for JPEG 2000), or holds floating-point or 32-bit values.
    """
    return decode_content(lambda: data, least)


def decode_content(read: Callable[[], bytes], least: Callable[[int, int], int] | None = None) -> DecodedImage:
    """`decode_bytes` of what `read` gives; it is let go as soon as it is not needed, so nothing else should hold it."""
    data = read()
    kind = _known_format(data)
    container = strip_metadata(data, kind)
    del data
    if container.size is not None:
        _check_size(container.size, f"progressive {kind}" if container.progressive else kind)
    try:
        if kind == "WEBP":
            pixels, size = _webp(container.data), container.size
        elif kind == "AVIF":
            pixels, size = _avif(container.data)
        else:
            content, container = [container.data], replace(container, data=b"")
            pixels, size = _by_pillow(content, kind, container.ends, least)
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
            with _opened(io.BytesIO(container.data), kind) as picture:
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
    content: list[bytes], kind: str, ends: bool, least: Callable[[int, int], int] | None
) -> tuple[BgrImage, tuple[int, int]]:
    """The pixels as stored, and their (height, width) before any reduction.

    content: holds the file alone, and nothing afterwards: the pixels are converted when it is gone.
    """
    data = content.pop()
    zeros = kind == "JPEG2000" and ends_in_zeros(data)
    whole = None if ends or kind != "JPEG" else _checksum(without_end(data), least)
    stream = io.BytesIO(data)
    del data
    with _opened(stream, kind) as picture:
        size = (picture.height, picture.width)
        _check_size(size, kind)
        if kind == "JPEG":
            _reduce(picture, least)
        picture.load()
        picture.fp = None
        stream.close()
        pixels = to_bgr(picture)
    if whole is not None and zlib.crc32(pixels.data) != whole:
        raise ValueError("it is truncated: its last pixels are missing")
    if zeros:
        raise ValueError(_ZEROS)
    return pixels, size


def _checksum(jpeg: bytes, least: Callable[[int, int], int] | None) -> int:
    """Of the pixels."""
    with _opened(io.BytesIO(jpeg), "JPEG") as picture:
        _reduce(picture, least)
        picture.load()
        return zlib.crc32(to_bgr(picture).data)


def _webp(data: bytes) -> BgrImage:
    """By OpenCV, which gives the very pixels that Pillow gives, in half the memory."""
    pixels = decode_by_opencv(data, cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("it is damaged or truncated")
    return np.ascontiguousarray(on_white(pixels) if pixels.shape[2] == 4 else pixels, np.uint8)


def _avif_without_metadata(data: bytes, error: Exception) -> tuple[BgrImage, tuple[int, int]]:
    pixels = decode_by_opencv(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise ValueError(_reason(error)) from error
    return np.asarray(pixels, np.uint8), (pixels.shape[0], pixels.shape[1])


def _avif(data: bytes) -> tuple[BgrImage, tuple[int, int]]:
    """The pixels upright, and their (height, width)."""
    with _opened(io.BytesIO(data), "AVIF") as picture:
        _check_size((picture.height, picture.width), "AVIF")
        orientation = _orientation(picture)  # its own beside EXIF's, which Pillow joins
        # Pillow would keep the planes and a copy beside the pixels.
        shape, colours = (picture.height, picture.width, -1), picture.mode
        frame = picture._decoder.get_frame(0)[0]
        picture._decoder = None
    decoded = np.frombuffer(frame, np.uint8).reshape(shape)
    del frame
    rgb = np.broadcast_to(decoded, (*shape[:2], 3)) if colours == "L" else decoded
    pixels = upright((on_white(rgb) if colours == "RGBA" else rgb)[:, :, ::-1], orientation)
    if ends_in_zeros(data):
        raise ValueError(_ZEROS)
    return pixels, (pixels.shape[0], pixels.shape[1])


def _opened(stream: io.BytesIO, kind: str) -> Any:
    """Pillow's reader of this format alone, which opens nothing but these bytes."""
    if kind not in ("AVIF", "TIFF"):
        return _PLUGINS[kind](stream)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on EXIF and tags, read at once; wrong pixels are an error
        return _PLUGINS[kind](stream)


def _reduce(picture: Any, least: Callable[[int, int], int] | None) -> None:
    if least is None:
        return
    height, width = picture.height, picture.width
    needed = max(1, least(height, width))
    share = needed / max(height, width)
    if share <= 0.5:
        picture.draft(None, (int(np.ceil(width * share)), int(np.ceil(height * share))))


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
