"""Small videos, written for a test: a bright square that moves over a pattern."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av")

TICKS = 90_000


def pictures(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """(height, width, 3) uint8: a square, dark at first and brighter from frame to frame, in the upper left."""
    frames = []
    for number in range(count):
        frame = np.full((height, width, 3), 40, np.uint8)
        frame[4 : height // 2, 4 : width // 2] = 60 + min(10 * number, 190)
        frames.append(frame)
    return frames


def write_clip(
    path: Path,
    frames: Sequence[np.ndarray],
    times: Sequence[float] | None = None,
    *,
    sound: str | None = None,
    options: dict[str, str] | None = None,
    codec: str = "libx264",
) -> Path:
    """A video of frames at times (25 a second if not given), with a tone in the codec `sound` if that is given."""
    times = [number / 25 for number in range(len(frames))] if times is None else times
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.options = "yuv420p", {"g": "5", **(options or {})}
        stream.codec_context.max_b_frames = 0
        if codec == "libx264":
            stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
        tone = container.add_stream(sound, rate=48_000) if sound else None
        for number, (image, time) in enumerate(zip(frames, times, strict=True)):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            if codec == "libx264":
                frame.pts, frame.time_base = round(time * TICKS), Fraction(1, TICKS)
            else:
                frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone is not None:
            _write_tone(container, tone, times[-1] + 1 / 25)
    return path


def _write_tone(container: object, stream: object, seconds: float) -> None:
    samples = (8000 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * 48_000)) / 48_000)).astype(np.int16)
    for start in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        container.mux(stream.encode(frame))  # type: ignore[attr-defined]
    container.mux(stream.encode(None))  # type: ignore[attr-defined]


def turn_clip(path: Path) -> None:
    """Tell an MP4 file's players to turn it a quarter clockwise, as phones do, by the matrix in its track header."""
    data = bytearray(path.read_bytes())
    header = data.index(b"tkhd") + 4
    matrix = header + (40 if data[header] == 0 else 52)
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 48 * 65536, 0, 1 << 30)
    path.write_bytes(data)


def spoil_clip(path: Path, which: slice) -> None:
    """Overwrite some frames of an AVI file."""
    data = bytearray(path.read_bytes())
    at, chunks = data.index(b"movi") + 4, []
    while data[at : at + 4] == b"00dc":
        (size,) = struct.unpack("<I", data[at + 4 : at + 8])
        chunks.append((at + 8, size))
        at += 8 + size + size % 2
    for start, size in chunks[which]:
        data[start : start + size] = b"x" * size
    path.write_bytes(data)
