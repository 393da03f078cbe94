"""Pictures in: whatever a caller may hand over becomes one thing, an (H, W, 3) uint8 array in OpenCV's BGR order."""

from __future__ import annotations

import io
import logging
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from bottomup.letterbox import PADDING_GREY, Letterbox
from bottomup.pictures.files import DecodedImage, decode_content, decode_pil, picture_size
from bottomup.pictures.pixels import BgrImage

__all__ = [
    "PADDING_GREY",
    "PICTURE_SUFFIXES",
    "BgrImage",
    "DecodedImage",
    "Letterbox",
    "decode_image",
    "image_size",
    "is_single",
    "iterate_bgr",
    "read_image",
    "to_bgr",
]

_LOG = logging.getLogger("bottomup.image")

PICTURE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
"""How the names of pictures end, in lower case: what is taken from a folder. A file that is named is tried anyway."""

_MOST_BYTES = 1 << 30  # of a file: more than the largest picture that is read takes without compression


def read_image(path: str | os.PathLike[str], *, max_size: int | None = None) -> BgrImage:
    """Read a picture from a file as 8-bit BGR, turned upright as its EXIF orientation says.

    The file is opened by its content, if that is of one of `bottomup.pictures.files.FORMATS`. Grey, palette, CMYK and
    16-bit files are converted (16 bits are scaled to 8), transparent ones are laid on white, of an animation the first
    frame is taken. Metadata that cannot be read cost nothing but, if it is EXIF, the orientation.

    Parameters
    ----------
    path:
        Of the file.
    max_size:
        Length in pixels of the longer side that is of use. A JPEG whose longer side is at least twice that comes at a
        half, a quarter or an eighth of its size, but no smaller than asked: in less time and memory. None: whole.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is empty, truncated, damaged, no picture, has more than `bottomup.pictures.files.MAX_PIXELS` pixels,
        or holds floating-point or 32-bit values. The message names the path.
    """
    if max_size is not None and max_size < 1:
        raise ValueError(f"max_size must be at least 1 but is {max_size}")
    return decode_image(path, least=None if max_size is None else lambda height, width: max_size).pixels


def decode_image(image: object, *, rgb: bool = False, least: Callable[[int, int], int] | None = None) -> DecodedImage:
    """Turn one picture of any accepted kind into contiguous 8-bit BGR, and tell its size and what is doubtful about it.

    Parameters
    ----------
    image:
        A path; the content of a file, as bytes or an open binary file; a NumPy array (H, W, 3) uint8 in OpenCV's BGR
        order; a PIL image, turned upright as its EXIF orientation says, just as its file would be; or a torch tensor
        (3, H, W), uint8 or float in 0..1, RGB. Or what this function made of one before.
    rgb:
        NumPy arrays are RGB. The other kinds say themselves what they are, and for them it is ignored.
    least:
        See `bottomup.pictures.files.decode_bytes`; for files and their content only.

    Raises
    ------
    TypeError
        If `image` is of no such kind.
    ValueError
        If its shape, dtype or values are wrong; the message says what they were and how to convert. If a file or its
        content is damaged; the message says how.
    FileNotFoundError
        If it is the path of no file.
    """
    if isinstance(image, DecodedImage):
        return image
    if isinstance(image, (str, os.PathLike)):
        return _decode(lambda: _content(image), repr(str(Path(image))), least)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return _decode(lambda: bytes(image), f"that of {len(image)} bytes", least)
    if isinstance(image, io.IOBase) and not isinstance(image, io.TextIOBase):
        return _decode(image.read, repr(getattr(image, "name", type(image).__name__)), least)
    pixels = _pixels(image, rgb=rgb)
    return DecodedImage(pixels, (pixels.shape[0], pixels.shape[1]))


def image_size(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """(width, height) in pixels of a picture file as it is shown, turned upright; None if it cannot be read."""
    try:
        _, height, width = picture_size(Path(path).read_bytes())
    except (OSError, ValueError):
        return None
    return width, height


def to_bgr(image: object, *, rgb: bool = False) -> BgrImage:
    """The pixels of one picture of any accepted kind, (H, W, 3) uint8 BGR; see `decode_image`."""
    return decode_image(image, rgb=rgb).pixels


def _content(path: str | os.PathLike[str]) -> bytes:
    if not os.fspath(path):
        raise ValueError("image must be the path of a picture but is empty")
    path = Path(os.fsdecode(path))
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise _not_there(path) from None
    except (OSError, ValueError) as error:  # a name that no file system holds
        raise FileNotFoundError(f"image must be an existing file but {str(path)!r} is none: {error}") from error
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"image must be a file but {str(path)!r} is a directory or a device")
    if status.st_size > _MOST_BYTES:
        raise ValueError(f"image must be a file of at most {_MOST_BYTES} bytes but {str(path)!r} has {status.st_size}")
    try:
        return path.read_bytes()
    except FileNotFoundError:  # since a moment ago
        raise _not_there(path) from None
    except OSError as error:
        raise ValueError(f"image must be a file that can be read but {str(path)!r} cannot: {error.strerror}") from error


