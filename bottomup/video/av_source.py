"""Video files and network streams, through FFmpeg (PyAV)."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from bottomup.image import BgrImage
from bottomup.video.errors import VideoError, import_av
from bottomup.video.frames import Clock, Frame, FrameOptions, SourceInfo, SourceStats, believable_rate

_STREAMS = ("rtsp://", "rtsps://", "rtmp://", "rtp://", "udp://", "srt://", "tcp://", "http://", "https://")
_MOST_BAD_PACKETS = 5_000  # in a row; a file of nothing but these is no video
_PAUSES = 0.0, 0.5, 1.0, 2.0, 4.0  # seconds before each try to open a lost stream again; the last holds for more
_EARLY = 0.9  # share of the announced duration below which the end of a file came too early


def is_address(source: str) -> bool:
    """Whether a source is an address of the network."""
    return source.lower().startswith(_STREAMS)


class AvSource:
    """Frames of a file or address.

    Raises VideoError or FileNotFoundError, naming the source, if it cannot be opened or has no video.
    """

    def __init__(self, address: str, options: FrameOptions) -> None:
        self._av = import_av()
        self.address, self.options, self.stats = address, options, SourceStats()
        self.name = without_password(address)
        self._closed = threading.Event()
        self._container: Any = None
        self._stream: Any = None
        container, stream = self._open()
        rate = believable_rate(_number(stream.average_rate) or _number(stream.guessed_rate))
        duration = _seconds(stream.duration, stream.time_base)
        if duration is None and container.duration:
            duration = container.duration / self._av.time_base
        live = options.live if options.live is not None else is_address(address) and not duration
        self.info = SourceInfo(
            self.name, stream.codec_context.width, stream.codec_context.height, rate, None if live else duration, live,
            bool(container.streams.audio) and not live,
        )  # fmt: skip
        self.base = _seconds(stream.start_time, stream.time_base)

    @property
    def sample_aspect_ratio(self) -> Any:
        """Width over height of a pixel, or None."""
        return self._stream.sample_aspect_ratio

    def _open(self) -> tuple[Any, Any]:
        options = {"rtsp_transport": "tcp"} if self.address.lower().startswith("rtsp") else {}
        timeout = (self.options.timeout, self.options.timeout) if is_address(self.address) else None
        try:
            self._container = self._av.open(self.address, options=options, timeout=timeout)
        except self._av.error.FileNotFoundError as error:
            raise FileNotFoundError(f"source must be a video but {self.name!r} does not exist") from error
        except (self._av.error.FFmpegError, ValueError, UnicodeError) as error:
            whole = "" if is_address(self.address) else "complete "
            raise VideoError(
                f"source must be a {whole}video but {self.name!r} cannot be opened: {self._reason(error)}"
            ) from None
        pictures = [one for one in self._container.streams.video if not _is_cover(one)]
        if not pictures:
            self._release()
            raise VideoError(f"source must hold a video stream but {self.name!r} has none")
        self._stream = pictures[0]
        self._stream.thread_type = "SLICE"  # threads by frames lose count of broken frames, and whole ones with them
        return self._container, self._stream

    def __iter__(self) -> Iterator[Frame]:
        """Every frame, upright, in the size of the first one.

        Raises VideoError if there is none, or if a stream is lost for good.
        """
        clock = Clock(self.info.rate, self.stats)
        size: tuple[int, int] | None = None
        for frame in self._decoded():
            image = _upright(frame)
            size = size or (image.shape[0], image.shape[1])
            if image.shape[:2] != size:
                image = fit(image, size)
                self.stats.resized += 1
            stamp = _seconds(frame.pts, frame.time_base)
            if stamp is not None:
                self.base = stamp if self.base is None else self.base
                stamp -= self.base
            time = clock.read(stamp)
            yield Frame(self.stats.decoded, time, image)
            self.stats.decoded += 1
        if not self.stats.decoded:
            raise VideoError(f"source must hold frames but none of {self.name!r} can be decoded")
        duration = self.info.duration
        if duration and clock.last < _EARLY * duration - 2 / self.info.rate:
            self.stats.notes.append(f"the video ends at {clock.last:.1f} s of the {duration:.1f} s that it announces")

    def _decoded(self) -> Iterator[Any]:
        """Frames of FFmpeg's, deinterlaced; a stream that is lost is opened again as often as the options say."""
        deinterlacer = _Deinterlacer(self._av)
        tried = 0
        while True:
            lost: str | None = None
            try:
                for frame in self._packets():
                    tried = 0
                    yield from deinterlacer.push(frame)
            except self._av.error.FFmpegError as error:
                lost = self._reason(error)
            if lost is None and not (self.info.live and is_address(self.address)):
                yield from deinterlacer.flush()
                return
            lost = lost or "the stream ended"
            if tried >= self.options.reconnect or self._closed.is_set():
                yield from deinterlacer.flush()
                if not self.stats.decoded or self.info.live:
                    raise VideoError(f"{self.name!r} was lost after {self.stats.decoded} frames: {lost}")
                self.stats.notes.append(f"the video cannot be read beyond its frame {self.stats.decoded}: {lost}")
                return
            self._release()
            self._closed.wait(_PAUSES[min(tried, len(_PAUSES) - 1)])
            tried += 1
            with contextlib.suppress(VideoError, FileNotFoundError):
                self._open()
                self.stats.reconnected += 1
                deinterlacer = _Deinterlacer(self._av)

    def _packets(self) -> Iterator[Any]:
        """The frames of every packet; those that are broken are counted and left out."""
        bad = 0
        if self._container is None:
            raise self._av.error.EOFError(0, "it could not be opened again")
        for packet in self._container.demux(self._stream):
            try:
                frames = packet.decode()
            except self._av.error.InvalidDataError:
                bad += 1
                self.stats.corrupt += 1
                if bad > _MOST_BAD_PACKETS:
                    raise
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self.stats.corrupt += 1
                    continue
                bad = 0
                yield frame

    def close(self) -> None:
        """Let go of the file or connection."""
        self._closed.set()
        self._release()

    def _release(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None

    def _reason(self, error: BaseException) -> str:
        """What FFmpeg says, without its error number and the address."""
        if isinstance(error, self._av.error.ExitError):
            return f"nothing came for {self.options.timeout:g} s"
        text = str(error).split("] ")[-1].removesuffix(f": {self.address!r}")
        return text.replace(self.address, self.name) or type(error).__name__


class _Deinterlacer:
    """Makes whole pictures of interlaced ones (bwdif), one for one; others pass."""

    def __init__(self, av: Any) -> None:
        self._av = av
        self._graph: Any = None
        self._shape: Any = None

    def push(self, frame: Any) -> Iterator[Any]:
        shape = frame.width, frame.height, frame.format.name
        if self._graph is None and not frame.interlaced_frame:
            yield frame
            return
        if self._graph is None or shape != self._shape:
            yield from self.flush()
            self._build(frame)
            self._shape = shape
        self._graph.push(frame)
        yield from self._pull()

    def flush(self) -> Iterator[Any]:
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pull()
            self._graph = None

    def _build(self, frame: Any) -> None:
        graph = self._av.filter.Graph()
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        bwdif, sink = graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")
        source.link_to(bwdif)
        bwdif.link_to(sink)
        graph.configure()
        self._graph = graph

    def _pull(self) -> Iterator[Any]:
        while True:
            try:
                yield self._graph.pull()
            except (self._av.error.BlockingIOError, self._av.error.EOFError):
                return


def fit(image: BgrImage, size: tuple[int, int]) -> BgrImage:
    """The picture scaled into (height, width), black beside it where the shape is another."""
    height, width = size
    scale = min(height / image.shape[0], width / image.shape[1])
    rows, columns = max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale))
    rows, columns = min(rows, height), min(columns, width)
    fitted = np.zeros((height, width, 3), np.uint8)
    top, left = (height - rows) // 2, (width - columns) // 2
    fitted[top : top + rows, left : left + columns] = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    return fitted


def _upright(frame: Any) -> BgrImage:
    """The picture as it is meant to be seen: turned by the file's rotation."""
    image: BgrImage = frame.to_ndarray(format="bgr24")
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _is_cover(stream: Any) -> bool:
    """Whether a stream is the picture on a record's sleeve."""
    disposition = getattr(stream, "disposition", None)
    return bool(disposition and "attached_pic" in str(disposition))


def _number(fraction: Any) -> float | None:
    return None if fraction is None else float(fraction)


def _seconds(count: int | None, base: Any) -> float | None:
    return None if count is None or base is None else float(count * base)


def without_password(address: str) -> str:
    """An address that may be shown: user and password, as many cameras need them, are left out."""
    return re.sub(r"(?<=://)[^/@]*@", "", address)
