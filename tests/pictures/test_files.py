"""What files of pictures hold beside pixels, and what may be wrong with them."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from bottomup.image import decode_image, image_size, read_image, to_bgr
from bottomup.pictures import files
from bottomup.pictures.files import FORMATS, MAX_PIXELS, decode_bytes, picture_size
from tests import fuzz_images
from tests.makers.pictures import (
    NOISE,
    PNG,
    SMOOTH,
    chunk,
    content,
)


def test_programs_are_no_pictures(tmp_path: Path) -> None:
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n{ } loop\nshowpage\n"
    path = tmp_path / "photo.jpg"
    path.write_bytes(program)
    with pytest.raises(ValueError, match="it is a PostScript program and no picture"):
        read_image(path)
    with Image.open(path) as opened, pytest.raises(ValueError, match="which another program would draw"):
        to_bgr(opened)


def test_heic_names_what_reads_it() -> None:
    heic = struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + b"\0" * 100
    with pytest.raises(
        ValueError, match=r"it is a HEIC picture, which needs pillow-heif: after `pip install 'pillow-heif>=1\.3'`"
    ):
        to_bgr(heic)


MODES = {  # that Pillow writes
    "AVIF": "1 L LA P RGB RGBA CMYK",
    "BMP": "1 L P RGB RGBA",
    "GIF": "1 L LA P RGB RGBA",
    "JPEG": "1 L RGB CMYK",
    "JPEG2000": "L LA RGB RGBA CMYK I;16",
    "PNG": "1 L LA P RGB RGBA I;16",
    "PPM": "1 L RGB RGBA I;16",
    "TIFF": "1 L LA P RGB RGBA CMYK I;16",
    "WEBP": "1 L LA P RGB RGBA CMYK",
}


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind in FORMATS for mode in MODES[kind].split()])
def test_every_mode_gives_three_channels(kind: str, mode: str) -> None:
    """Whatever colours a file holds; here dark grey."""
    grey: Any = np.full((60, 80), 257 * 40, np.uint16) if mode == "I;16" else np.full((60, 80), 40, np.uint8)
    picture = Image.fromarray(grey)
    if mode != "I;16":
        picture = picture.convert("RGB").convert(mode, dither=Image.Dither.NONE)
    stream = io.BytesIO()
    picture.save(stream, kind)
    pixels = decode_bytes(stream.getvalue()).pixels
    assert pixels.shape == (60, 80, 3)
    assert pixels.flags.c_contiguous
    assert np.abs(pixels.astype(int) - (0 if mode == "1" else 40)).max() <= (20 if mode == "P" else 3)


def test_grey_avif_of_limited_range() -> None:
    """Its black is 16 and its white 235."""
    stream = io.BytesIO()
    Image.fromarray(np.repeat(np.uint8([[0, 255]]), 32, axis=1).repeat(64, 0)).save(
        stream, "AVIF", subsampling="4:0:0", range="limited", quality=100
    )
    pixels = decode_bytes(stream.getvalue()).pixels
    assert pixels.shape == (64, 64, 3)
    assert (pixels[:, :16].max(), pixels[:, -16:].min()) == (0, 255)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_read_by_content(kind: str) -> None:
    data = content(kind, SMOOTH)
    for given in (data, bytearray(data), memoryview(data), io.BytesIO(data)):
        assert np.abs(to_bgr(given)[:, :, ::-1].astype(int) - SMOOTH).mean() < 8
    with pytest.raises(ValueError, match="cannot be read"):
        to_bgr(data[:12])


# -------------------------------------------------------------------------------------------------- sizes and memory


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_too_many_pixels_are_refused_in_our_words(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_PIXELS", 4000)
    with pytest.raises(ValueError, match=r"^it must have at most 0 megapixels but has 0 \(80 x 60\)$"):
        decode_bytes(content(kind))


def test_a_header_of_many_megapixels_costs_nothing() -> None:
    bomb = PNG[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 16, 2, 0, 0, 0)) + PNG[33:]
    assert MAX_PIXELS < 60_000 * 60_000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"at most 89 megapixels but has 3600 \(60000 x 60000\)"):
            decode_bytes(bomb)


MEMORY = """
import resource, sys
import cv2, numpy as np
from bottomup.image import read_image
read_image(sys.argv[2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pixels = read_image(sys.argv[1])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / pixels.size)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is the system's")
@pytest.mark.parametrize(
    "kind",
    [
        "grey16.png", "rgb.png", "photo.jpg", "turned.jpg", "cut.jpg", "lossless.webp", "clear.png", "a.gif", "a.avif",
        "plain.bmp", "packed.tif",
    ],
)  # fmt: skip
def test_reading_takes_three_times_the_pixels_at_most(kind: str, tmp_path: Path) -> None:
    shape, options = (3000, 5000), {}
    pixels: Any = np.zeros((*shape, 3), np.uint8)
    if kind == "grey16.png":
        pixels = np.full(shape, 40_000, np.uint16)
    elif kind == "clear.png":
        pixels = np.zeros((*shape, 4), np.uint8)
    elif kind == "lossless.webp":
        options = {"lossless": True}
    elif kind == "packed.tif":
        options = {"compression": "tiff_lzw"}
    elif kind == "turned.jpg":
        turned = Image.Exif()
        turned[0x112] = 6
        options = {"exif": turned}
    Image.fromarray(pixels).save(tmp_path / kind, **options)
    Image.fromarray(pixels[:8, :8]).save(tmp_path / f"small-{kind}")
    if kind == "cut.jpg":
        (tmp_path / kind).write_bytes((tmp_path / kind).read_bytes()[:-2])
    files = [str(tmp_path / kind), str(tmp_path / f"small-{kind}")]
    done = subprocess.run([sys.executable, "-c", MEMORY, *files], capture_output=True, text=True, check=True)
    assert float(done.stdout) <= 3


@pytest.mark.parametrize(("kind", "share"), [("progressive JPEG", 1.5), ("AVIF", 2), ("JPEG2000", 4)])
def test_decoders_that_take_more_memory_get_fewer_pixels(
    kind: str, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = content("JPEG", progressive=True) if kind == "progressive JPEG" else content(kind)
    monkeypatch.setitem(files._MAX_PIXELS, kind, 80 * 60 - 1)
    with pytest.raises(ValueError, match=r"must have at most 0 megapixels but has 0 \(80 x 60\)"):
        decode_bytes(data)
    monkeypatch.undo()
    assert files._MAX_PIXELS[kind] == MAX_PIXELS // share
    assert decode_bytes(data).size == (60, 80)


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    """Each takes time for all pixels and may be a few bytes long."""
    data = content("JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    np.testing.assert_array_equal(decode_bytes(data).pixels, to_bgr(Image.open(io.BytesIO(data))))
    with pytest.raises(ValueError, match=r"^it must have at most 100 scans but has more$"):
        decode_bytes(data[:last] + 100 * data[last:-2] + data[-2:])


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("orientation", [1, 6])
def test_sizes_are_those_of_the_pixels(kind: str, orientation: int, tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x112] = orientation
    options = {"exif": turned} if kind in ("AVIF", "JPEG", "PNG", "TIFF", "WEBP") else {}
    path = tmp_path / "picture"
    path.write_bytes(content(kind, **options))
    height, width = read_image(path).shape[:2]
    assert image_size(path) == (width, height)
    assert picture_size(path.read_bytes()) == (kind, height, width)
    path.write_bytes(b"no picture")
    assert image_size(path) is None
    assert image_size(tmp_path / "missing") is None


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is the system's")
def test_mutated_pictures_are_read_or_refused() -> None:
    counts, found = fuzz_images.fuzz(seed=0, count=150)
    assert not found
    assert counts["read"] > 50
    assert counts["refused"] > 10


def test_a_damaged_webp_writes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    data = content("WEBP", save_all=True, append_images=[Image.fromarray(SMOOTH[::-1])])
    level = cv2.utils.logging.getLogLevel()
    with pytest.raises(ValueError, match="it is damaged or truncated"):
        decode_bytes(data[:40] + b"\xff" * 30 + data[70:])
    assert capfd.readouterr() == ("", "")
    assert cv2.utils.logging.getLogLevel() == level


# ------------------------------------------------------------------------------------------------------ reduced sizes


@pytest.mark.parametrize(
    ("max_size", "side"), [(None, 1001), (600, 1001), (500, 501), (260, 501), (126, 251), (10, 126)]
)
def test_a_large_jpeg_comes_reduced(max_size: int | None, side: int, tmp_path: Path) -> None:
    pixels = cv2.resize(NOISE[:4, :8], (1001, 700), interpolation=cv2.INTER_CUBIC)
    Image.fromarray(pixels).save(tmp_path / "large.jpg", quality=95)
    image = read_image(tmp_path / "large.jpg", max_size=max_size)
    assert image.shape[1] == side
    expected = cv2.resize(pixels, image.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(image[:, :, ::-1].astype(int) - expected).mean() < 4
    decoded = decode_image(tmp_path / "large.jpg", least=lambda height, width: max_size or width)
    assert decoded.size == (700, 1001)
    np.testing.assert_array_equal(decoded.pixels, image)


def test_max_size_is_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_size must be at least 1 but is 0"):
        read_image(tmp_path / "photo.jpg", max_size=0)
