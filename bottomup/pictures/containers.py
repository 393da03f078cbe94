"""File containers around pixels: recognised by content, and rid of all metadata but the orientation.

A decoder that sees only what the pixels need cannot fail on the rest: a text too long, a block of EXIF that is none, a
checksum of a comment. Each function here takes a whole file and gives a file of the same format.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

# APP0 of a plain JFIF file (ITU-T T.871): it says that the colours are YCbCr.
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_END_OF_IMAGE = b"\xff\xd9"
# In entropy-coded data 0xFF is followed by 0 or a restart marker; anything else ends it (ITU-T T.81, B.1.1.2).
_NEXT_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_STARTS_OF_FRAME = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_MAX_SCANS = 100  # of a JPEG: encoders make some ten, and each takes time for all pixels, however short it is
# Tags that say where a TIFF's pixels are and what they mean: TIFF 6.0, its technical notes 2 (tables of JPEG), and
# libtiff's own (predictor, sample formats, YCbCr).
_TIFF_TAGS = frozenset({254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323})
_TIFF_TAGS |= frozenset({324, 325, 332, 336, 338, 339, 347, 512, 513, 514, 515, 519, 520, 521, 529, 530, 531, 532})
_TIFF_SINGLE = frozenset({254, 255, 256, 257, 259, 262, 266, 277, 278, 284, 317, 322, 323, 512, 513, 514, 515, 531})
_TIFF_SIZES = (1, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8)  # bytes of a value by its type; 0 stands for none
_MAX_ENTRIES = 4096  # of one directory of a TIFF or of EXIF
_SUSPICIOUS_ZEROS = 64  # bytes: compressed data hardly ever end in so many; a copy that broke off does


@dataclass(frozen=True)
class Container:
    """A picture file without its metadata.

    data: the file, with what its pixels need.
    size: (height, width) as stored, before it is turned upright; None where only the decoder knows.
    orientation: EXIF's, from 1 to 8.
    warning: what is doubtful, None if nothing is.
    ends: whether the file has its end marker, if its format has one.
    progressive: whether it is a JPEG of several scans, of which a decoder keeps all coefficients.
    """

    data: bytes
    size: tuple[int, int] | None = None
    orientation: int = 1
    warning: str | None = None
    ends: bool = True
    progressive: bool = False


def format_of(data: bytes) -> str | None:
    """The format of a file by its first bytes, by Pillow's name; HEIC and PostScript are told as well, None is
    anything else."""
    for kind, starts in _STARTS.items():
        if data.startswith(starts):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        brands = {data[8:12], *(data[n : n + 4] for n in range(16, min(int.from_bytes(data[:4], "big"), 256), 4))}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}:
            return "HEIC"
    return None


_STARTS: dict[str, tuple[bytes, ...]] = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "BMP": (b"BM",),
    "TIFF": (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
    "PPM": tuple(b"P%d%c" % (n, space) for n in range(1, 7) for space in b"\t\n\r #"),
    "JPEG2000": (b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    "PostScript": (b"%!PS", b"\xc5\xd0\xd3\xc6"),
}


def strip_metadata(data: bytes, kind: str) -> Container:
    """The picture of a file of this format; ValueError if what its pixels need is damaged."""
    match kind:
        case "JPEG":
            return _jpeg(data)
        case "PNG":
            return _png(data)
        case "WEBP":
            return _webp(data)
        case "TIFF":
            return _tiff(data)
        case _:
            return Container(data)


def ends_in_zeros(data: bytes) -> bool:
    """Whether compressed data end in a run of zeros, as those of a file do whose copy broke off."""
    return len(data) > _SUSPICIOUS_ZEROS and not any(data[-_SUSPICIOUS_ZEROS:])


def exif_orientation(exif: bytes) -> int | None:
    """The orientation 1 to 8 in a block of EXIF (EXIF 2.3, tag 274), 1 if it says none, None if it cannot be read."""
    exif = exif.removeprefix(b"Exif\x00\x00")
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(exif[:4])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for number in range(min(count, _MAX_ENTRIES)):
            tag, kind, length = struct.unpack_from(order + "HHI", exif, start + 2 + 12 * number)
            if tag == 0x112:
                code = {1: "B", 3: "H", 4: "I"}.get(kind)
                if code is None or length != 1:
                    return None
                (value,) = struct.unpack_from(order + code, exif, start + 10 + 12 * number)
                return int(value) if 1 <= value <= 8 else None
    except struct.error:
        return None
    return 1


def _turned(blocks: list[bytes]) -> tuple[int, str | None]:
    """The orientation of the first block of EXIF that can be read, and a warning if none can."""
    found = [orientation for block in blocks if (orientation := exif_orientation(block)) is not None]
    if blocks and not found:
        return 1, "its EXIF data cannot be read, so it is not turned upright"
    return (found or [1])[0], None


def _jpeg(data: bytes) -> Container:
    kept, exif, size, ends, scans, at = [b"\xff\xd8"], [], None, False, 0, 2
    progressive, colours = False, b""
    while match := _NEXT_MARKER.search(data, at):
        marker, at = data[match.end() - 1], match.end()
        if marker == 0xD9:
            ends = True
            break
        if marker in (0x01, 0xD8):
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        segment, at = data[at + 2 : at + length], at + max(length, 2)
        if marker == 0xE1 and segment.startswith(b"Exif\x00\x00"):
            exif.append(segment)
        if marker in _STARTS_OF_FRAME and size is None and len(segment) >= 5:
            size = (int.from_bytes(segment[1:3], "big"), int.from_bytes(segment[3:5], "big"))
            progressive, colours = marker in _PROGRESSIVE, segment[5:6]
        if marker == 0xE0 and segment.startswith(b"JFIF\x00"):
            kept[0] = b"\xff\xd8" + _JFIF
        is_colour = marker == 0xEE and segment.startswith(b"Adobe") and len(segment) >= 12
        if is_colour or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            kept.append(bytes((0xFF, marker)) + (len(segment) + 2).to_bytes(2, "big") + segment)
        if marker == 0xDA:
            scans += 1
            progressive |= segment[:1] < colours  # one scan for each colour
            if scans > _MAX_SCANS:
                raise ValueError(f"it must have at most {_MAX_SCANS} scans but has more")
            end = _NEXT_MARKER.search(data, at)
            scan, at = data[at : end.start() if end else len(data)], end.start() if end else len(data)
            kept.append(scan)
    if scans == 0:
        raise ValueError("it holds no pixels")
    if not ends and ends_in_zeros(data):
        raise ValueError("it is damaged: it ends in zeros, without its end marker")
    orientation, warning = _turned(exif)
    if not ends:
        warning = "it lacks its end marker; the last pixels may be missing"
    return Container(b"".join([*kept, _END_OF_IMAGE]), size, orientation, warning, ends, progressive)


def without_end(data: bytes) -> bytes:
    """A JPEG with noise in place of what may follow its last scan: it decodes to other pixels if any of them
    were not there."""
    noise = zlib.compress(bytes(range(256)) * 16, 9).replace(b"\xff", b"\x5a")
    return data.removesuffix(_END_OF_IMAGE) + noise * 8 + _END_OF_IMAGE


def _png(data: bytes) -> Container:
    kept: list[bytes | memoryview] = [data[:8]]
    exif, at, warning, ends, view, removed = [], 8, None, False, memoryview(data), False
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        body, check = data[at + 8 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        chunk, at = view[at : at + 12 + length], at + 12 + length
        whole = len(check) == 4
        intact = whole and zlib.crc32(name + body) == int.from_bytes(check, "big")
        if name in (b"IHDR", b"PLTE", b"IDAT"):
            if whole and not intact:
                raise ValueError(f"it is damaged: the checksum of its {name.decode()} chunk is wrong")
            kept.append(chunk if whole else _chunk(name, body))
        elif name == b"tRNS" and intact:
            kept.append(chunk)
        elif name == b"eXIf" and whole:
            exif.append(body)
            removed = True
        elif name == b"IEND":
            ends = True
            break
        elif not name.isalpha():
            raise ValueError("it is damaged: there is no PNG chunk where one should be")
        elif name[:1].isupper():
            raise ValueError(f"it needs an extension of PNG, {name.decode()}, that is not supported")
        else:
            removed = True
    if len(kept) < 2 or kept[1][4:8] != b"IHDR" or len(kept[1]) != 25:
        raise ValueError("it is damaged: it does not begin with its size")
    width, height = struct.unpack_from(">II", kept[1], 8)
    orientation, warning = _turned(exif)
    if not ends:
        warning = "it lacks its end; the last pixels may be missing"
    content = data if ends and not removed else b"".join([*kept, _chunk(b"IEND", b"")])
    return Container(content, (height, width), orientation, warning, ends)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _webp(data: bytes) -> Container:
    """RIFF chunks (WebP Container Specification); the decoder itself passes over the metadata."""
    exif, size, at, pixels = [], None, 12, b""
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
        if name == b"EXIF":
            exif.append(body)
        elif name in (b"VP8 ", b"VP8L", b"VP8X", b"ANMF"):
            size = size or _webp_size(name, body)
            pixels = pixels if name == b"VP8X" else body
    if ends_in_zeros(pixels):
        raise ValueError("it is damaged: it ends in zeros")
    if size is None:
        raise ValueError("it holds no pixels")
    return Container(data, size, *_turned(exif))


def _webp_size(name: bytes, body: bytes) -> tuple[int, int] | None:
    if name == b"VP8X" and len(body) >= 10:
        return 1 + int.from_bytes(body[7:10], "little"), 1 + int.from_bytes(body[4:7], "little")
    if name == b"VP8 " and len(body) >= 10:
        return (int.from_bytes(body[8:10], "little") & 0x3FFF, int.from_bytes(body[6:8], "little") & 0x3FFF)
    if name == b"VP8L" and len(body) >= 5:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF)
    return None


def _tiff(data: bytes) -> Container:
    """The same file with a first directory of those tags only that its pixels need, written behind it."""
    order = "<" if data[:2] == b"II" else ">"
    if data[2:4] in (b"+\x00", b"\x00+"):
        return Container(data)  # BigTIFF: rare, left to the decoder
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        entries = [data[start + 2 + 12 * n : start + 14 + 12 * n] for n in range(min(count, _MAX_ENTRIES))]
        needed = [entry for entry in entries if struct.unpack_from(order + "H", entry)[0] in _TIFF_TAGS]
        if not {256, 257} <= {struct.unpack_from(order + "H", entry)[0] for entry in needed}:
            raise ValueError("it is damaged: its directory tells no size")
        for tag, kind, values, place in (struct.unpack(order + "HHII", entry) for entry in needed):
            size = _TIFF_SIZES[kind] * values if kind < len(_TIFF_SIZES) else 0
            if size > 4 and place + size > len(data):
                raise ValueError(f"it is damaged: its tag {tag} lies beyond its end")
            if tag in _TIFF_SINGLE and values != 1:
                raise ValueError(f"it is damaged: its tag {tag} has {values} values")
    except struct.error:
        raise ValueError("it is damaged: its directory is not there") from None
    padding = b"\x00" * (len(data) % 2)
    directory = struct.pack(order + "H", len(needed)) + b"".join(needed) + b"\x00" * 4
    first, view = struct.pack(order + "I", len(data) + len(padding)), memoryview(data)
    content = b"".join([view[:4], first, view[8:], padding, directory])
    orientation = exif_orientation(data)
    warning = None if orientation else "its orientation cannot be read, so it is not turned upright"
    return Container(content, None, orientation or 1, warning)
