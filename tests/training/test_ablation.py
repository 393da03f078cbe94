"""Runs that differ in one thing each, and the table of what they reach."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import pytest

from bottomup.training import TrainConfig, ablation
from bottomup.training.ablation import CROP_FEATURES, FEATURES, FIELD_FEATURES, ablate, rows

pytest.importorskip("pycocotools")


def quiet(_: str) -> None:
    pass


def test_every_feature_is_turned_round_once(config: TrainConfig) -> None:
    table = dict(rows(dataclasses.replace(config, teacher="a.xml", crowd=0.2), seeds=3))
    assert list(table)[:3] == ["the recipe", "the recipe, seed 1", "the recipe, seed 2"]
    assert table["without learning from a teacher"] == {"teacher": ""}
    assert table["without somebody in front"] == {"crowd": 0.0}
    assert table["with half bodies"] == {"half_body": 0.3}
    assert len(table) == 3 + len(FEATURES) + len(FIELD_FEATURES)
    # Without a teacher there is none to switch on; with one stage none is intermediate.
    one_stage = dataclasses.replace(config, network=dataclasses.replace(config.network, stages=1))
    assert not {name for name, _ in rows(one_stage) if "teacher" in name or "intermediate" in name}
    # A recipe can be made of every row.
    for changes in table.values():
        dataclasses.replace(config, **changes)


@pytest.mark.slow
def test_a_table_is_written_and_finished_rows_are_kept(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    config = dataclasses.replace(config, steps=6, sources=(config.sources[0], dataclasses.replace(config.sources[1])))
    monkeypatch.setattr(ablation, "FEATURES", FEATURES[:2])
    monkeypatch.setattr(ablation, "FIELD_FEATURES", ())
    path = ablate(config, say=quiet)
    with path.open() as file:
        header, *table = csv.reader(file)
    assert tuple(header) == ablation.COLUMNS
    assert [row[0] for row in table] == [
        "the recipe",
        "the recipe, seed 1",
        "without intermediate supervision",
        "without foreground weights",
    ]
    assert table[3][1:3] == ["foreground = 0.0", "24"]
    assert all(float(row[3]) > 0 and 0 <= float(row[4]) <= 1 and row[5] == "" for row in table)
    assert len({row[3] for row in table}) == 4, "they were trained differently"
    assert (path.parent / "ablation.md").read_text().count("\n") == 6

    def trained_again(*_: object, **__: object) -> Path:
        raise AssertionError

    monkeypatch.setattr(ablation, "train", trained_again)
    before = path.read_text()
    ablate(config, say=quiet)
    assert path.read_text() == before
    assert Path(config.out) == path.parent


def test_crops_have_losses_of_their_own(config: TrainConfig) -> None:
    table = dict(rows(dataclasses.replace(config, mode="crops"), seeds=1))
    assert list(table)[1:4] == ["crop_loss softmax", "crop_loss integral", "without interference joints"]
    assert table["crop_loss softmax"] == {"crop_loss": "softmax"}
    assert len(table) == 3 + len(FEATURES) + len(CROP_FEATURES)
    for changes in table.values():
        dataclasses.replace(config, mode="crops", **changes)


def test_runs_must_be_of_equal_length(config: TrainConfig) -> None:
    with pytest.raises(ValueError, match=r"steps must be above 0 for an ablation, .* but is 0"):
        ablate(dataclasses.replace(config, steps=0, hours=1.0), say=quiet)
