"""`bottomup detect`, in this process with a stand-in for the detector."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from bottomup._files import JsonLog
from bottomup.cli import app
from bottomup.jobs import formats
from bottomup.jobs import results as results_module
from bottomup.jobs.results import Results
from bottomup.jobs.rows import plain_text
from bottomup.jobs.runner import Outcome
from bottomup.jobs.sources import gather_sources
from bottomup.people import People
from bottomup.settings import Settings
from bottomup.skeletons import COCO_17
from tests.makers.detectors import BrightnessDetector

run = CliRunner().invoke
Picture = Callable[..., Path]


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    """Writes a small picture whose brightness is the number of people that the stand-in sees in it."""

    def write(name: str, people: int = 1, size: tuple[int, int] = (60, 80)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path.with_suffix(".png")), np.full((*size, 3), people, np.uint8))
        return path.with_suffix(".png").rename(path)

    return write


StandIn = BrightnessDetector


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    monkeypatch.setattr("bottomup.detector.Detector", StandIn)
    return StandIn


def files(folder: Path) -> list[str]:
    """The names of what lies there for users."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def coco_results(folder: Path) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = json.loads((folder / "results.json").read_text())
    return results


@pytest.mark.usefixtures("stand_in")
def test_detect_writes_coco_results_and_pictures(picture: Picture, tmp_path: Path) -> None:
    paths = [picture("000000000139.jpg", 2), picture("street.png", 1), picture("empty.png", 0)]
    out = tmp_path / "out"
    result = run(app, ["detect", *map(str, paths), "--out", str(out)])
    assert result.exit_code == 0, result.output
    results = coco_results(out)
    assert [(r["image_id"], r["file_name"]) for r in results] == [(139, paths[0].name)] * 2 + [(1, "street.png")]
    assert all(len(r["keypoints"]) == 51 and r["category_id"] == 1 and r["score"] == 0.75 for r in results)
    written = files(out)
    assert written == ["000000000139_people.jpg", "empty_people.jpg", "results.json", "street_people.jpg"]
    drawn = cv2.imread(str(out / "street_people.jpg"))
    assert drawn.shape == (60, 80, 3)
    assert drawn.max() > 100


