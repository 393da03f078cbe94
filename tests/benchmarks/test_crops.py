"""The benchmark of crops: each way to read them, on crowds that are drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from bottomup.benchmarks.crops import CASES, METHODS, labels_of, sweep_crops
from bottomup.benchmarks.crowds import make_crowd
from bottomup.datasets import Labels
from bottomup.skeletons import CROWDPOSE_14
from tests.makers.evaluation import pose, write_labels


@pytest.mark.slow
def test_sharing_is_at_least_as_good_as_each_box_alone() -> None:
    pytest.importorskip("pycocotools")
    crowds = {
        n: make_crowd(6, CROWDPOSE_14, height=480, width=640, crowd_index=1.0, hidden=0.1, seed=n).labels()
        for n in range(1, 5)
    }
    rows = sweep_crops(Labels(Path(), CROWDPOSE_14, crowds), images=3)
    assert len(rows) == len(CASES) * len(METHODS)
    ap = {(row["case"], row["method"]): row["ap"] for row in rows}
    assert {row["images"] for row in rows} == {3}
    for case in ("ideal", "redundant", "confused"):
        assert ap[case, "candidates"] >= ap[case, "each box alone"] - 1e-9
    assert ap["redundant", "candidates"] > ap["redundant", "each box alone"] + 0.1
    with pytest.raises(ValueError, match="images must be at least 1 but is 0"):
        sweep_crops(Labels(Path(), CROWDPOSE_14, crowds), images=0)


def test_crowds_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises((ValueError, FileNotFoundError)):
        labels_of(tmp_path / "none.json")


def test_a_part_of_the_labels_may_be_meant(tmp_path: Path) -> None:
    parts = {1: {"coco_split": "train2017"}, 2: {"coco_split": "val2017"}}
    file = write_labels(tmp_path / "annotations.json", {n: [pose(), pose(x=200)] for n in parts}, images=parts)
    assert list(labels_of(file, "val2017").photos) == [2]
    with pytest.raises(ValueError, match=r"split must be a part of .*annotations\.json but is 'test'"):
        labels_of(file, "test")
