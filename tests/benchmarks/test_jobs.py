"""The benchmark of jobs: every way gives the Detector's people, and the job without a network every row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bottomup.benchmarks import jobs
from bottomup.cli import app
from tests.makers.jobs import write_pictures

PHOTOGRAPHER = Path(__file__).parents[2] / "docs" / "photographer.jpg"


@pytest.mark.slow
def test_a_job_gives_what_the_detector_gives_and_all_rows(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(PHOTOGRAPHER.read_bytes())
    path = tmp_path / "jobs.json"
    result = CliRunner().invoke(app, ["bench", "batch", str(folder), "--small", "70", "--json", str(path)])
    assert result.exit_code == 0, result.output
    loop, one, two, alone = json.loads(path.read_text())["results"]
    assert [row["name"] for row in (loop, one, two)] == [
        "Detector in a loop", "batch --workers 1", "batch --workers 2"
    ]  # fmt: skip
    assert all(row["pictures"] == 2 and row["different"] == row["failed"] == 0 for row in (loop, one, two))
    assert alone["rows"] == alone["pictures"] == 70


@pytest.mark.slow
def test_other_people_are_seen(tmp_path: Path) -> None:
    """And a picture that failed."""
    write_pictures(tmp_path / "in", [0, 1])
    (tmp_path / "in" / "1.png").write_bytes(b"no picture")
    person = {"score": 0.5, "box": [0, 0, 1, 1], "keypoints": [0.0] * 51}
    figures = jobs.as_a_job("a job", tmp_path / "in", {"0.png": [person], "1.png": []})
    assert (figures.pictures, figures.different, figures.failed) == (2, 1, 1)
    with pytest.raises(RuntimeError, match="a job must give a row for each of 1 pictures but gave 2"):
        jobs.as_a_job("a job", tmp_path / "in", {"0.png": []})


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "batch", str(tmp_path)])
    assert result.exit_code == 2
    assert "must be a folder of pictures but has none" in result.stderr
