"""`bottomup weights`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bottomup.cli import app

run = CliRunner().invoke


def test_weights_list_names_every_network() -> None:
    from bottomup.weights import list_weights

    result = run(app, ["weights", "list"])
    assert result.exit_code == 0, result.output
    names = [line.split("\t")[0] for line in result.stdout.splitlines()]
    assert names == ["network", *(network.name for network in list_weights())]


def test_weights_get_prints_where_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "human-pose-estimation-0001"
    folder.mkdir()
    for ending in (".xml", ".bin"):
        (folder / f"human-pose-estimation-0001{ending}").write_bytes(b"x")
    monkeypatch.setenv("BOTTOMUP_WEIGHTS", str(tmp_path))
    result = run(app, ["weights", "get", "human-pose-estimation-0001"])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(folder / "human-pose-estimation-0001.xml")
