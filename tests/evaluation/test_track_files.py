"""`bottomup eval track`: labels of videos in their published forms, and results as trackers write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from bottomup.cli import app
from bottomup.datasets import read_labels
from bottomup.evaluation.track_files import evaluate_track_files
from bottomup.skeletons import COCO_17
from tests.makers.evaluation import entry, pose

pytest.importorskip("trackeval")

# PoseTrack 2018 has COCO's places with two other names, and ears that are never labelled.
POSETRACK_18 = ("nose", "head_bottom", "head_top", *COCO_17.joints[3:])


def places(x: float) -> list[float]:
    triples = np.array(entry(0, pose(x=x))["keypoints"]).reshape(17, 3)
    triples[1:3, :2] = [[x + 50, 40], [x + 50, 0]]
    triples[3:5] = 0
    flat: list[float] = triples.ravel().tolist()
    return flat


def posetrack18(folder: Path, frames: list[dict[int, float]]) -> Path:
    """Labels of a video as PoseTrack 2018 has them: people by their track, at a place each."""
    first = 10000010000
    images = [
        {
            "id": first + n, "frame_id": first + n, "vid_id": "000001", "nframes": len(frames), "is_labeled": n != 2,
            "file_name": f"images/val/000001/{n:06d}.jpg",
            "ignore_regions_x": [[900, 1000, 1000]], "ignore_regions_y": [[0, 0, 300]],
        }
        for n in range(len(frames))
    ]  # fmt: skip
    annotations = [
        {
            "id": 100 * (first + n) + track, "image_id": first + n, "track_id": track, "category_id": 1, "scores": [],
            "keypoints": places(x), "bbox": [x, 0, 100, 200], "bbox_head": [x + 35, 0, 30, 40],
        }
        for n, people in enumerate(frames)
        for track, x in people.items()
    ]  # fmt: skip
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "supercategory": "person", "keypoints": list(POSETRACK_18)}],
    }
    (folder / "000001_mpii_test.json").write_text(json.dumps(content))
    return folder / "000001_mpii_test.json"


FRAMES = [{0: 0.0, 1: 200.0}, {0: 10.0, 1: 210.0}, {}, {0: 20.0, 1: 220.0}]


def lines(file: Path, frames: list[dict[int, float]]) -> Path:
    """As `bottomup video` writes them, in COCO's joints."""
    with file.open("w") as stream:
        for number, people in enumerate(frames):
            for track, x in people.items():
                keypoints = entry(0, pose(x=x))["keypoints"]
                line = {"frame": number, "time": number / 25, "id": track, "score": 0.9, "keypoints": keypoints}
                stream.write(json.dumps(line) + "\n")
    return file


def test_posetrack_2018_is_read_with_tracks_heads_and_regions(tmp_path: Path) -> None:
    labels = read_labels(posetrack18(tmp_path, FRAMES))
    first, *_, last = labels
    assert labels.skeleton.joints == POSETRACK_18
    assert labels.default_sigmas == ()
    assert first.tracks is not None
    assert first.tracks.tolist() == [0, 1]
    assert first.heads[0].tolist() == [35, 0, 65, 40]
    assert first.regions[0].tolist() == [[900, 0], [1000, 0], [1000, 300]]
    assert [photo.labelled for photo in labels] == [True, True, False, True]
    assert (last.video, first.visible[0, 3]) == ("000001", False)


def test_video_s_lines_against_posetrack_2018(tmp_path: Path) -> None:
    """The ids change places in the last frame; what is found in a frame without labels does not count."""
    labels = posetrack18(tmp_path, FRAMES)
    found = lines(tmp_path / "any.jsonl", [*FRAMES[:2], {5: 600.0}, {0: 220.0, 1: 20.0}])
    evaluation = evaluate_track_files(labels, found)
    scores = evaluation.scores
    assert evaluation.unscorable_joints == ("head_bottom", "head_top")
    assert (scores.labelled, scores.found, scores.switches, scores.frames) == (6, 6, 2, 3)
    assert scores.mota == pytest.approx(1 - 2 / 6)
    assert scores.joints is not None
    assert scores.joints.mota[POSETRACK_18.index("nose")] == pytest.approx(1 - 2 / 6)


def test_posetrack_s_own_form_of_results(tmp_path: Path) -> None:
    """The score of a joint is that of `scores`: the wrong one comes last, so that it costs nothing."""
    labels = posetrack18(tmp_path, FRAMES)
    content = json.loads(labels.read_text())
    for person in content["annotations"]:
        person["scores"] = [0.9] * 17
    wrong = {**content["annotations"][0], "track_id": 7, "keypoints": places(400), "scores": [0.1] * 17}
    content["annotations"].append(wrong)
    results = tmp_path / "results"
    results.mkdir()
    (results / "000001.json").write_text(json.dumps(content))
    scores = evaluate_track_files(labels, results).scores
    assert scores.mota == pytest.approx(1 - 1 / 6)
    assert scores.joints is not None
    assert scores.joints.ap[-1] == pytest.approx(1)
    assert scores.joints.precision[0] == pytest.approx(6 / 7)


def test_posetrack_2017_and_bonn(tmp_path: Path) -> None:
    names = ["right_ankle", "head_top"]
    point = [{"id": [0], "x": [5], "y": [90]}, {"id": [14], "x": [5], "y": [10], "is_visible": [1]}]
    person = {"track_id": [3], "x1": [0], "y1": [0], "x2": [10], "y2": [20], "annopoints": [{"point": point}]}
    frame = {"image": [{"name": "images/v/00000001.jpg"}], "annorect": [person], "is_labeled": [1]}
    old = tmp_path / "v_2017.json"
    old.write_text(json.dumps({"annolist": [frame, {"image": [{"name": "images/v/2.jpg"}], "annorect": []}]}))
    labels = read_labels(old)
    first = labels.photos[0]
    assert [labels.skeleton.joints[k] for k in np.flatnonzero(first.visible[0])] == names
    assert (first.tracks, first.heads[0].tolist()) == (np.array([3]), [0, 0, 10, 20])
    bonn = {
        "videos": [{"id": 4, "name": "000123", "frames": 1}],
        "images": [{"id": 9, "video_id": 4, "frame": 6, "file_name": "frames/000123/00007.webp"}],
        "categories": [{"id": 1, "name": "person", "keypoints": names}],
        "annotations": [
            {
                "id": 1, "image_id": 9, "category_id": 1, "track_id": 3, "keypoints": [5, 90, 2, 5, 10, 1],
                "bbox": [0, 0, 10, 90], "area": 900, "head_rect": [10, 20, 0, 0], "iscrowd": 0,
            }
        ],
    }  # fmt: skip
    new = tmp_path / "annotations.json"
    new.write_text(json.dumps(bonn))
    (photo,) = read_labels(new)
    assert (photo.video, photo.frame, photo.heads[0].tolist()) == ("000123", 6, [0, 0, 10, 20])
    found = tmp_path / "000123.jsonl"
    found.write_text(json.dumps({"frame": 6, "id": 1, "keypoints": [5, 90, 1, 5, 10, 1]}) + "\n")
    assert evaluate_track_files(new, tmp_path).scores.mota == 1


def test_the_command(tmp_path: Path) -> None:
    labels, found = posetrack18(tmp_path, FRAMES), lines(tmp_path / "clip.jsonl", FRAMES)
    result = CliRunner().invoke(app, ["eval", "track", str(labels), "--results", str(found), "--json"])
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    assert report["scores"]["mota"] == report["scores"]["hota"] == 1
    table = CliRunner().invoke(app, ["eval", "track", str(labels), "--results", str(found), "--poseval"])
    assert "MOTA\t1.0000" in table.stdout
    assert "ankle\t100.0 %" in table.stdout
    for arguments, message in (
        ([], "--results must name what a tracker wrote"),
        (["--results", str(tmp_path / "none.jsonl")], "results must be a file or a folder but there is no"),
        (["--results", str(found), "--thresholds", "0.5,0.6"], "--thresholds must be one number for track"),
        (["--results", str(found), "--skeleton", "body25"], "results must have the 25 joints of body25 but have 17"),
    ):
        refused = CliRunner().invoke(app, ["eval", "track", str(labels), *arguments])
        assert refused.exit_code == 2
        assert message in " ".join(refused.stderr.split())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"line 1 of .*\.jsonl is not"),
        ('{"frame": 0, "id": 1}', "line 1 of .* is not: it has no 'keypoints'"),
        ('{"frame": 0.5, "id": 1, "keypoints": [1, 2, 3]}', r"ids and frames must be whole numbers but one is 0\.5"),
        ('{"frame": 0, "id": 1, "keypoints": [1, 2]}', "keypoints must be 3 numbers for each joint"),
        ('{"frame": 0, "id": 1, "keypoints": [1, 2, 3]}', "results must have the 17 joints of .* but have 1"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, line: str, message: str) -> None:
    labels = posetrack18(tmp_path, FRAMES)
    (tmp_path / "bad.jsonl").write_text(line + "\n")
    with pytest.raises(ValueError, match=message):
        evaluate_track_files(labels, tmp_path / "bad.jsonl")


def test_labels_without_tracks_are_refused(tmp_path: Path) -> None:
    labels = posetrack18(tmp_path, FRAMES)
    content = json.loads(labels.read_text())
    del content["annotations"][0]["track_id"]
    labels.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="labels must have a track_id for each person"):
        evaluate_track_files(labels, lines(tmp_path / "clip.jsonl", FRAMES))
