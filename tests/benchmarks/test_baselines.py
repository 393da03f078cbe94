"""Published decoders beside this one, with stand-ins in their place."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bottomup.benchmarks.baselines import TfPose, TrtPose, find_decoders
from bottomup.cli import app
from bottomup.fields import draw_fields
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18
from tests.makers.baselines import KeypointRcnn, Pafprocess, torchvision_modules, trt_pose_modules
from tests.makers.scenes import scene

STRIDE = 4


@pytest.fixture
def trt_pose(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in trt_pose_modules().items():
        monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def tf_pose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pafprocess", Pafprocess("pafprocess"))


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("trt_pose", "trt_pose.plugins", "trt_pose.parse_objects", "pafprocess", *torchvision_modules()):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in torchvision_modules().items():
        monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def figures():
    """Fields of three people apart, and their joints (3, 18, 2)."""
    _, poses = scene(480, 960, (150, 40, 400), (450, 30, 380), (780, 20.2, 430))
    joints, seen = COCO_17.convert(poses, np.ones(poses.shape[:2]), OPENPOSE_COCO_18)
    fields = draw_fields(joints, seen, OPENPOSE_COCO_18, height=480, width=960, stride=STRIDE)
    return fields.heatmaps, fields.pafs, joints


@pytest.mark.parametrize(("decoder", "precision"), [("trt_pose", 0.25), ("tf-pose", 0.6), ("tf-pose x 4", 0.2)])
def test_they_find_the_people_where_they_are(trt_pose, tf_pose, figures, decoder, precision) -> None:
    """In cells: tf-pose knows whole ones only, and the mean over trt_pose's window leans to the middle of a cell."""
    heatmaps, pafs, joints = figures
    decoders, missing = find_decoders()
    assert not missing
    ready = decoders[decoder].open(heatmaps, pafs, OPENPOSE_COCO_18, STRIDE)
    people = ready.read(ready.decode())
    assert len(people) == 3
    order = np.argsort(people.keypoints[:, 0, 0])
    assert np.abs(people.keypoints[order] - joints).max() < precision * STRIDE
    assert people.keypoint_scores.min() > 0.8
    assert people.scores.min() > 0.8


@pytest.mark.parametrize("kind", [TrtPose, TfPose])
def test_empty_fields_have_nobody(trt_pose, tf_pose, kind) -> None:
    ready = kind().open(
        np.zeros((18, 20, 30), np.float32), np.zeros((38, 20, 30), np.float32), OPENPOSE_COCO_18, STRIDE
    )
    assert len(ready.read(ready.decode())) == 0


def test_trt_pose_drops_nobody(trt_pose) -> None:
    """Neither of more peaks of a type, nor of more people, than it has room for by itself: 120 noses, 30 necks."""
    heatmaps = np.zeros((18, 80, 120), np.float32)
    heatmaps[0, 4::8, 4::10] = 1
    heatmaps[1, 8:32:8, 4::12] = 0.5
    ready = TrtPose().open(heatmaps, np.zeros((38, 80, 120), np.float32), OPENPOSE_COCO_18, STRIDE)
    people = ready.read(ready.decode())
    assert (people.keypoint_scores[:, :2] > 0).sum(axis=0).tolist() == [120, 30]
    assert len(people) == 150
    assert people[0]["nose"] == (17.5, 17.5, 1)  # the middle of row and column 4


def test_tf_pose_knows_one_skeleton(tf_pose) -> None:
    with pytest.raises(
        ValueError, match="skeleton must be openpose18, the only one that tf-pose knows, but is 'coco17'"
    ):
        TfPose().open(np.zeros((17, 9, 9), np.float32), np.zeros((38, 9, 9), np.float32), COCO_17, STRIDE)


def test_each_that_is_missing_is_told_with_its_reason(nothing, tf_pose) -> None:
    decoders, missing = find_decoders()
    assert list(decoders) == ["tf-pose", "tf-pose x 4"]
    (sentence,) = missing
    assert sentence.startswith("trt_pose is not there (")
    assert sentence.endswith(f"To install it: {TrtPose.install}")


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["bench", "published", *arguments], catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def test_without_any_the_command_says_how_to_install_them(nothing) -> None:
    code, output, errors = run("--people", "1")
    assert code == 2
    assert output == ""
    assert "no published decoder is installed to compare with" in errors
    assert TrtPose.install in errors
    assert TfPose.install in errors
    assert "pip install torchvision" in errors


@pytest.mark.slow
def test_the_command_prints_and_writes_every_figure(nothing, trt_pose, tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    files = {name: tmp_path / f"published.{name}" for name in ("csv", "json")}
    code, output, errors = run(
        "--people", "1,3", "--size", "46x82", "--noise", "clean", "--repeats", "2",
        "--csv", str(files["csv"]), "--json", str(files["json"]),
    )  # fmt: skip
    assert code == 0
    header, *rows = [line.split("\t") for line in output.splitlines()]
    assert [row[:3] for row in rows] == [
        [people, "46x82", decoder] for people in ("1", "3") for decoder in ("bottomup", "trt_pose")
    ]
    assert all(len(row) == len(header) for row in rows)
    assert [row[header.index("AP")] for row in rows[:2]] == 2 * ["1.000"]
    assert "tf-pose is not there" in errors
    with files["csv"].open() as file:
        lines = list(csv.DictReader(file))
    assert [line["decoder"] for line in lines] == 2 * ["bottomup", "trt_pose"]
    for name in ("first_median_ms", "again_median_ms", "copy_median_ms", "first_p95_ms"):
        assert all(float(line[name]) > 0 for line in lines)
    assert all(line["runs"] == "2" for line in lines)
    assert [row["found"] for row in json.loads(files["json"].read_text())["results"]] == [int(row[3]) for row in rows]


@pytest.mark.slow
def test_a_top_down_network_stands_beside_them(nothing, trt_pose, torchvision, tmp_path: Path) -> None:
    """For each number of people up to 200; beyond it only this package. The plot has whole pictures of each."""
    pytest.importorskip("pycocotools")
    KeypointRcnn.people.clear()
    table, plot = tmp_path / "published.csv", tmp_path / "published.png"
    code, output, errors = run(
        "--people", "2,5,201", "--size", "92x164", "--noise", "clean", "--repeats", "2", "--csv", str(table),
        "--plot", str(plot),
    )  # fmt: skip
    assert code == 0
    lines = [line.split("\t") for line in output.splitlines()[1:]]
    assert [(line[0], line[2]) for line in lines] == [
        ("2", "bottomup"), ("2", "trt_pose"), ("5", "bottomup"), ("5", "trt_pose"), ("201", "bottomup"),
        ("2", "Keypoint R-CNN"), ("5", "Keypoint R-CNN"),
    ]  # fmt: skip
    assert set(KeypointRcnn.people) == {2, 5}
    assert "Keypoint R-CNN: its heads, with the boxes given" in errors
    with table.open() as file:
        rows = list(csv.DictReader(file))
    pictures = [float(row["picture_median_ms"]) for row in rows if row["decoder"] == "Keypoint R-CNN"]
    assert len(pictures) == 2
    for row in rows:
        before = np.median(pictures) if row["decoder"] == "Keypoint R-CNN" else 0
        assert float(row["total_ms"]) >= before + float(row["first_median_ms"]) - 1e-9
    assert plot.stat().st_size > 5000
