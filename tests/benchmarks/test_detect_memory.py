"""The memory of a detector: of small and large pictures, and over many calls."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bottomup.benchmarks.detect_memory import CASES, detect_memory, memory_growth
from bottomup.cli import app

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell a peak")


@pytest.mark.slow
def test_a_large_file_takes_little_more_than_a_small_one() -> None:
    """It is read at the size that the network sees; pixels that the caller holds are told apart."""
    pytest.importorskip("openvino")
    small, file, array = (
        detect_memory(case) for case in ("640 x 480, array", "48 megapixels, JPEG", "48 megapixels, array")
    )
    assert file.picture_mb == 0
    assert array.picture_mb == 144
    assert min(one.loaded_mb for one in (small, file, array)) > 50
    assert small.first_mb < 20
    assert file.first_mb < 40
    assert array.first_mb < 40


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_calls() -> None:
    """After a tenth of them."""
    pytest.importorskip("openvino")
    growth = memory_growth(300)
    assert growth.calls == 300
    assert growth.end_mb < growth.settled_mb + 5


def test_too_few_calls_are_an_error(tmp_path: Path) -> None:
    """Before anything is measured."""
    with pytest.raises(ValueError, match="calls must be at least 10 but is 9"):
        memory_growth(9)
    result = CliRunner().invoke(app, ["bench", "memory", "--calls", "5", "--json", str(tmp_path / "memory.json")])
    assert result.exit_code == 2
    assert "--calls must be 0 or at least 10 but is 5" in result.stderr


@pytest.mark.slow
def test_a_model_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the words of the process that measures."""
    with pytest.raises(RuntimeError, match="model must be one of"):
        detect_memory(next(iter(CASES)), model="no network")
    with pytest.raises(KeyError):
        detect_memory("another picture")


@pytest.mark.slow
def test_the_command_writes_every_figure(tmp_path: Path) -> None:
    """A row for each case, and one for the many calls."""
    pytest.importorskip("openvino")
    path = tmp_path / "memory.json"
    result = CliRunner().invoke(app, ["bench", "memory", "--calls", "20", "--json", str(path)])
    assert result.exit_code == 0, result.output
    rows = json.loads(path.read_text())["results"]
    assert [row["case"] for row in rows] == [*CASES, "20 calls"]
    assert all(row["first_mb"] >= 0 for row in rows[:-1])
    assert rows[-1]["end_mb"] > 0
