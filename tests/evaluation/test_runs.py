"""Runs that were interrupted: what is kept, what is done again, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bottomup.evaluation.runs import Run, file_digests, helpers_record
from bottomup.people import People
from bottomup.skeletons import COCO_17
from tests.makers.evaluation import pose

RECORD = {"model": "default", "settings": {"flip": False, "scales": (1.0,)}}
ONE = People(COCO_17, pose(COCO_17, 5, 6)[None].astype(np.float32), np.ones((1, 17)), np.array([0.5]))


def start(folder: Path) -> Path:
    with Run(folder, RECORD) as run:
        run.add(7, ONE)
        run.add(8, People.empty(COCO_17))
    return folder / "predictions.jsonl"


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    start(tmp_path / "new" / "run")
    with Run(tmp_path / "new" / "run", RECORD) as run:
        assert run.done == {7: ONE.to_coco(7), 8: []}
        run.add(9, ONE)
    with Run(tmp_path / "new" / "run", RECORD) as run:
        assert list(run.done) == [7, 8, 9]


def test_each_photo_is_kept_at_once(tmp_path: Path) -> None:
    with Run(tmp_path, RECORD) as run:
        run.add(7, ONE)
        (line,) = (tmp_path / "predictions.jsonl").read_text().splitlines()
        assert json.loads(line) == {"image_id": 7, "people": ONE.to_coco(7)}


@pytest.mark.parametrize("kept", [0, 1, 20, -1])
def test_a_line_that_a_crash_cut_off_is_dropped(tmp_path: Path, kept: int) -> None:
    file = start(tmp_path)
    whole = file.read_bytes()
    with Run(tmp_path, RECORD) as run:
        run.add(9, ONE)
    last = file.read_bytes()[len(whole) :]
    file.write_bytes(whole + last[:kept])
    with Run(tmp_path, RECORD) as run:
        assert list(run.done) == [7, 8]
        run.add(9, ONE)
    assert file.read_bytes() == whole + last


@pytest.mark.parametrize("line", ["{", "[]", '{"image_id": 1}', '{"image_id": 1, "people": [{}]}', "\xff"])
def test_a_damaged_line_is_no_result(tmp_path: Path, line: str) -> None:
    file = start(tmp_path)
    file.write_text(line + "\n" + file.read_text(), encoding="latin-1")
    with pytest.raises(ValueError, match=r"out must be a folder of this command but line 1 of .* is damaged"):
        Run(tmp_path, RECORD)


def test_another_run_is_refused(tmp_path: Path) -> None:
    start(tmp_path)
    other = {"model": "other", "settings": {"flip": False, "scales": (1.0, 2.0)}}
    with pytest.raises(ValueError, match=r"model was default and is other; settings\.scales was") as error:
        Run(tmp_path, other)
    assert "flip" not in str(error.value)
    with pytest.raises(ValueError, match="photos was None and is here"):
        Run(tmp_path, {**RECORD, "photos": "here"})
    with Run(tmp_path, RECORD) as run:  # and all is as it was
        assert list(run.done) == [7, 8]


def test_two_programs_cannot_have_one_folder(tmp_path: Path) -> None:
    with Run(tmp_path, RECORD), pytest.raises(ValueError, match="another program is at work"):
        Run(tmp_path, RECORD)
    start(tmp_path)


def test_folders_of_something_else_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"out must be a folder but .* is a file"):
        Run(tmp_path / "file", RECORD)
    (tmp_path / "predictions.jsonl").write_text("")
    with pytest.raises(ValueError, match=r"has no run\.json"):
        Run(tmp_path, RECORD)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ValueError, match=r"run\.json is damaged"):
        Run(tmp_path, RECORD)


def test_a_network_is_known_by_all_its_files(tmp_path: Path) -> None:
    network = tmp_path / "net.xml"
    network.write_bytes(b"layers")
    assert list(file_digests(network)) == ["net.xml"]
    network.with_suffix(".bin").write_bytes(b"weights")
    before = file_digests(network)
    network.with_suffix(".bin").write_bytes(b"others")
    after = file_digests(network)
    assert before["net.xml"] == after["net.xml"]
    assert before["net.bin"] != after["net.bin"]


def test_what_results_depend_on_beside_the_network(tmp_path: Path) -> None:
    (tmp_path / "poses.safetensors").write_bytes(b"poses")
    mends = SimpleNamespace(refiner=None, denoiser=SimpleNamespace(path=tmp_path / "poses.safetensors"))
    digest = "cc20b39e0fb0a7719594ab29e0cb53bac2e8384e525fbc8768ba968ba30f7fd6"
    assert helpers_record(mends) == {"pose_denoiser": {"poses.safetensors": digest}}
    assert helpers_record(object()) == {}
