"""What the commands show: any name on any terminal, and a stdout that takes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bottomup._files import printable
from tests.makers.jobs import ROOT, encoded, start_slowly, write_pictures


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("photo 1.jpg", "photo 1.jpg"),
        ("日本.jpg", "日本.jpg"),
        ("caf\udce9.jpg", "caf\\xe9.jpg"),
        ("a\u202egpj.exe", "a\\u202egpj.exe"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\nb\tc", "a\\x0ab\\x09c"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_names_are_shown_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp1252"])
def test_every_encoding_of_stdout_shows_a_table(tmp_path: Path, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("日本.png", os.fsdecode(b"caf\xe9.png"), "\u202egpj.png"):
        (tmp_path / name).write_bytes(encoded(2))
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    process = start_slowly("detect", str(tmp_path), "--out", str(tmp_path / "out"), pause=0)
    assert process.stdout is not None
    process.stdout.reconfigure(encoding=encoding)  # type: ignore[attr-defined]
    output, errors = process.communicate()
    assert (process.returncode, errors.count("Traceback")) == (0, 0), errors
    rows = [line.split("\t") for line in output.splitlines()[1:]]
    assert [row[1] for row in rows] == ["2"] * 3
    assert {row[0] for row in rows} == {
        "日本.png" if encoding == "utf-8" else "\\u65e5\\u672c.png", "caf\\xe9.png", "\\u202egpj.png",
    }  # fmt: skip
    assert len(list((tmp_path / "out").glob("*_people.jpg"))) == 3


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("how", ["full", "closed"])
@pytest.mark.parametrize("command", ["detect", "batch", "weights"])
def test_an_output_that_takes_nothing_is_told_and_costs_no_result(tmp_path: Path, how: str, command: str) -> None:
    write_pictures(tmp_path / "in", [1] * 3)
    job = [command, str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    arguments = ["weights", "list"] if command == "weights" else job
    process = start_slowly(*arguments, pause=0, output=how)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.count("the output could not be shown to its end: ") == 1, errors
    assert "Traceback" not in errors
    assert "Exception ignored" not in errors
    if command == "detect":
        assert (tmp_path / "out" / "results.json").read_text().count("keypoint_scores") == 3
    if command == "batch":
        assert len(list((tmp_path / "out").glob("part-*.parquet"))) == 1


def test_help_imports_nothing_heavy() -> None:
    heavy = ("torch", "cv2", "numpy", "PIL", "openvino", "ray", "pyarrow", "fsspec", "scipy", "networkx")
    program = f"""
import sys
from bottomup.cli import app
for arguments in (["--help"], ["detect", "--help"], ["bench", "crowd", "--help"], ["--version"]):
    try:
        app(arguments)
    except SystemExit as end:
        assert not end.code
print([name for name in {heavy} if name in sys.modules])
"""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr
