"""Contents of picture files, sound and strange."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
from PIL import Image

NOISE = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
SMOOTH = cv2.resize(np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8), (80, 60))


def content(kind: str, pixels: Any = SMOOTH, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def in_png(*chunks: bytes) -> bytes:
    return PNG[:33] + b"".join(chunks) + PNG[33:]


def in_jpeg(marker: int, body: bytes) -> bytes:
    return JPEG[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body + JPEG[2:]


def exif(*entries: bytes) -> bytes:
    directory = struct.pack("<H", len(entries)) + b"".join(entries)
    return b"Exif\0\0II*\0\x08\0\0\0" + directory + b"\0" * 4 + b"abc\0"


PNG, JPEG = content("PNG"), content("JPEG", quality=95)
TURN = struct.pack("<HHIHH", 0x112, 3, 1, 6, 0)  # a quarter to the right


TEXT_FOR_RATIO = struct.pack("<HHI", 0x11A, 2, 4) + b"abc\0"


NO_EXIF = b"no TIFF header here"


STRANGE = {
    "PNG with garbage for EXIF": in_png(chunk(b"eXIf", NO_EXIF)),
    "WebP with garbage for EXIF": content("WEBP", exif=b"Exif\0\0" + NO_EXIF, lossless=True),
    "JPEG with garbage for EXIF": in_jpeg(0xE1, b"Exif\0\0" + NO_EXIF),
    "AVIF with garbage for EXIF": content("AVIF", quality=100),
    "PNG with 2 MB of text": in_png(chunk(b"iTXt", b"prompt\0\1\0\0\0" + zlib.compress(b"a" * 2_000_000))),
    "PNG with a profile of 2 MB": in_png(chunk(b"iCCP", b"p\0\0" + zlib.compress(b"a" * 2_000_000))),
    "PNG with a short gAMA": in_png(chunk(b"gAMA", b"\0")),
    "PNG with a short pHYs": in_png(chunk(b"pHYs", b"\0")),
    "PNG with a wrong checksum of a text": in_png(chunk(b"tEXt", b"a\0b")[:-4] + b"\0\0\0\0"),
    "JPEG with an empty APP0": in_jpeg(0xE0, b""),
    "JPEG with a short JFIF": in_jpeg(0xE0, b"JFIF\0"),
    "JPEG with a short Adobe": in_jpeg(0xEE, b"Adobe"),
    "JPEG with a short profile": in_jpeg(0xE2, b"ICC_PROFILE\0"),
    "JPEG with a short list of pictures": in_jpeg(0xE2, b"MPF\0II*\0"),
    "JPEG with a short Photoshop block": in_jpeg(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0"),
    "JPEG with an empty comment": in_jpeg(0xFE, b""),
    "JPEG with EXIF whose directory is elsewhere": in_jpeg(0xE1, b"Exif\0\0II*\0\xff\xff\xff\x7f"),
    "JPEG with padding behind its end": JPEG + b"\0" * 1000,
    "TIFF with text for a ratio": content("TIFF").replace(
        struct.pack("<HHI", 282, 5, 1), struct.pack("<HHI", 282, 2, 4)
    ),
}
