"""`bottomup bench track`: figures of trackers on crowds whose ids are known."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bottomup.benchmarks.moving_crowds import moving_crowd
from bottomup.benchmarks.sequences import file_sequences, procedural_sequence
from bottomup.cli import app
from bottomup.datasets import read_labels
from bottomup.skeletons import COCO_17


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["bench", "track", *map(str, arguments)], catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.slow
def test_crowds_move_as_people_do() -> None:
    moments = list(moving_crowd(20, COCO_17, height=360, width=640, frames=150, seed=1))
    again = list(moving_crowd(20, COCO_17, height=360, width=640, frames=150, seed=1))
    assert np.array_equal(moments[-1].crowd.keypoints, again[-1].crowd.keypoints)
    assert [round(moment.time * 25) for moment in moments] == list(range(150))
    steps = []
    for before, after in itertools.pairwise(moments):
        for row, name in enumerate(before.ids):
            if name in after.ids:
                there = after.crowd.keypoints[list(after.ids).index(name)]
                steps.append(np.linalg.norm(there - before.crowd.keypoints[row], axis=1).max())
    assert np.median(steps) > 0.5
    assert max(steps) < 25
    seen = [set(moment.ids.tolist()) for moment in moments]
    assert len(set.union(*seen)) > 20  # some leave, and others come
    assert all(len(moment.crowd) <= 20 for moment in moments)


def test_the_command_prints_and_writes_every_figure(tmp_path: Path) -> None:
    pytest.importorskip("trackeval")
    code, output, _ = run(
        "--people", "3", "--frames", "12", "--size", "240x320", "--noise", "clean", "--json", tmp_path / "track.json"
    )
    assert code == 0
    header, *rows = (line.split("\t") for line in output.splitlines())
    assert header[:6] == ["people", "noise", "method", "MOTA", "IDF1", "HOTA"]
    assert [row[2] for row in rows] == ["own", "greedy", "perfect"]
    results = json.loads((tmp_path / "track.json").read_text())["results"]
    assert results[0]["switches"] == 0
    assert results[0]["mota"] > 0.9
    assert results[0]["median_ms"] > 0


def test_videos_of_an_annotation_file(tmp_path: Path) -> None:
    video = procedural_sequence(3, COCO_17, height=240, width=320, frames=4)
    content: dict[str, list[object]] = {
        "images": [{"id": 10 + n, "video_id": 7, "frame": n, "file_name": f"{n}.jpg", "width": 320, "height": 240}
                   for n in range(4)],
        "annotations": [],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.joints)}],
    }  # fmt: skip
    for number, frame in enumerate(video.frames):
        for row, name in enumerate(frame.truth.ids):
            seen = frame.crowd.visible[row]
            points = np.column_stack([frame.crowd.keypoints[row] * seen[:, None], 2 * seen])
            x0, y0, x1, y1 = frame.crowd.boxes[row]
            content["annotations"].append(
                {"id": len(content["annotations"]) + 1, "image_id": 10 + number, "category_id": 1, "iscrowd": 0,
                 "track_id": int(name), "keypoints": points.ravel().tolist(), "num_keypoints": int(seen.sum()),
                 "bbox": [x0, y0, x1 - x0, y1 - y0], "area": 1.0 + (x1 - x0) * (y1 - y0)}
            )  # fmt: skip
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(content))
    (read,) = file_sequences(read_labels(path), long_side=640)
    assert [frame.time for frame in read.frames] == [0, 0.04, 0.08, 0.12]
    assert read.frames[2].truth.ids.tolist() == video.frames[2].truth.ids.tolist()
    assert (read.frames[0].crowd.height, read.frames[0].crowd.width) == (480, 640)
    there = video.frames[1].crowd.visible
    expected = (video.frames[1].crowd.keypoints + 0.5) * 2 - 0.5
    assert np.allclose(read.frames[1].crowd.keypoints[there], expected[there])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "magic"], "method must be one of ['own', 'greedy', 'bytetrack', 'perfect'] but is 'magic'"),
        (["--noise", "loud"], "noise must be one of"),
        (["--frames", "1"], "--frames must be at least 2 but is 1"),
        (["--rate", "0", "--people", "1"], "rate must be positive but is 0"),
    ],
)
def test_wrong_options(arguments: list[str], message: str) -> None:
    code, _, errors = run(*arguments)
    assert code == 2
    assert message in " ".join(errors.split())


def test_bytetrack_follows_the_people(tmp_path: Path) -> None:
    pytest.importorskip("trackers")
    pytest.importorskip("trackeval")
    code, output, _ = run(
        "--people", "3", "--frames", "12", "--size", "240x320", "--noise", "clean", "--methods", "bytetrack"
    )
    assert code == 0
    assert float(output.splitlines()[1].split("\t")[3]) > 60
