"""Network streams: over HTTP and RTSP, silent ones, lost ones, and ones that come back."""

from __future__ import annotations

import threading
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from bottomup.video import FrameOptions, VideoError, open_source, track_video
from bottomup.video.convert import convert_video, output_stem
from tests.makers.clips import pictures, write_clip
from tests.makers.streams import http_server, rtsp_server, send_file, send_parts
from tests.video.test_track import find, threads


def part(path: Path, count: int) -> bytes:
    """A stream's bytes: frames that decode one by one."""
    return write_clip(path, pictures(count), options={"g": "1", "tune": "zerolatency"}).read_bytes()


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_a_file_of_a_web_server_is_a_file(tmp_path: Path, suffix: str) -> None:
    path = write_clip(tmp_path / f"clip.{suffix}", pictures(12))
    with http_server(send_file(path)) as address:
        source = open_source(f"{address}/clip.{suffix}?token=1", FrameOptions(timeout=20))
        assert not source.info.live
        times = [round(frame.time, 3) for frame in source]
        source.close()
    assert times == [round(number / 25, 3) for number in range(12)]


def test_a_stream_that_ends_is_lost_and_what_came_before_is_kept(tmp_path: Path) -> None:
    with http_server(send_parts([part(tmp_path / "a.ts", 10)])) as address:
        video = track_video(f"{address}/live.ts", detector=find, options=FrameOptions(timeout=20))
        assert video.info.live
        with pytest.raises(VideoError, match=r"live.ts' was lost after 10 frames: "):
            convert_video(video, tmp_path / "live")
    lines = (tmp_path / "live.jsonl").read_text().splitlines()
    assert len(lines) + video.stats.dropped == 10
    assert threads() == 0


def test_a_stream_that_falls_silent_is_lost_after_the_time_out(tmp_path: Path) -> None:
    silent = threading.Event()
    with http_server(send_parts([part(tmp_path / "a.ts", 30), silent])) as address:
        source = open_source(f"{address}/live.ts", FrameOptions(timeout=1.0))
        with pytest.raises(VideoError, match=r"was lost after \d+ frames: nothing came for 1 s"):
            list(source)
        assert source.stats.decoded >= 25
        silent.set()


def test_a_stream_that_comes_back_goes_on(tmp_path: Path) -> None:
    parts = [part(tmp_path / "a.ts", 10), part(tmp_path / "b.ts", 7)]
    with http_server(send_parts([parts[0], None, parts[1]])) as address:
        source = open_source(f"{address}/live.ts", FrameOptions(timeout=20, reconnect=2))
        times: list[float] = []
        with pytest.raises(VideoError, match="was lost after 17 frames"):
            times.extend(frame.time for frame in source)
    assert len(times) == 17
    assert (np.diff(times) > 0).all()
    assert source.stats.reconnected == 1
    assert "1 reconnection" in source.stats.sentences()


def test_passwords_are_not_shown(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"'rtsp://127.0.0.1:1/x' cannot be opened: Connection refused") as error:
        open_source("rtsp://admin:secret@127.0.0.1:1/x", FrameOptions(timeout=2))
    assert "secret" not in str(error.value)
    with http_server(send_file(write_clip(tmp_path / "a.mp4", pictures(3)))) as address:
        source = open_source(address.replace("://", "://admin:secret@") + "/a.mp4")
        assert "secret" not in source.info.name
        assert len(list(source)) == 3
    assert output_stem("rtsp://admin:secret@camera", tmp_path) == tmp_path / "camera"


def test_a_server_that_never_answers(tmp_path: Path) -> None:
    silent = threading.Event()
    with http_server(send_parts([b"", silent])) as address:
        with pytest.raises(VideoError, match=r"cannot be opened: nothing came for 1 s"):
            open_source(f"{address}/live.ts", FrameOptions(timeout=1.0))
        silent.set()
    with http_server(send_parts([])) as address, pytest.raises(VideoError, match=r"cannot be opened: .*404"):
        open_source(f"{address}/live.ts")


@pytest.mark.slow
def test_rtsp_gives_frames_until_the_camera_is_gone() -> None:
    with rtsp_server() as (address, server):
        source = open_source(address, FrameOptions(timeout=10))
        frames = iter(source)
        first = list(islice(frames, 12))
        assert all(frame.image.shape == (48, 64, 3) for frame in first)
        assert (np.diff([frame.time for frame in first]) > 0).all()
        assert source.info.live
        server.kill()
        with pytest.raises(VideoError, match=r"camera' was lost after \d+ frames"):
            list(frames)
        source.close()
