"""Frames of video files: their times, their way up, and what is done about files that are broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bottomup.video import FrameOptions, VideoError, open_source
from tests.makers.clips import pictures, spoil_clip, turn_clip, write_clip


def times(path: Path, **options: object) -> list[float]:
    source = open_source(path, FrameOptions(**options))
    return [round(frame.time, 3) for frame in source]


def test_frames_in_order_with_their_pictures(tmp_path: Path) -> None:
    frames = pictures(10)
    source = open_source(write_clip(tmp_path / "a.mp4", frames))
    read = list(source)
    assert [frame.index for frame in read] == list(range(10))
    assert [round(frame.time, 3) for frame in read] == [round(number / 25, 3) for number in range(10)]
    assert all(np.abs(frame.image.astype(int) - image).mean() < 4 for frame, image in zip(read, frames, strict=True))
    assert source.stats.sentences() == []
    assert (source.info.width, source.info.height, source.info.rate, source.info.live) == (64, 48, 25, False)
    assert source.info.duration == pytest.approx(0.4, abs=0.05)


def test_times_are_those_of_the_file_where_the_rate_varies(tmp_path: Path) -> None:
    irregular = [0.0, 0.04, 0.2, 0.25, 1.0, 1.5]
    assert times(write_clip(tmp_path / "a.mp4", pictures(6), irregular)) == irregular


def test_a_turned_video_is_read_upright(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", pictures(3))
    turn_clip(path)
    frame = next(iter(open_source(path)))
    assert frame.image.shape == (64, 48, 3)
    bright = np.argwhere(frame.image[..., 0] > 50).mean(axis=0)
    assert bright[0] < 32  # what was on the upper left is on the upper right
    assert bright[1] > 24


def test_interlaced_video_is_made_whole(tmp_path: Path) -> None:
    frames = []
    for number in range(6):
        frame = np.full((96, 128, 3), 30, np.uint8)
        frame[::2, 10 + 8 * number : 40 + 8 * number] = 220
        frame[1::2, 14 + 8 * number : 44 + 8 * number] = 220
        frames.append(frame)
    interlaced = {"flags": "+ilme+ildct", "x264-params": "tff=1:keyint=5", "crf": "5"}
    path = write_clip(tmp_path / "a.mp4", frames, options=interlaced)
    read = list(open_source(path))
    assert [frame.index for frame in read] == list(range(6))

    def comb(image: np.ndarray) -> float:
        rows = image[..., 0].astype(float)
        return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())

    assert comb(read[3].image) < 0.5 * comb(frames[3])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"start": 0.16, "end": 0.28}, [0.16, 0.2, 0.24]),
        ({"every": 4}, [0.0, 0.16, 0.32]),
        ({"max_fps": 10.0}, [0.0, 0.12, 0.2, 0.32]),
        ({"start": 5.0}, []),
    ],
)
def test_the_frames_that_are_wanted(tmp_path: Path, options: dict[str, float], expected: list[float]) -> None:
    from bottomup.video.frames import choose_frames

    source = open_source(write_clip(tmp_path / "a.mp4", pictures(10)))
    assert [round(frame.time, 3) for frame in choose_frames(source, FrameOptions(**options))] == expected


def test_a_corrupt_frame_in_the_middle_is_skipped_and_counted(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.avi", pictures(30, 96, 128), codec="mpeg4", options={"g": "1"})
    spoil_clip(path, slice(10, 13))
    source = open_source(path)
    read = list(source)
    assert len(read) == 27
    assert source.stats.corrupt == 3
    assert read[-1].time == pytest.approx(29 / 25, abs=0.05)
    assert "corrupt frame" in source.stats.sentences()[0]


def test_a_file_that_is_cut_off_gives_what_is_there(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", pictures(100, 96, 128), options={"crf": "1"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    source = open_source(path)
    read = list(source)
    assert 20 < len(read) < 90
    assert any("ends at" in note or "beyond" in note for note in source.stats.notes)


def test_a_change_of_size_in_mid_stream(tmp_path: Path) -> None:
    small, large = (
        write_clip(tmp_path / f"{n}.h264", pictures(5, *size)) for n, size in (("a", (48, 64)), ("b", (96, 64)))
    )
    path = tmp_path / "both.h264"
    path.write_bytes(small.read_bytes() + large.read_bytes())
    source = open_source(path)
    assert {frame.image.shape for frame in source} == {(48, 64, 3)}
    assert source.stats.decoded == 10
    assert source.stats.resized == 5


def test_times_that_jump_back_go_on(tmp_path: Path) -> None:
    parts = [write_clip(tmp_path / f"{name}.ts", pictures(5)).read_bytes() for name in "ab"]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(parts))
    source = open_source(path)
    found = [frame.time for frame in source]
    assert len(found) == 10
    assert np.allclose(np.diff(found), 0.04, atol=0.005)
    assert source.stats.repaired == 1


@pytest.mark.parametrize(("claimed", "rate"), [(0.0, 25), (1000.0, 25), (None, 25), (29.97, 29.97), (240.0, 240)])
def test_rates_that_cannot_be_meant(claimed: float | None, rate: float) -> None:
    from bottomup.video.frames import believable_rate

    assert believable_rate(claimed) == rate


def test_what_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"'missing.mp4' does not exist"):
        open_source("missing.mp4")
    empty, text, sound = tmp_path / "empty.mp4", tmp_path / "text.mp4", tmp_path / "sound.mp4"
    empty.touch()
    with pytest.raises(VideoError, match="is empty"):
        open_source(empty)
    text.write_text("no video")
    with pytest.raises(VideoError, match="cannot be opened: Invalid data"):
        open_source(text)
    write_clip(sound, pictures(3), sound="aac")
    import av

    only = tmp_path / "only.m4a"
    with av.open(str(sound)) as source, av.open(str(only), "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    with pytest.raises(VideoError, match=r"must hold a video stream but .*only.m4a' has none"):
        open_source(only)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(sound.read_bytes()[:300])
    with pytest.raises(VideoError, match=r"cut.mp4' cannot be opened"):
        open_source(cut)


def test_a_video_without_frames(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.avi", pictures(5), codec="mpeg4", options={"g": "1"})
    spoil_clip(path, slice(None))
    with pytest.raises(VideoError, match=r"none of .* can be decoded"):
        list(open_source(path))


def test_an_address_that_answers_nothing() -> None:
    with pytest.raises(VideoError, match=r"rtsp://127.0.0.1:1/x' cannot be opened: Connection refused"):
        open_source("rtsp://127.0.0.1:1/x", FrameOptions(timeout=2))


def test_without_pyav(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", pictures(2))
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(ImportError, match=r'pip install "bottomup\[video\]"'):
        open_source(path)
