"""Videos that are written play, at the right times and with their sound."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from bottomup.people import People
from bottomup.skeletons import COCO_17
from bottomup.video import Frame, FrameOptions, open_source, track_video
from bottomup.video.convert import convert_video, output_files
from bottomup.video.results import FORMATS, AllResults, JsonLines, Lines
from bottomup.video.writer import VideoWriter
from tests.makers.clips import pictures, write_clip
from tests.makers.walkers import standing

av = pytest.importorskip("av")


def find(image: np.ndarray) -> People:
    return standing((4, 4), size=image.shape[0] / 2)


def read(path: Path) -> tuple[list[float], float]:
    """Times of the pictures, and seconds of sound."""
    with av.open(str(path)) as container:
        times = [round(float(frame.pts * frame.time_base), 3) for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        streams = container.streams.audio
        samples = sum(frame.samples for frame in container.decode(audio=0)) / 48_000 if streams else 0.0
    return times, samples


@pytest.mark.parametrize(
    ("sound", "suffix"), [("aac", "mp4"), ("pcm_s16le", "mkv"), ("libmp3lame", "mp4"), ("aac", "ts"), (None, "mp4")]
)
def test_timing_and_sound_are_kept(tmp_path: Path, sound: str | None, suffix: str) -> None:
    times = [0.0, 0.04, 0.2, 0.24, 0.6, 0.64, 0.9]
    clip = write_clip(tmp_path / f"clip.{suffix}", pictures(7), times, sound=sound)
    outcome = convert_video(track_video(clip, detector=find), tmp_path / "clip")
    assert outcome.frames == 7
    written, heard = read(tmp_path / "clip_people.mp4")
    assert written == times
    assert heard == pytest.approx(0.94 if sound else 0, abs=0.09)


def test_a_part_begins_at_0_with_its_sound(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pictures(50), sound="aac")
    video = track_video(clip, detector=find, options=FrameOptions(start=0.5, end=1.5))
    convert_video(video, tmp_path / "part")
    written, heard = read(tmp_path / "part_people.mp4")
    assert written[0] == 0
    assert written[-1] == pytest.approx(0.96, abs=0.03)
    assert heard == pytest.approx(1.0, abs=0.1)
    lines = (tmp_path / "part.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["frame"] == 13
    assert json.loads(lines[0])["time"] == 0.52


def test_odd_sizes(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "odd.mp4", rate=25) as writer:
        for number, image in enumerate(pictures(3, 47, 63)):
            writer.write(image, number / 25)
    with av.open(str(tmp_path / "odd.mp4")) as container:
        assert [(frame.height, frame.width) for frame in container.decode(video=0)] == [(48, 64)] * 3


@pytest.mark.slow
def test_what_was_written_plays_although_it_was_never_finished(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "cut.mp4", rate=25)
    rng = np.random.default_rng(0)
    for number in range(600):
        writer.write(rng.integers(0, 255, (32, 32, 3), np.uint8), number / 25)
    copy = tmp_path / "copy.mp4"
    copy.write_bytes((tmp_path / "cut.mp4").read_bytes())
    writer.close()
    assert len(list(open_source(copy))) >= 500


def test_the_lines_of_a_frame(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pictures(3))
    convert_video(track_video(clip, detector=find), tmp_path / "clip", draw=False)
    lines = [json.loads(line) for line in (tmp_path / "clip.jsonl").read_text().splitlines()]
    assert [(line["frame"], line["time"], line["id"]) for line in lines] == [(0, 0, 0), (1, 0.04, 0), (2, 0.08, 0)]
    assert set(lines[0]) == {"frame", "time", "id", "score", "keypoints", "traced"}
    assert lines[0]["traced"] == []
    expected = find(np.zeros((48, 64, 3), np.uint8))
    table = np.reshape(lines[0]["keypoints"], (17, 3))
    assert np.abs(table[:, :2] - expected.keypoints[0]).max() < 0.01
    assert (table[:, 2] == 1).all()
    assert not (tmp_path / "clip_people.mp4").exists()


def test_every_format(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow.parquet

    clip = write_clip(tmp_path / "clip.mp4", pictures(3))
    out = tmp_path / "out"
    out.mkdir()
    outcome = convert_video(track_video(clip, detector=find), out / "clip", formats=FORMATS)
    assert sorted(outcome.files) == sorted(out.iterdir()) == sorted(output_files(out / "clip", FORMATS, True))
    coco = json.loads((out / "clip_coco.json").read_text())
    assert [(entry["image_id"], entry["track_id"]) for entry in coco] == [(0, 0), (1, 0), (2, 0)]
    posetrack = json.loads((out / "clip_posetrack.json").read_text())
    assert [image["id"] for image in posetrack["images"]] == [0, 1, 2]
    assert [(one["image_id"], one["track_id"], len(one["keypoints"])) for one in posetrack["annotations"]] == [
        (0, 0, 51), (1, 0, 51), (2, 0, 51),
    ]  # fmt: skip
    assert len(posetrack["categories"][0]["keypoints"]) == 17
    openpose = sorted((out / "clip_openpose").iterdir())
    assert openpose[2].name == "clip_000000000002_keypoints.json"
    assert json.loads(openpose[0].read_text())["people"][0]["person_id"] == [0]
    table = pyarrow.parquet.read_table(out / "clip.parquet")
    assert table.column_names == ["frame", "time", "id", "score", "keypoints", "traced"]
    assert table["frame"].to_pylist() == [0, 1, 2]
    assert len(table["keypoints"][0]) == 51


def test_tables_mark_the_joints_that_no_peak_shows(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow.parquet

    two = np.zeros((1, 17), bool)
    two[0, [COCO_17.index("left_wrist"), COCO_17.index("right_ankle")]] = True
    frame, people = Frame(3, 0.12, np.zeros((48, 64, 3), np.uint8)), find(np.zeros((48, 64, 3), np.uint8))
    marked = People(people.skeleton, people.keypoints, people.keypoint_scores, people.scores, traced=two)
    with AllResults(tmp_path / "clip", ("jsonl", "parquet")) as results:
        results.add(frame, marked)
        results.add(frame, People.empty(COCO_17))
    (line,) = (tmp_path / "clip.jsonl").read_text().splitlines()
    assert json.loads(line)["traced"] == ["left_wrist", "right_ankle"]
    table = pyarrow.parquet.read_table(tmp_path / "clip.parquet")
    assert table["traced"].to_pylist() == [["left_wrist", "right_ankle"]]
    assert json.loads(table.schema.metadata[b"bottomup.joints"]) == list(COCO_17.joints)
    with AllResults(tmp_path / "none", ("parquet",)):
        pass
    assert pyarrow.parquet.read_table(tmp_path / "none.parquet").column_names == table.column_names


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    class Full:
        def __init__(self, file: object) -> None:
            self._file, self._left = file, 25

        def write(self, data: memoryview) -> int:
            if self._left == 0:
                raise OSError(28, "No space left on device")
            part = bytes(data[: self._left])
            self._left -= len(part)
            return int(self._file.write(part))  # type: ignore[attr-defined]

        def __getattr__(self, name: str) -> object:
            return getattr(self._file, name)

    lines = Lines(tmp_path / "a.jsonl")
    lines._file = Full(lines._file)  # type: ignore[assignment]
    lines.write('{"frame": 0}\n')
    with pytest.raises(OSError, match="No space left"):
        lines.write('{"frame": 1}\n')
    lines.close()
    assert (tmp_path / "a.jsonl").read_text() == '{"frame": 0}\n'


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("full", ["clip.jsonl", "clip_people.mp4"])
def test_a_full_disk_is_said(tmp_path: Path, full: str) -> None:
    (tmp_path / full).symlink_to("/dev/full")
    clip = write_clip(tmp_path / "in.mp4", pictures(120))
    with pytest.raises(OSError, match="No space left"):
        convert_video(track_video(clip, detector=find), tmp_path / "clip")
    if full.endswith("mp4"):
        lines = (tmp_path / "clip.jsonl").read_text().splitlines()
        assert [json.loads(line)["frame"] for line in lines] == list(range(len(lines)))
    elif (tmp_path / "clip_people.mp4").exists():
        assert len(read(tmp_path / "clip_people.mp4")[0]) <= 5


def test_a_thousand_frames_a_second(tmp_path: Path) -> None:
    times = [number / 1000 for number in range(30)]
    clip = write_clip(tmp_path / "in.mp4", pictures(30), times)
    convert_video(track_video(clip, detector=find), tmp_path / "clip")
    assert read(tmp_path / "clip_people.mp4")[0] == times
    lines = (tmp_path / "clip.jsonl").read_text().splitlines()
    assert [json.loads(line)["time"] for line in lines] == times


def test_ctrl_c_leaves_files_that_are_whole(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mp4", pictures(40), sound="aac")
    seen = []

    def interrupt(frame: object, people: People) -> None:
        seen.append(frame)
        if len(seen) == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert_video(track_video(clip, detector=find), tmp_path / "clip", done=interrupt)
    times, heard = read(tmp_path / "clip_people.mp4")
    assert len(times) == 20
    assert heard == pytest.approx(0.8, abs=0.1)
    assert len((tmp_path / "clip.jsonl").read_text().splitlines()) == 20


def test_missing_joints_are_zeros(tmp_path: Path) -> None:
    people = standing((4, 4))
    scores = people.keypoint_scores.copy()
    scores[0, 3] = 0
    keypoints = np.where(scores[..., None] > 0, people.keypoints, np.nan)
    from bottomup.video import Frame

    file = JsonLines(tmp_path / "a")
    file.add(Frame(7, 0.1234567, np.zeros((4, 4, 3), np.uint8)), People(people.skeleton, keypoints, scores, [0.5]))
    file.close()
    (line,) = (tmp_path / "a.jsonl").read_text().splitlines()
    assert json.loads(line)["keypoints"][9:12] == [0, 0, 0]
    assert json.loads(line)["time"] == 0.123457
