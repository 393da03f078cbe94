"""Files around pixels: strange metadata cost nothing, damage is told."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bottomup.image import read_image, to_bgr
from bottomup.pictures.containers import strip_metadata
from bottomup.pictures.files import decode_bytes, picture_size
from tests.makers.pictures import (
    JPEG,
    NOISE,
    PNG,
    SMOOTH,
    STRANGE,
    TEXT_FOR_RATIO,
    TURN,
    chunk,
    content,
    exif,
    in_jpeg,
    in_png,
)


@pytest.mark.parametrize("name", sorted(STRANGE))
def test_metadata_do_not_cost_the_picture(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "photo"
    path.write_bytes(STRANGE[name])
    read = read_image(path)
    assert np.abs(read[:, :, ::-1].astype(int) - SMOOTH).max() <= 40
    np.testing.assert_array_equal(read, to_bgr(STRANGE[name]))
    assert capfd.readouterr() == ("", "")


def test_orientation_is_found_beside_what_cannot_be_read() -> None:
    turned = np.rot90(SMOOTH, -1)
    for data in (in_jpeg(0xE1, exif(TURN, TEXT_FOR_RATIO)), in_png(chunk(b"eXIf", exif(TURN, TEXT_FOR_RATIO)[6:]))):
        decoded = decode_bytes(data)
        assert decoded.size == (80, 60)
        assert decoded.warning is None
        assert np.abs(decoded.pixels[:, :, ::-1].astype(int) - turned).max() <= 40


def test_what_cannot_be_read_of_the_orientation_is_told() -> None:
    assert decode_bytes(PNG).warning is None
    for name in ("PNG with garbage for EXIF", "JPEG with garbage for EXIF", "WebP with garbage for EXIF"):
        assert decode_bytes(STRANGE[name]).warning == "its EXIF data cannot be read, so it is not turned upright"


@pytest.mark.parametrize(
    "strange",
    [
        chunk(b"iTXt", b"prompt\0\1\0\0\0" + zlib.compress(b"a" * 2_000_000)),
        chunk(b"iCCP", b"p\0\0" + zlib.compress(b"a" * 2_000_000)),
        chunk(b"gAMA", b"\0"),
        chunk(b"sRGB", b""),
        chunk(b"tEXt", b"a\0b")[:-4] + b"\0\0\0\0",
    ],
)
def test_a_png_that_pillow_opens_only_from_behind_is_read(strange: bytes) -> None:
    """Before the pixels, `Image.open` itself fails, which its caller sees: then the path or the bytes are read."""
    with pytest.raises((ValueError, OSError)), Image.open(io.BytesIO(in_png(strange))):
        pass
    np.testing.assert_array_equal(to_bgr(in_png(strange))[:, :, ::-1], SMOOTH)
    with Image.open(io.BytesIO(PNG[:-12] + strange + PNG[-12:])) as opened:
        np.testing.assert_array_equal(to_bgr(opened)[:, :, ::-1], SMOOTH)


def test_an_opened_picture_survives_its_metadata() -> None:
    for data in (in_jpeg(0xE1, exif(TURN, TEXT_FOR_RATIO)), STRANGE["PNG with garbage for EXIF"], JPEG[:-2]):
        with Image.open(io.BytesIO(data)) as picture:
            np.testing.assert_array_equal(to_bgr(picture), to_bgr(data))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}, {"restart_marker_rows": 1}])
def test_a_jpeg_without_end_whose_pixels_are_there(options: dict[str, Any]) -> None:
    whole = content("JPEG", NOISE, **options)
    decoded = decode_bytes(whole[:-2])
    np.testing.assert_array_equal(decoded.pixels, decode_bytes(whole).pixels)
    assert decoded.warning == "it lacks its end marker; the last pixels may be missing"
    for cut in (10, 100, 10_000):
        with pytest.raises(ValueError, match="truncated"):
            decode_bytes(whole[:-cut])


def test_a_png_without_end_whose_pixels_are_there() -> None:
    decoded = decode_bytes(PNG[:-12])
    np.testing.assert_array_equal(decoded.pixels[:, :, ::-1], SMOOTH)
    assert decoded.warning == "it lacks its end; the last pixels may be missing"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_tail_of_zeros_is_damage(kind: str, share: float) -> None:
    data = content(kind, NOISE)
    kept = int(len(data) * share)
    with pytest.raises(ValueError, match=r"damaged|truncated|complete"):
        decode_bytes(data[:kept] + bytes(len(data) - kept))


def test_a_wrong_checksum_of_pixels_is_damage() -> None:
    data = bytearray(content("PNG", NOISE))
    data[len(data) // 2] ^= 1
    with pytest.raises(ValueError, match="it is damaged: the checksum of its IDAT chunk is wrong"):
        decode_bytes(bytes(data))


def test_a_scan_for_each_colour_is_kept_whole_as_well() -> None:
    """What a sequential JPEG of three scans begins with: the first has one colour of three."""
    data = content("JPEG")
    at = data.index(b"\xff\xda") + 4
    assert data[at] == 3
    assert not strip_metadata(data, "JPEG").progressive
    assert strip_metadata(data[:at] + b"\1" + data[at + 1 :], "JPEG").progressive
    assert strip_metadata(content("JPEG", progressive=True), "JPEG").progressive


@pytest.mark.parametrize("name", STRANGE)
def test_sizes_are_told_whatever_the_metadata(name: str) -> None:
    _, height, width = picture_size(STRANGE[name])
    assert decode_bytes(STRANGE[name]).pixels.shape == (height, width, 3)


@pytest.mark.parametrize(
    ("tag", "entry"), [(259, struct.pack("<HHII", 259, 3, 900, 2**31)), (257, struct.pack("<HHII", 257, 3, 2, 60))]
)
def test_a_tiff_whose_directory_is_damaged_is_refused_without_a_warning(tag: int, entry: bytes) -> None:
    data = content("TIFF")
    (at,) = struct.unpack_from("<I", data, 4)
    while struct.unpack_from("<H", data, at + 2) != (tag,):
        at += 12
    with pytest.raises(ValueError, match=f"it is damaged: its tag {tag} "):
        decode_bytes(data[: at + 2] + entry + data[at + 14 :])