def _not_there(path: Path) -> FileNotFoundError:
    hint = "; download it first, if it is an address" if path.parts[:1] in (("http:",), ("https:",)) else ""
    return FileNotFoundError(f"image must be an existing file but {str(path)!r} does not exist{hint}")


def _decode(read: Callable[[], bytes], name: str, least: Callable[[int, int], int] | None) -> DecodedImage:
    content = [read()]
    if not content[0]:
        raise ValueError(f"image must be a picture but {name} is empty")
    try:
        decoded = decode_content(content.pop, least)
    except ValueError as error:
        raise ValueError(f"image must be a complete picture but {name} cannot be read: {error}") from error
    if decoded.warning:
        _LOG.info("image %s: %s", name, decoded.warning)
    return decoded


def _pixels(image: object, *, rgb: bool) -> BgrImage:
    if isinstance(image, Image.Image):
        return decode_pil(image)
    if _is_tensor(image):
        return _array_to_bgr(_tensor_to_array(image), rgb=True)
    if isinstance(image, np.ndarray):
        return _array_to_bgr(image, rgb=rgb)
    kinds = "a path, a NumPy array, a PIL image, a torch tensor, the bytes of a file or a list of them"
    hint = ", as cv2.imread gives for a file that it cannot read" if image is None else ""
    raise TypeError(f"image must be {kinds} but is a {type(image).__name__}{hint}")


def is_single(image: object) -> bool:
    """Whether `image` is one picture, as opposed to a list, a tuple or a batch (4 dimensions)."""
    if isinstance(image, (list, tuple)):
        return False
    return getattr(image, "ndim", 3) != 4


def iterate_bgr(images: Any, *, rgb: bool = False) -> Iterator[BgrImage]:
    """The pictures of a list, a tuple, a (B, H, W, 3) array or a (B, 3, H, W) tensor, one by one, as BGR.

    An error keeps its type and says at which index it arose.
    """
    for index, image in enumerate(images):
        try:
            picture = to_bgr(image, rgb=rgb)
        except (TypeError, ValueError, FileNotFoundError) as error:
            raise type(error)(f"image {index} of {len(images)}: {error}") from error
        yield picture


def _is_tensor(image: object) -> bool:
    """Without importing torch: there is no tensor where it is not loaded."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(image, torch.Tensor)


def _tensor_to_array(tensor: Any) -> npt.NDArray[Any]:
    """A (3, H, W) tensor as an (H, W, 3) uint8 array, still RGB."""
    if tensor.ndim != 3 or tensor.shape[0] != 3:
        raise ValueError(f"image must be a tensor of shape (3, H, W) but has {tuple(tensor.shape)}")
    tensor = tensor.detach().permute(1, 2, 0).cpu()
    if tensor.is_floating_point():
        # Not in torch: in a forked process its threads may wait for ever.
        values = (tensor.float() if "bfloat16" in str(tensor.dtype) else tensor).numpy()
        low, high = float(values.min(initial=0.0)), float(values.max(initial=1.0))
        # Less than half a grey level beyond 0..1 is what resizing and half precision leave behind.
        if not (low > -0.5 / 255 and high < 1 + 0.5 / 255):
            raise ValueError(f"image must be a float tensor within 0..1 but holds {low:g} to {high:g}")
        eight = np.empty(values.shape, np.uint8)
        for row, grey in zip(values, eight, strict=True):  # one at a time, lest copies in higher precision pile up
            grey[:] = np.clip(np.round(row.astype(np.float32) * 255), 0, 255)
        return eight
    array: npt.NDArray[Any] = tensor.numpy()
    return array


def _array_to_bgr(array: npt.NDArray[Any], *, rgb: bool) -> BgrImage:
    shape, expected = array.shape, "image must be an array of shape (H, W, 3) and dtype uint8"
    if array.ndim != 3 or shape[2] != 3:
        hint = ""
        if array.ndim == 2 or (array.ndim == 3 and shape[2] == 1):
            hint = "; cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) makes three channels of one"
        elif array.ndim == 3 and shape[2] == 4:
            hint = "; image[:, :, :3] leaves the alpha channel out"
        elif array.ndim == 3 and shape[0] == 3:
            hint = "; image.transpose(1, 2, 0) puts the channels last"
        raise ValueError(f"{expected} but has shape {shape}, dtype {array.dtype}{hint}")
    if array.dtype != np.uint8:
        hint = ""
        if array.dtype == np.uint16:
            hint = "; (image // 257).astype('uint8') converts 16 bits to 8"
        elif np.issubdtype(array.dtype, np.floating):
            hint = (
                "; (image * 255).round().astype('uint8') converts values in 0..1, image.round().astype('uint8') 0..255"
            )
        raise ValueError(f"{expected} but has dtype {array.dtype}{hint}")
    if 0 in shape:
        raise ValueError(f"{expected} with at least one pixel but has shape {shape}")
    return np.ascontiguousarray(array[:, :, ::-1] if rgb else array)