@pytest.mark.usefixtures("stand_in")
def test_coco_results_load_into_pycocotools(picture: Picture, tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    paths = [picture("7.jpg", 2), picture("street.png", 3)]
    assert run(app, ["detect", *map(str, paths), "--out", str(tmp_path / "out"), "--no-draw"]).exit_code == 0
    truth = coco.COCO()
    truth.dataset = {"images": [{"id": 7}, {"id": 1}], "annotations": [], "categories": [{"id": 1}]}
    truth.createIndex()
    loaded = truth.loadRes(str(tmp_path / "out" / "results.json"))
    assert len(loaded.getAnnIds(imgIds=[7])) == 2
    assert len(loaded.getAnnIds(imgIds=[1])) == 3


@pytest.mark.usefixtures("stand_in")
def test_detect_writes_openpose_files(picture: Picture, tmp_path: Path) -> None:
    out = tmp_path / "out"
    paths = [picture("a.jpg", 1), picture("a.png", 2)]
    result = run(app, ["detect", *map(str, paths), "--out", str(out), "--format", "openpose", "--no-draw"])
    assert result.exit_code == 0, result.output
    assert files(out) == ["a_keypoints.json", "a_png_keypoints.json"]
    assert len(json.loads((out / "a_png_keypoints.json").read_text())["people"]) == 2


@pytest.mark.usefixtures("stand_in")
def test_format_none_leaves_only_pictures(picture: Picture, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(app, ["detect", str(picture("a.jpg")), "--out", str(out), "--format", "none"]).exit_code == 0
    assert files(out) == ["a_people.jpg"]


@pytest.mark.usefixtures("stand_in")
def test_without_out_nothing_is_written(picture: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = picture("a.jpg", 3)
    monkeypatch.chdir(tmp_path)
    result = run(app, ["detect", "a.jpg"])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == ["picture\tpeople\tbest score\terror", "a.jpg\t3\t0.750\t"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("stand_in")
def test_one_bad_file_among_many_is_reported_and_skipped(picture: Picture, tmp_path: Path) -> None:
    first, fails, last = picture("a.jpg", 1), picture("fails.png", 99), picture("z.jpg", 2)
    broken, missing = tmp_path / "broken.jpg", tmp_path / "missing.jpg"
    broken.write_bytes(first.read_bytes()[:100])
    out = tmp_path / "out"
    result = run(app, ["detect", *map(str, [first, broken, missing, fails, last]), "--out", str(out)])
    assert result.exit_code == 1
    rows = {line.split("\t")[0]: line.split("\t") for line in result.stdout.splitlines()}
    assert rows["a.jpg"][1] == "1"
    assert rows["z.jpg"][1] == "2"
    assert "broken.jpg" in rows["broken.jpg"][3]
    assert "does not exist" in rows["missing.jpg"][3]
    assert rows["fails.png"][3] == "RuntimeError: the network fell over"
    assert [entry["file_name"] for entry in coco_results(out)] == ["a.jpg", "z.jpg", "z.jpg"]
    assert sorted(path.name for path in out.glob("*.jpg")) == ["a_people.jpg", "z_people.jpg"]


@pytest.mark.usefixtures("stand_in")
def test_an_interrupted_run_keeps_what_it_has(
    picture: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [picture(f"{name}.png", 2, size=(60, 80 + 10 * n)) for n, name in enumerate("abc")]
    add, out = Results.add, tmp_path / "out"

    def stop_after_one(self: Results, outcome: Any) -> None:
        if list(out.glob("results.json.partial")) and (out / "results.json.partial").read_text():
            raise KeyboardInterrupt
        add(self, outcome)

    monkeypatch.setattr(Results, "add", stop_after_one)
    result = run(app, ["detect", *map(str, paths), "--out", str(out)])
    assert result.exit_code == 130
    assert "interrupted after 1 of 3 pictures, whose results are complete" in result.stderr
    assert len(coco_results(out)) == 2
    assert not (out / "results.json.partial").exists()


def test_results_are_on_disk_before_the_run_ends(tmp_path: Path) -> None:
    image = np.full((60, 80, 3), 2, np.uint8)
    results = Results(tmp_path, formats=["coco"], draw=True, skeleton=COCO_17)
    (source,) = sources = gather_sources([Path("a.png")], sample=False)
    people = StandIn()(image)
    results.finish(source, image, people)
    results.add(Outcome(source, image.shape, people))
    (row,) = map(json.loads, (tmp_path / "results.json.partial").read_text().splitlines())
    assert (row["path"], row["width"], row["height"], row["error"], len(row["people"])) == ("a.png", 80, 60, None, 2)
    assert (tmp_path / "a_people.jpg").is_file()
    assert results.close(sources) is None
    assert len(coco_results(tmp_path)) == 2


@pytest.mark.usefixtures("stand_in")
def test_what_killed_runs_left_is_kept_and_told(picture: Picture, tmp_path: Path) -> None:
    (tmp_path / "results.json.partial").write_text("older\n")
    (tmp_path / "results.json.partial.1").write_text("oldest\n")
    result = run(app, ["detect", str(picture("a.png", 2)), "--out", str(tmp_path), "--no-draw"])
    assert result.exit_code == 0
    assert len(coco_results(tmp_path)) == 2
    left = {path.name: path.read_text() for path in tmp_path.glob("results.json.*")}
    assert left == {"results.json.partial.1": "oldest\n", "results.json.partial.2": "older\n"}
    told = f"an earlier run was killed: its results, a line of JSON for each picture, are in {tmp_path}"
    assert told in result.stderr


@pytest.mark.usefixtures("stand_in")
def test_the_table_tells_where_pictures_of_one_name_went(picture: Picture, tmp_path: Path) -> None:
    paths = [picture("one/a.png", 2), picture("two/a.png", 2)]
    result = run(app, ["detect", *map(str, paths), "--out", str(tmp_path / "out")])
    header, *rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert header == ["picture", "people", "best score", "error", "saved as"]
    assert [row[-1] for row in rows] == ["one_a", "two_a"]
    assert {path.name for path in (tmp_path / "out").glob("*.jpg")} == {"one_a_people.jpg", "two_a_people.jpg"}


@pytest.mark.usefixtures("stand_in")
def test_results_that_cannot_be_put_together_are_told_and_kept(
    picture: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, rows: Any) -> None:
        path.write_text("[")
        raise OSError("no space left on device")

    monkeypatch.setitem(formats.TOGETHER, "coco", ("results.json", full))
    out = tmp_path / "out"
    result = run(app, ["detect", str(picture("a.png", 2)), "--out", str(out), "--no-draw"])
    assert result.exit_code == 1
    assert "no space left on device; a line for each picture is in results.json.partial" in result.stderr
    assert "a.png\t2" in result.stdout
    assert files(out) == ["results.json.partial"]
    assert len(json.loads((out / "results.json.partial").read_text())["people"]) == 2


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("what", ["log", "drawing"])
def test_a_full_disk_ends_the_run_and_keeps_what_there_is(
    picture: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    paths = [picture(f"{number}.png", 1, size=(60, 80 + number)) for number in range(1, 60)]
    out, written = tmp_path / "out", []

    def full(*arguments: Any) -> None:
        written.append(arguments)
        if len(written) > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments)

    owner, name = (JsonLog, "add") if what == "log" else (results_module, "write_atomically")
    real = getattr(owner, name)
    monkeypatch.setattr(owner, name, full)
    result = run(app, ["detect", *map(str, paths), "--out", str(out)])
    assert result.exit_code == 1
    assert result.stderr.count("No space left on device") == 1
    assert "pictures are done" in result.stderr
    assert "Traceback" not in result.output
    found = {entry["image_id"] for entry in coco_results(out)}
    assert found == {int(line.split(".")[0]) for line in result.stdout.splitlines()[1:]}
    assert len(found) == 3 if what == "log" else len(found) <= 3
    assert len(written) < 59, "it does not go on with what cannot be kept"


@pytest.mark.usefixtures("stand_in")
def test_a_folder_that_vanishes_is_made_again_for_the_results(
    picture: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, out, add = [picture(f"{number}.png", 1) for number in range(3)], tmp_path / "out", Results.add

    def add_and_remove(self: Results, outcome: Any) -> None:
        add(self, outcome)
        shutil.rmtree(out, ignore_errors=True)

    monkeypatch.setattr(Results, "add", add_and_remove)
    result = run(app, ["detect", *map(str, paths), "--out", str(out), "--no-draw"])
    assert result.exit_code == 0, result.output
    assert len(coco_results(out)) == 3


@pytest.mark.usefixtures("stand_in")
def test_two_runs_cannot_have_one_folder(picture: Picture, tmp_path: Path) -> None:
    first = Results(tmp_path, formats=["coco"], draw=False, skeleton=COCO_17)
    result = run(app, ["detect", str(picture("a.png", 2)), "--out", str(tmp_path), "--no-draw"])
    assert result.exit_code == 2
    assert "--out must be a folder of one run but another program is at work in" in result.stderr
    assert first.close([]) is None
    assert coco_results(tmp_path) == []
    assert run(app, ["detect", str(picture("a.png", 2)), "--out", str(tmp_path), "--no-draw"]).exit_code == 0


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(
    "name", ["n" * 240, "n" * 251, "日" * 78, "日" * 83, os.fsdecode(b"caf\xe9"), "a\tb\nc", "\u202egpj", "-", "'\"&"]
)
@pytest.mark.parametrize("format", ["coco", "openpose", "yolo"])
def test_any_name_gets_its_results(picture: Picture, tmp_path: Path, name: str, format: str) -> None:
    short = picture("photos/a.png", 2)
    short.rename(short.with_name(f"{name}.jpg"))
    out = tmp_path / "out"
    result = run(app, ["detect", str(short.parent), "--out", str(out), "--format", format])
    assert result.exit_code == 0, result.output
    assert len(list(out.glob("*_people.jpg"))) == 1
    if format == "coco":
        assert [entry["file_name"] for entry in coco_results(out)] == 2 * [plain_text(f"{name}.jpg")]
        (out / "results.json").read_bytes().decode("utf-8")
    else:
        assert len(list(out.glob("*_keypoints.json" if format == "openpose" else "labels/*.txt"))) == 1
    (row,) = result.stdout.splitlines()[1:]
    assert row.split("\t")[0].isprintable()


@pytest.mark.usefixtures("stand_in")
def test_tables_hold_names_that_are_no_utf_8(picture: Picture, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    short = picture("photos/a.png", 2)
    short.rename(short.with_name(os.fsdecode(b"caf\xe9.png")))
    out, formats = tmp_path / "out", "csv,jsonl,parquet,coco-dataset"
    result = run(app, ["detect", str(short.parent), "--out", str(out), "--format", formats, "--no-draw"])
    assert result.exit_code == 0, result.output
    with (out / "results.csv").open(encoding="utf-8", newline="") as file:
        assert {Path(line["path"]).name for line in csv.DictReader(file)} == {"caf\\xe9.png"}
    (row,) = map(json.loads, (out / "results.jsonl").read_text(encoding="utf-8").splitlines())
    assert Path(row["path"]).name == "caf\\xe9.png"
    assert len(row["people"]) == 2
    (path,) = parquet.read_table(out / "results.parquet")["path"].to_pylist()
    assert Path(path).name == "caf\\xe9.png"
    (image,) = json.loads((out / "annotations.json").read_text(encoding="utf-8"))["images"]
    assert image["file_name"] == "caf\\xe9.png"


@pytest.mark.usefixtures("stand_in")
def test_long_names_that_begin_alike_stay_apart(picture: Picture, tmp_path: Path) -> None:
    for ending in "ab":
        picture("photos/a.png", 1).rename(tmp_path / "photos" / f"{'n' * 249}{ending}.jpg")
    out = tmp_path / "out"
    assert run(app, ["detect", str(tmp_path / "photos"), "--out", str(out), "--format", "openpose"]).exit_code == 0
    assert len(list(out.glob("*_keypoints.json"))) == len(list(out.glob("*_people.jpg"))) == 2


@pytest.mark.usefixtures("stand_in")
def test_no_drawing_replaces_a_picture(picture: Picture, tmp_path: Path) -> None:
    paths = [picture("a.png", 1), picture("a_people.jpg", 1)]
    before = paths[1].read_bytes()
    command = ["detect", *map(str, paths), "--out", str(tmp_path)]
    result = run(app, command)
    assert result.exit_code == 2
    assert "--out must be a folder where no drawing can replace a picture but one could: " in result.stderr
    assert paths[1].read_bytes() == before
    assert run(app, [*command, "--no-draw"]).exit_code == 0


@pytest.mark.usefixtures("stand_in")
def test_a_folder_stands_for_its_pictures(picture: Picture, tmp_path: Path) -> None:
    for name in ("photos/b.jpg", "photos/A.PNG", "photos/deeper/c.jpg"):
        picture(name)
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    (tmp_path / "photos" / "._b.jpg").write_text("not worth a word")
    result = run(app, ["detect", str(tmp_path / "photos")])
    assert [line.split("\t")[0] for line in result.stdout.splitlines()[1:]] == ["A.PNG", "b.jpg"]
    assert "photos: not taken for pictures: deeper/, notes.txt\n" in result.stderr
    assert "network: default, by Stand-in on cpu\n" in result.stderr


@pytest.mark.usefixtures("stand_in")
def test_nothing_to_write_is_wrong_usage(picture: Picture, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(app, ["detect", str(picture("a.png", 2)), "--out", str(out), "--format", "none", "--no-draw"])
    assert result.exit_code == 2
    assert "--out must be left out with --format none --no-draw" in result.stderr
    assert not out.exists()


def test_options_reach_the_detector(picture: Picture, stand_in: type[StandIn]) -> None:
    options = ["--model", "x.xml", "--device", "cpu", "--backend", "openvino", "--input-height", "256", "--flip"]
    options += ["--person-threshold", "0.3", "--joint-threshold", "0.2", "--scales", "0.5,1", "--merge", "candidates"]
    options += ["--refine", "crops.xml"]
    assert run(app, ["detect", str(picture("a.jpg")), *options]).exit_code == 0
    model, given = stand_in.made
    assert (model, given["device"], given["backend"]) == ("x.xml", "cpu", "openvino")
    assert given["refine"] == "crops.xml"
    assert given["settings"] == Settings(
        input_height=256, flip=True, person_threshold=0.3, joint_threshold=0.2, scales=(0.5, 1.0), merge="candidates"
    )
    assert run(app, ["detect", str(picture("a.jpg"))]).exit_code == 0
    usual = {"device": None, "backend": None, "settings": Settings(), "refine": None}
    assert stand_in.made == ("default", usual)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["detect"], "name pictures or a folder of them, or use --sample"),
        (["detect", "{tmp}"], "must be a folder of pictures but has none"),
        (["detect", "a.jpg", "--scales", "1,two"], "--scales must be numbers with commas between them but is '1,two'"),
        (["detect", "a.jpg", "--scales", "0"], "scales must be"),
        (["detect", "a.jpg", "--scales", "100"], "scales must be at most"),
        (["detect", "a.jpg", "--merge", "both"], "merge must be one of"),
        (["detect", "a.jpg", "--input-height", "-3"], "input_height must be"),
        (
            ["detect", "a.jpg", "--format", "xml"],
            "--format must be of coco, coco-dataset, csv,",
        ),
        (["detect", "a.jpg", "--model", "nonsense"], "model must be one of 'default'"),
        (["detect", "a.jpg", "--model", "missing.xml"], "'missing.xml'"),
        (["detect", "a.jpg", "--device", "toaster"], "toaster"),
        (["detect", "{photos}", "--out", "{photos}"], "--out must be another folder than the pictures' own"),
        (["detect", ""], "an argument must not be empty (the current folder is .)"),
        (["detect", "a.jpg", "--out", ""], "--out must not be empty"),
        (["detect", "a.jpg", "--out="], "--out must not be empty"),
        (["weights", "get", ""], "an argument must not be empty"),
        (["weights", "get", "nonsense"], "name must be one of"),
        (["train", "missing.toml"], "missing.toml"),
        (["train", "default", "--hours", "-1"], "--hours must be positive but is -1"),
        (["train", "default", "--hours", "nan"], "--hours must be positive but is nan"),
        (["eval", "coco", "{tmp}/list.json"], "the file holds a list, as one of results does"),
        (["no-such-command"], "no-such-command"),
    ],
)
def test_wrong_usage_is_explained(arguments: list[str], message: str, picture: Picture, tmp_path: Path) -> None:
    if arguments[0] == "train" or "toaster" in arguments:
        pytest.importorskip("torch")
    picture("photos/a.jpg")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "list.json").write_text("[]")
    places = {"tmp": tmp_path / "empty", "photos": tmp_path / "photos"}
    result = run(app, [argument.format(**places) for argument in arguments])
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


@pytest.mark.usefixtures("stand_in")
def test_out_that_is_a_file_is_explained(picture: Picture) -> None:
    path = picture("a.jpg")
    result = run(app, ["detect", str(path), "--out", str(path)])
    assert result.exit_code == 2
    assert "--out must be" in result.stderr


@pytest.mark.usefixtures("stand_in")
def test_a_missing_sample_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    result = run(app, ["detect", "--sample"])
    assert result.exit_code == 2
    assert "pip install 'bottomup[sample]'" in result.stderr


@pytest.mark.usefixtures("stand_in")
def test_the_sample_is_the_photographer(monkeypatch: pytest.MonkeyPatch) -> None:
    skimage_data = pytest.importorskip("skimage.data")
    seen = []
    monkeypatch.setattr(StandIn, "look", lambda self, image: seen.append(image) or People.empty(COCO_17))
    result = run(app, ["detect", "--sample"])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1] == "photographer\t0\t\t"
    assert (seen[0] == skimage_data.camera()[:, :, None]).all()


@pytest.mark.usefixtures("stand_in")
def test_doubtful_pictures_have_a_warning_in_the_table(picture: Picture, tmp_path: Path) -> None:
    whole, short = picture("a.png", 1), tmp_path / "b.jpg"
    assert cv2.imwrite(str(short), np.full((60, 80, 3), 1, np.uint8))
    content = short.read_bytes()
    assert content.endswith(b"\xff\xd9")
    short.write_bytes(content[:-2])
    result = run(app, ["detect", str(whole), str(short)])
    assert result.exit_code == 0, result.output
    header, first, second = (line.split("\t") for line in result.stdout.splitlines())
    assert header == ["picture", "people", "best score", "error", "warning"]
    assert first[4] == ""
    assert second[1] == "1"
    assert second[4]
