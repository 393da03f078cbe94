"""The live window, on a virtual display."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from bottomup.video.window import check_display
from bottomup.weights import find_weights
from tests.makers.clips import pictures, write_clip
from tests.makers.services import is_missing

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The name of a virtual display and the folder of its frame buffer."""
    if shutil.which("Xvfb") is None:
        is_missing("Xvfb")
    folder = tmp_path_factory.mktemp("display")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "640x480x24", "-fbdir", str(folder)]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()
    try:
        yield f":{number}", folder
    finally:
        server.terminate()
        server.wait()


def shown(folder: Path) -> np.ndarray:
    """(480, 640, 3) uint8 BGR of what is on the display, from its frame buffer (XWD)."""
    data = (folder / "Xvfb_screen0").read_bytes()
    header, width, height = (int.from_bytes(data[at : at + 4], "big") for at in (0, 16, 20))
    colors, line = (int.from_bytes(data[at : at + 4], "big") for at in (76, 48))
    pixels = np.frombuffer(data, np.uint8, line * height, header + 12 * colors)
    return pixels.reshape(height, line // 4, 4)[:, :width, :3]


SHOW = """
import sys, time
import numpy as np
from bottomup.video.window import Window
with Window("clip.mp4") as window:
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[:] = 10, 200, 60
    more = True
    frames = 0
    while more and frames < 600:
        more = window.show(picture)
        frames += 1
        if frames == 20:
            print("shown", flush=True)
            sys.stdin.readline()
        time.sleep(0.01)
    print("left" if not more else "stayed", flush=True)
"""


@contextmanager
def running(display: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process on a display, with pipes; it is gone in the end."""
    environment = {**os.environ, "DISPLAY": display, "PYTHONPATH": str(ROOT), "QT_LOGGING_RULES": "*=false"}
    environment.pop("WAYLAND_DISPLAY", None)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, *arguments], env=environment, text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def test_frames_are_seen_and_q_ends(display: tuple[str, Path]) -> None:
    name, folder = display
    with running(name, "-c", SHOW) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "shown"
        green = np.abs(shown(folder).astype(int) - (10, 200, 60)).max(axis=2) < 4
        assert green.sum() >= 200 * 300
        if shutil.which("xdotool") is None:
            is_missing("xdotool")
        process.stdin.write("\n")
        process.stdin.flush()
        command = ["xdotool", "search", "--name", "clip.mp4", "windowfocus", "key", "q"]
        subprocess.run(command, env={**os.environ, "DISPLAY": name}, check=True, capture_output=True)
        out, _ = process.communicate(timeout=60)
    assert out.strip() == "left"


def test_the_command_shows_a_video(display: tuple[str, Path], tmp_path: Path) -> None:
    if find_weights("default") is None:
        pytest.skip("the built-in network is not in this source tree")
    clip = write_clip(tmp_path / "a.mp4", pictures(12, 96, 128))
    with running(display[0], "-m", "bottomup", "video", str(clip), "--show", "--input-height", "64") as process:
        _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "12 frames, " in said
    assert "not saved (use --out)" in said


def test_a_display_that_is_named_but_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":987")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(RuntimeError, match="--show needs a display but :987 cannot be reached"):
        check_display()


def test_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if sys.platform.startswith("linux"):
        with pytest.raises(RuntimeError, match="--show needs a display but there is none"):
            check_display()
