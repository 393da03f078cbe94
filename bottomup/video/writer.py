"""Video out: H.264 with the source's timing and its sound."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from bottomup.image import BgrImage
from bottomup.video.errors import VideoError, import_av

_TICKS = 90_000  # a second: fine enough for every frame rate in use
_FRAGMENT = 2.0  # seconds, most of what is lost if the process is killed
_ENCODERS: tuple[tuple[str, dict[str, str]], ...] = (
    ("libx264", {"crf": "20", "preset": "veryfast"}),
    ("libopenh264", {}),
    ("h264", {}),
    ("mpeg4", {}),
)
_COPIED = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "alac", "flac", "mp2"})  # sound that MP4 holds as it is


class VideoWriter:
    """An MP4 file of H.264, written in fragments, so that it plays up to where writing broke off.

    Parameters
    ----------
    path:
        The file; an existing one is replaced.
    rate:
        Nominal frames a second; the frames' own times count.
    sound:
        A video file whose sound is to be kept, or None.
    start, end:
        Seconds of that video at which the pictures begin and end. The file begins at time 0.
    sample_aspect_ratio:
        Width over height of the source's pixels, if they are not square.

    Raises VideoError if the file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        rate: float,
        sound: str | None = None,
        start: float = 0.0,
        end: float | None = None,
        base: float = 0.0,
        sample_aspect_ratio: Any = None,
    ) -> None:
        self._av = import_av()
        self.path, self._rate, self._start = path, rate, start
        self._ratio = sample_aspect_ratio
        flags = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
        try:
            self._file = _File(path)
        except OSError as error:
            raise VideoError(f"{str(path)!r} cannot be written: {error}") from error
        self._container = self._av.open(self._file, "w", format="mp4", options=flags)
        self._stream: Any = None
        self._last = -1
        self._sound = (
            None if sound is None else _Sound(self._av, sound, self._container, base + start, end and base + end)
        )

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, image: BgrImage, time: float) -> None:
        """The next frame: (H, W, 3) uint8 BGR, at `time` seconds of the source."""
        height, width = image.shape[:2]
        if height % 2 or width % 2:  # H.264's colours are of 2 x 2 pixels
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        if self._stream is None:
            self._stream = self._open_stream(image.shape[1], image.shape[0])
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
        self._last = max(round((time - self._start) * _TICKS), self._last + 1)
        frame.pts, frame.time_base = self._last, Fraction(1, _TICKS)
        self._mux(self._stream.encode(frame))
        if self._sound is not None:
            self._sound.write_until(time - self._start)
        self._file.check()

    def close(self) -> None:
        """Write what is left and finish the file."""
        if self._container is None:
            return
        container, self._container = self._container, None
        try:
            if self._stream is not None:
                for packet in self._stream.encode(None):
                    container.mux(packet)
            if self._sound is not None:
                self._sound.write_until(self._last / _TICKS + 1 / self._rate)
                self._sound.close()
        finally:
            with contextlib.suppress(self._av.error.ArgumentError):  # nothing was written at all
                container.close()
            self._file.close()
        self._file.check()

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            self._container.mux(packet)

    def _open_stream(self, width: int, height: int) -> Any:
        for name, options in _ENCODERS:
            try:
                stream = self._container.add_stream(name, rate=Fraction(self._rate).limit_denominator(1001))
            except (self._av.error.FFmpegError, ValueError):
                continue
            stream.width, stream.height, stream.pix_fmt, stream.options = width, height, "yuv420p", dict(options)
            stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS)
            stream.codec_context.gop_size = max(1, round(_FRAGMENT * self._rate))
            stream.codec_context.max_b_frames = 0  # fragments have no place to say that a reordered stream begins late
            if self._ratio:
                stream.codec_context.sample_aspect_ratio = self._ratio
            return stream
        raise VideoError("this build of FFmpeg has no encoder for video")


class _File:
    """The file that FFmpeg writes to. What cannot be written is kept from FFmpeg, which would crash, until `check`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._failure: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write all of it, or remember why not; after that everything is dropped."""
        left = memoryview(data)
        try:
            while left and self._failure is None:
                left = left[self._file.write(left) :]
        except OSError as error:
            self._failure = error
        return len(data)

    def check(self) -> None:
        """Raise the OSError that kept something from being written, if there was one."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _Sound:
    """The sound of a video, copied, or encoded as AAC where MP4 does not hold it as it is."""

    def __init__(self, av: Any, path: str, target: Any, start: float, end: float | None) -> None:
        self._av, self._start, self._end = av, start, end
        self._source = av.open(path)
        self._in = self._source.streams.audio[0]
        self._target = target
        codec = self._in.codec_context
        # AAC of a transport stream has its header in each packet (ADTS), which MP4 does not hold.
        self._copied = codec.name in _COPIED and not (codec.name == "aac" and not codec.extradata)
        if self._copied:
            self._out = target.add_stream_from_template(self._in)
        else:
            self._out = target.add_stream("aac", rate=codec.sample_rate)
        self._packets = self._read()
        self._waiting: Any = next(self._packets, None)

    def write_until(self, time: float) -> None:
        """Write what is heard up to `time` seconds of the new file."""
        while self._waiting is not None and self._waiting[0] <= time:
            self._target.mux(self._waiting[1])
            self._waiting = next(self._packets, None)

    def close(self) -> None:
        """Write what the encoder still holds."""
        if not self._copied and self._waiting is None:
            for packet in self._out.encode(None):
                self._target.mux(packet)
        self._source.close()

    def _read(self) -> Iterator[tuple[float, Any]]:
        """(seconds of the new file, packet) of all that is heard in the part that is kept."""
        base = self._in.time_base
        if self._start > 0:
            with contextlib.suppress(self._av.error.FFmpegError):
                self._source.seek(int(self._start / base), stream=self._in)
        shift = round(self._start / base)
        for packet in self._packets_of_source():
            if packet.pts is None:
                continue
            time = float(packet.pts * base) - self._start
            if time < 0:
                continue
            if self._end is not None and time >= self._end - self._start:
                return
            if self._copied:
                packet.pts -= shift
                packet.dts = packet.pts if packet.dts is None else packet.dts - shift
                packet.stream = self._out
                yield time, packet
            else:
                yield from self._encoded(packet, time)

    def _packets_of_source(self) -> Iterator[Any]:
        try:
            yield from self._source.demux(self._in)
        except self._av.error.FFmpegError:  # a file that is cut off: what was heard so far is kept
            return

    def _encoded(self, packet: Any, time: float) -> Iterator[tuple[float, Any]]:
        try:
            frames = packet.decode()
        except self._av.error.FFmpegError:
            return
        for frame in frames:
            frame.pts = None
            for out in self._out.encode(frame):
                yield time, out
