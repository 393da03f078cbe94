"""`bottomup video`: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bottomup.cli import app
from bottomup.settings import Settings
from bottomup.video import open_source
from bottomup.weights import find_weights
from tests.makers.clips import pictures, write_clip
from tests.makers.detectors import BrightnessDetector


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["video", *map(str, arguments)], catch_exceptions=False)
    return result.exit_code, " ".join(result.stderr.split())


@pytest.fixture(scope="module")
def network() -> None:
    if find_weights("default") is None:
        pytest.skip("the built-in network is not in this source tree")


@pytest.mark.slow
@pytest.mark.usefixtures("network")
def test_a_photo_that_moves_keeps_its_person(tmp_path: Path) -> None:
    """The photographer of scikit-image, panned: one person, one id, in every frame."""
    pytest.importorskip("skimage")
    from bottomup.jobs.sources import sample_image

    photo = sample_image()
    clip = write_clip(tmp_path / "pan.mp4", [photo[:480, 4 * n : 440 + 4 * n] for n in range(8)])
    code, said = run(clip, "--out", tmp_path / "out", "--format", "jsonl,coco", "--input-height", "256")
    assert code == 0
    assert "8 frames, " in said
    lines = [json.loads(line) for line in (tmp_path / "out" / "pan.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines if line["id"] == 0] == list(range(8))
    assert (tmp_path / "out" / "pan_people.mp4").stat().st_size > 1000
    assert len(json.loads((tmp_path / "out" / "pan_coco.json").read_text())) == len(lines)
    code, said = run(clip, "--out", tmp_path / "out")
    assert code == 2
    assert "pan.jsonl' exists already: choose another --out, or say --overwrite" in said
    code, _ = run(clip, "--out", tmp_path / "out", "--overwrite", "--end", "0.1", "--no-draw", "--input-height", "128")
    assert code == 0


def test_options_reach_the_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bottomup.detector.Detector", BrightnessDetector)
    clip = write_clip(tmp_path / "a.mp4", pictures(2))
    options = ["--device", "cpu", "--joint-threshold", "0.2", "--refine", "crops.xml", "--no-draw"]
    assert run(clip, "--out", tmp_path / "out", *options)[0] == 0
    _, given = BrightnessDetector.made
    assert (given["device"], given["refine"]) == ("cpu", "crops.xml")
    assert given["settings"] == Settings(joint_threshold=0.2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x.mp4"], "--out or --show must be given"),
        (["x.mp4", "--out", "o", "--format", "xml"], "--format must be of jsonl, parquet"),
        (["x.mp4", "--out", "o", "--format", "none", "--no-draw"], "--out must be left out with --format none"),
        (["x.mp4", "--out", "o", "--every", "0"], "every must be at least 1 but is 0"),
        (["x.mp4", "--out", "o", "--start", "3", "--end", "2"], "end must be later than start, 3 s, but is 2"),
        (["x.mp4", "--out", "o", "--trail", "-1"], "trail must be from 0 to 600 seconds but is -1"),
    ],
)
def test_what_it_refuses(arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = run(*arguments)
    assert code == 2
    assert message in said


@pytest.mark.usefixtures("network")
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x.mp4", "'x.mp4' does not exist"),
        ("98", "there is no camera 98"),
        ("rtsp://127.0.0.1:1/a", "cannot be opened"),
    ],
)
def test_sources_that_are_not_there(source: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = run(source, "--out", "o")
    assert code == 2
    assert message in said


@pytest.mark.usefixtures("network")
def test_a_part_without_frames_is_told(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "short.mp4", pictures(5))
    code, said = run(clip, "--out", tmp_path / "out", "--start", "5")
    assert code == 1
    assert "the video has no frame in the part from 5 s on: it lasts 0.20 s" in said


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a display")
def test_without_a_display(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    clip = write_clip(tmp_path / "a.mp4", pictures(2))
    code, said = run(clip, "--show")
    assert code == 2
    assert "--show needs a display but there is none" in said


# A shell lets what it starts in the background ignore Ctrl-C, and all that this starts in turn.
HEED_CTRL_C = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("bottomup", run_name="__main__", alter_sys=True)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("network")
def test_ctrl_c_ends_it_with_whole_files(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", pictures(2000, 96, 128))
    command = [sys.executable, "-c", HEED_CTRL_C, "video", str(clip), "--out", str(tmp_path), "--input-height", "64"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    drawn = tmp_path / "a_people.mp4"
    while process.poll() is None and not (drawn.exists() and drawn.stat().st_size > 5_000):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    frames = int(" ".join(said.split()).split("interrupted after ")[1].split()[0])
    assert 0 < frames < 2000
    assert len(list(open_source(drawn))) == frames
    assert all(json.loads(line)["frame"] < frames for line in (tmp_path / "a.jsonl").read_text().splitlines())
