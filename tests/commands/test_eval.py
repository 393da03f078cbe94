"""`bottomup eval` as a user calls it, with a stand-in for the detector."""

from __future__ import annotations

import errno
import json
import os
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from bottomup._files import FolderLock, JsonLog
from bottomup.cli import app
from bottomup.commands import _eval_tables
from bottomup.evaluation.metrics import Evaluation
from bottomup.evaluation.reliability import Judged, Reliability
from bottomup.networks.calibration import Calibration, Curve
from bottomup.people import People
from bottomup.skeletons import COCO_17, CROWDPOSE_14, MPII_16
from tests.makers.evaluation import entry, pose, write_labels

pytest.importorskip("pycocotools")
run = CliRunner().invoke


class StandIn:
    """Finds the one labelled person, but not in photo 3; fails in a photo named broken, stops where it is told to."""

    seen: list[str]
    stop_at: str | None
    skeleton = COCO_17
    backend = SimpleNamespace(library="Stand-in", device="cpu")
    info = SimpleNamespace(calibration=None)
    refiner = None

    def __init__(self, model: str, **options: Any) -> None:
        self.settings = options["settings"]

    def __call__(self, path: Path) -> People:
        if path.stem == type(self).stop_at:
            raise KeyboardInterrupt
        type(self).seen.append(path.stem)
        if cv2.imread(str(path)) is None:
            raise ValueError(f"image must be a picture but {path.name} is none")
        if path.stem == "3":
            return People.empty(COCO_17)
        return People(COCO_17, pose()[None].astype(np.float32), np.ones((1, 17)), np.array([0.5]))


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    StandIn.seen, StandIn.stop_at = [], None
    monkeypatch.setattr("bottomup.detector.Detector", StandIn)
    return StandIn


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four photos with a person each; 1 and 2 are of split `a`."""
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    for key in range(1, 5):
        cv2.imwrite(str(folder / "images" / f"{key}.png"), np.full((480, 640, 3), 60 * key, np.uint8))
    splits = {key: {"coco_split": "a" if key < 3 else "b"} for key in range(1, 5)}
    write_labels(folder / "annotations.json", {key: [pose()] for key in range(1, 5)}, images=splits)
    return folder


def scores(*arguments: object) -> dict[str, Any]:
    result = run(app, ["eval", *map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_a_network_over_a_folder(data: Path, tmp_path: Path, detector: type[StandIn]) -> None:
    out = tmp_path / "out"
    report = scores("coco", data, "--out", out, "--flip")
    assert detector.seen == ["1", "2", "3", "4"]
    assert report["scores"]["AR"] == pytest.approx(0.75)
    assert (report["people"]["missed"], report["people"]["invented"]) == (1, 0)
    assert report["source"]["settings"]["flip"] is True
    assert report["source"]["weights"]["default.safetensors"]
    assert json.loads((out / "coco.json").read_text()) == report
    assert [one["image_id"] for one in json.loads((out / "results.json").read_text())] == [1, 2, 4]
    assert scores("coco", data, "--results", out / "results.json")["scores"] == report["scores"]


@pytest.mark.slow
def test_scores_are_plotted_against_what_is_right(data: Path, tmp_path: Path, detector: type[StandIn]) -> None:
    pytest.importorskip("matplotlib")
    report = scores("coco", data, "--out", tmp_path / "out", "--plots")
    assert report["reliability"]["people"] == {"error": 0.5, "bins": [{"score": 0.5, "right": 1.0, "count": 3}]}
    assert report["reliability"]["joints"]["bins"] == [{"score": 1.0, "right": 1.0, "count": 51}]
    plot = cv2.imread(str(tmp_path / "out" / "reliability.png"))
    assert plot.shape[1] > 600
    for arguments, message in (
        (["coco", str(data), "--plots"], "--plots must have a folder to write to: --out DIR"),
        (["pck", str(data), "--plots", "--out", str(tmp_path / "pck")], "--plots must be with a metric by OKS"),
    ):
        result = run(app, ["eval", *arguments])
        assert result.exit_code == 2
        assert message in result.stderr


def test_curves_for_a_network_without_calibration_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(4000)
    found = Reliability(
        Judged(scores, rng.random(4000) < Curve(0.3, 0.05)(scores)),
        Judged(scores, rng.random(4000) < Curve(0.4, 0.2)(scores)),
    )
    details: dict[str, Any] = {
        "unscorable_joints": [], "areas_from_boxes": 0, "default_sigmas": [], "notes": []
    }  # fmt: skip
    evaluation = Evaluation("coco", {}, details, {}, {}, {}, {}, COCO_17, found)
    _eval_tables.notes(evaluation, {}, None, uncalibrated=True)
    told = capsys.readouterr().err
    (table,) = re.findall(r"calibration = (\{.*\})", told)
    curves = Calibration.from_dict(tomllib.loads(f"calibration = {table}")["calibration"])
    assert curves == found.calibration
    _eval_tables.notes(evaluation, {}, None)
    assert "calibration =" not in capsys.readouterr().err


def test_the_page_shows_the_worst_photos(data: Path, tmp_path: Path, detector: type[StandIn]) -> None:
    scores("coco", data, "--out", tmp_path / "out")
    page = (tmp_path / "out" / "worst.html").read_text()
    assert re.findall(r'src="([^"]+)"', page) == ["worst/3_found.jpg", "worst/3_labelled.jpg"]
    assert "error 1.00: 1 labelled, 0 found, 1 missed, 0 invented" in page
    found, labelled = (cv2.imread(str(tmp_path / "out" / "worst" / f"3_{side}.jpg")) for side in ("found", "labelled"))
    assert found.shape == labelled.shape == (480, 640, 3)
    assert (np.abs(found.astype(int) - 180) < 12).all(), "nobody was found, so nothing is drawn"
    assert (np.abs(labelled.astype(int) - 180).max(axis=2) > 60).sum() > 300
    assert "<h1>default on data/annotations.json</h1>" in page
    scores("coco", data, "--out", tmp_path / "out", "--split", "a")
    assert list((tmp_path / "out" / "worst").iterdir()) == [], "the pictures of the page before are gone"
    report = scores("coco", data, "--out", tmp_path / "none", "--worst", 0)
    assert report["people"]["missed"] == 1
    assert not (tmp_path / "none" / "worst.html").exists()


def test_an_interrupted_run_goes_on(data: Path, tmp_path: Path, detector: type[StandIn]) -> None:
    detector.stop_at = "3"
    result = run(app, ["eval", "coco", str(data), "--out", str(tmp_path / "out")])
    assert result.exit_code == 130
    assert "interrupted after 2 of 4 photos; the same command goes on from there" in result.stderr
    assert not (tmp_path / "out" / "coco.json").exists()
    detector.stop_at = None
    result = run(app, ["eval", "coco", str(data), "--out", str(tmp_path / "out"), "--json"])
    assert "network: default, by Stand-in on cpu\n" in result.stderr
    assert "2 of 4 photos were looked at before, in " in result.stderr
    report = json.loads(result.stdout)
    assert detector.seen == ["1", "2", "3", "4"]
    assert report["scores"] == scores("coco", data)["scores"]
    detector.seen.clear()
    assert scores("pck", data, "--out", tmp_path / "out")["scores"]["mean"] == [0.75]
    assert detector.seen == [], "another metric needs no new run"


def test_without_out_an_interruption_says_what_would_help(data: Path, detector: type[StandIn]) -> None:
    detector.stop_at = "2"
    result = run(app, ["eval", "coco", str(data)])
    assert result.exit_code == 130
    assert "interrupted after 1 of 4 photos; with --out it could go on" in result.stderr


def test_other_settings_are_refused(data: Path, tmp_path: Path, detector: type[StandIn]) -> None:
    scores("coco", data, "--out", tmp_path / "out", "--limit", 2)
    result = run(app, ["eval", "coco", str(data), "--out", str(tmp_path / "out"), "--scales", "1,2"])
    assert result.exit_code == 2
    assert "settings.scales was [1.0] and is [1.0, 2.0]" in result.stderr
    detector.seen.clear()
    assert scores("coco", data, "--out", tmp_path / "out", "--limit", 3)["details"]["photos"] == 3
    assert detector.seen == ["3"], "more photos are no other run"


def test_another_backend_is_refused_though_none_is_named(
    data: Path, tmp_path: Path, detector: type[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    scores("coco", data, "--out", tmp_path / "out", "--limit", 2)
    monkeypatch.setattr(detector, "backend", SimpleNamespace(library="Other", device="cpu"))
    result = run(app, ["eval", "coco", str(data), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "backend was Stand-in on cpu and is Other on cpu" in result.stderr


def test_results_of_few_photos_are_told(data: Path, tmp_path: Path, detector: type[StandIn]) -> None:
    scores("coco", data, "--out", tmp_path / "out", "--limit", 1)
    result = run(app, ["eval", "coco", str(data), "--results", str(tmp_path / "out" / "results.json")])
    assert result.exit_code == 0
    assert "The results are of 1 of 4 photos; the people in the others count as missed" in result.stderr


def test_a_photo_that_cannot_be_read_is_counted(data: Path, tmp_path: Path, detector: type[StandIn]) -> None:
    (data / "images" / "2.png").write_bytes(b"no picture")
    result = run(app, ["eval", "coco", str(data), "--out", str(tmp_path / "out"), "--json"])
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["failed"] == [
        {"image_id": 2, "file_name": "2.png", "error": "image must be a picture but 2.png is none"}
    ]
    assert report["people"]["missed"] == 2
    assert "photo 2: image must be a picture" in result.stderr
    assert "1 photo could not be looked at; the people in them count as missed" in result.stderr
    assert "2.png" in (tmp_path / "out" / "worst.html").read_text()
    cv2.imwrite(str(data / "images" / "2.png"), np.zeros((480, 640, 3), np.uint8))
    assert scores("coco", data, "--out", tmp_path / "out")["people"]["missed"] == 1, "it is tried again"


def test_tables_for_programs(data: Path, detector: type[StandIn]) -> None:
    lines = run(app, ["eval", "coco", str(data), "--split", "a"]).stdout.splitlines()
    assert lines[:2] == ["score\tvalue", "AP\t1.0000"]
    assert lines[-2:] == [
        "photos\tlabelled\tmissed\tfound\tinvented\tlimbs joining two people",
        "2\t2\t0\t2\t0\t0.00 %",
    ]
    lines = run(app, ["eval", "pck", str(data), "--thresholds", "0.1,0.2", "--reference", "torso"]).stdout.splitlines()
    assert lines[:3] == [
        "joint\tlabelled\twithin 0.1 x torso\twithin 0.2 x torso",
        "mean\t\t75.0 %\t75.0 %",
        "nose\t4\t75.0 %\t75.0 %",
    ]
    lines = run(app, ["eval", "pcp", str(data)]).stdout.splitlines()
    assert lines[:3] == [
        "part\tlabelled\tstrict, within 0.5 x part\tloose, within 0.5 x part",
        "mean\t\t75.0 %\t75.0 %",
        "torso\t4\t75.0 %\t75.0 %",
    ]


def test_crowdpose_prints_its_bounds(tmp_path: Path) -> None:
    images = {1: {"crowdIndex": 0.1}, 2: {"crowdIndex": 0.5}}
    file = write_labels(
        tmp_path / "labels.json", {1: [pose(CROWDPOSE_14)], 2: [pose(CROWDPOSE_14)]}, CROWDPOSE_14, images=images
    )
    results = tmp_path / "results.json"
    results.write_text(json.dumps([entry(1, pose(CROWDPOSE_14))]))
    lines = run(app, ["eval", "crowdpose", str(file), "--results", str(results)]).stdout.splitlines()
    assert "AP easy\t1.0000\t1 photos of crowd index below 0.2" in lines
    assert "AP medium\t0.0000\t1 photos of crowd index 0.2 to 0.8" in lines
    assert "AP hard\tnone\t0 photos of crowd index from 0.8" in lines
    report = scores("crowdpose", file, "--results", results, "--crowd-bounds", "0.1,0.4")
    assert report["details"]["crowd_photos"] == {"easy": 0, "medium": 1, "hard": 1}
    assert report["details"]["crowd_index_bounds"] == [0.1, 0.4]


def test_results_in_other_joints(data: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    results.write_text(json.dumps([entry(key, pose(MPII_16)) for key in range(1, 5)]))
    command = ["eval", "coco", str(data), "--results", str(results)]
    result = run(app, command)
    assert result.exit_code == 2
    assert "results must have the 17 joints of the labels but" in result.stderr
    result = run(app, [*command, "--skeleton", "mpii16"])
    assert result.exit_code == 0, result.output
    assert "AP\t1.0000" in result.stdout
    assert (
        "Not scored, since the results cannot have them: nose, left_eye, right_eye, left_ear, right_ear"
        in result.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["map"], "'map' is not one of 'coco', 'crowdpose', 'ochuman', 'oks', 'pck', 'pckh', 'pdj', 'pcp', 'track'"),
        (["coco", "--results", "nothing.json"], "results must be a JSON file but 'nothing.json' is none"),
        (["coco", "--results", "nothing.json", "--model", "default", "--flip"], "--model and --flip must be left out"),
        (["coco", "--split", "c"], "labels must have photos of split 'c'"),
        (["coco", "--crowd-bounds", "0.1,0.2"], "--crowd-bounds must be two numbers, for crowdpose"),
        (["coco", "--thresholds", "0.1"], "thresholds must be left out for coco"),
        (["pck", "--thresholds", "x"], "--thresholds must be numbers with commas"),
        (["track", "--thresholds", "x"], "--thresholds must be numbers with commas"),
        (["coco", "--sigmas", "0.1;0.2"], "--sigmas must be numbers with commas"),
        (["track", "--sigmas", "x"], "--sigmas must be numbers with commas"),
        (["pckh"], "reference 'head' needs labels of"),
        (["crowdpose"], "the joints of crowdpose14 are needed"),
        (["coco", "--skeleton", "coco17"], "--skeleton is for --results"),
        (["coco", "--images", "nowhere"], "--images must name the folder of the photos"),
        (["coco", "--scales", "0"], "scales must be positive"),
    ],
)
def test_wrong_usage(data: Path, detector: type[StandIn], arguments: list[str], message: str) -> None:
    result = run(app, ["eval", arguments[0], str(data), *arguments[1:]])
    assert result.exit_code == 2
    assert message in " ".join(re.sub(r"[│╭╮╰╯─]", " ", result.stderr).split())
    assert detector.seen == []


def test_a_folder_without_any_of_the_photos_is_told_with_what_names_it(
    data: Path, tmp_path: Path, detector: type[StandIn]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (data / "images").rename(tmp_path / "photos")
    (data / "images").mkdir()
    for arguments in ([], ["--images", str(tmp_path / "elsewhere")]):
        result = run(app, ["eval", "coco", str(data), *arguments])
        assert result.exit_code == 2
        assert "--images must name the folder of the photos but" in result.stderr
        assert "has none of the 4, not '1.png' either" in result.stderr
    assert scores("coco", data, "--images", tmp_path / "photos")["people"]["labelled"] == 4


def test_results_for_photos_of_other_sizes_are_told(data: Path, tmp_path: Path) -> None:
    for key in (2, 3):
        cv2.imwrite(str(data / "images" / f"{key}.png"), np.zeros((240, 320, 3), np.uint8))
    results = tmp_path / "results.json"
    results.write_text(json.dumps([entry(key, pose()) for key in range(1, 5)]))
    result = run(app, ["eval", "coco", str(data), "--results", str(results)])
    assert result.exit_code == 0
    told = (
        r"Results of these photos cannot fit the labels: .*2\.png is 320 x 240 pixels but its labels are for 640 x 480"
    )
    assert re.search(told + r".*, and so are 1 others\.", result.stderr)


def test_sigmas_that_nothing_publishes_are_told_and_can_be_given(tmp_path: Path) -> None:
    names = [f"point_{number}" for number in range(17)]
    labels, results = write_labels(tmp_path / "labels.json", {1: [pose()]}), tmp_path / "results.json"
    content = json.loads(labels.read_text())
    content["categories"][0]["keypoints"] = names
    labels.write_text(json.dumps(content))
    results.write_text(json.dumps([entry(1, pose(x=12))]))
    command = ["eval", "oks", str(labels), "--results", str(results)]
    result = run(app, command)
    assert result.exit_code == 0, result.output
    told = f"Sigma 0.05, since none is published: {', '.join(names)} (--sigmas gives others)."
    assert told in " ".join(result.stderr.split())
    assert "Sigma 0.05" not in run(app, [*command, "--sigmas", "0.05"]).stderr
    strict = scores("oks", labels, "--results", results, "--sigmas", "0.02")["scores"]["AP"]
    loose = scores("oks", labels, "--results", results, "--sigmas", ",".join(["0.3"] * 17))["scores"]["AP"]
    assert strict < 0.3
    assert loose == pytest.approx(1)
    result = run(app, [*command, "--sigmas", "0.1,0.2"])
    assert result.exit_code == 2
    assert "one for each of the 17 joints" in result.stderr


def test_names_are_shown_escaped_everywhere(data: Path, tmp_path: Path, detector: type[StandIn]) -> None:
    name = "\u202egpj.png"
    (data / "images" / name).write_bytes(b"no picture")
    labels = json.loads((data / "annotations.json").read_text())
    labels["images"][3]["file_name"] = name
    (data / "annotations.json").write_text(json.dumps(labels))
    result = run(app, ["eval", "coco", str(data), "--out", str(tmp_path / "o\x1bt")])
    assert result.exit_code == 1, result.output
    page = (tmp_path / "o\x1bt" / "worst.html").read_text()
    assert "\\u202egpj.png" in result.stderr
    assert "\\u202egpj.png" in page
    assert "o\\x1bt" in result.stderr
    assert not {"\u202e", "\x1b"} & set(result.output + page)


@pytest.mark.parametrize("folder", [".", "images"])
def test_nothing_is_written_among_the_data(data: Path, detector: type[StandIn], folder: str) -> None:
    before = sorted(data.rglob("*"))
    result = run(app, ["eval", "coco", str(data), "--out", str(data / folder)])
    assert result.exit_code == 2
    assert "--out must be another folder than that of the labels or the photos" in result.stderr
    assert sorted(data.rglob("*")) == before


def test_labels_need_file_names_only_for_a_network(data: Path, tmp_path: Path, detector: type[StandIn]) -> None:
    content = json.loads((data / "annotations.json").read_text())
    del content["images"][1]["file_name"]
    (data / "annotations.json").write_text(json.dumps(content))
    result = run(app, ["eval", "coco", str(data)])
    assert result.exit_code == 2
    assert "labels must name the file of each photo but" in result.stderr
    results = tmp_path / "results.json"
    results.write_text(json.dumps([entry(key, pose()) for key in range(2, 5)]))
    assert scores("coco", data, "--results", results)["people"]["missed"] == 1


def test_results_of_other_photos_are_refused(data: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    results.write_text(json.dumps([entry(99, pose())]))
    result = run(app, ["eval", "coco", str(data), "--results", str(results)])
    assert result.exit_code == 2
    assert "results must be of labelled photos but" in result.stderr
    assert "[99]" in result.stderr


def test_a_full_disk_keeps_what_was_found(
    data: Path, tmp_path: Path, detector: type[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    add = JsonLog.add

    def full(self: JsonLog, value: Any) -> None:
        if value["image_id"] == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        add(self, value)

    monkeypatch.setattr(JsonLog, "add", full)
    result = run(app, ["eval", "coco", str(data), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "No space left on device; 2 of 4 photos are done, the same command goes on" in result.stderr
    monkeypatch.setattr(JsonLog, "add", add)
    detector.seen.clear()
    assert scores("coco", data, "--out", tmp_path / "out")["people"]["missed"] == 1
    assert detector.seen == ["3", "4"]


def test_two_runs_cannot_have_one_folder(data: Path, tmp_path: Path, detector: type[StandIn]) -> None:
    out = tmp_path / "out"
    assert run(app, ["eval", "coco", str(data), "--out", str(out)]).exit_code == 0
    other = FolderLock(out)
    detector.seen.clear()
    result = run(app, ["eval", "coco", str(data), "--out", str(out)])
    assert result.exit_code == 2
    assert "must be a folder of one run but another program is at work in" in result.stderr
    assert detector.seen == []
    other.release()
    assert run(app, ["eval", "coco", str(data), "--out", str(out)]).exit_code == 0


def test_scores_that_cannot_be_written_are_shown(
    data: Path, tmp_path: Path, detector: type[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("bottomup.evaluation.task.write_atomically", full)
    result = run(app, ["eval", "coco", str(data), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "the scores cannot be written to" in result.stderr
    assert "AR\t0.7500" in result.stdout
