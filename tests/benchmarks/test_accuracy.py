"""Accuracy on scenes whose mistakes are known, and scenes from crowds, files and photos."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from bottomup.benchmarks import Case, make_crowd
from bottomup.benchmarks.accuracy import measure_accuracy, measure_times
from bottomup.benchmarks.noise import LEVELS
from bottomup.benchmarks.scenes import Scene, file_scenes, group_scenes, photo_scenes, procedural_scenes
from bottomup.benchmarks.sweeps import sweep_crowds, sweep_file
from bottomup.datasets import read_labels
from bottomup.decoder import STEPS
from bottomup.detector import Detector
from bottomup.fields import draw_fields
from bottomup.people import People
from bottomup.settings import Settings
from bottomup.skeletons import COCO_17, CROWDPOSE_14, get_skeleton

pytest.importorskip("pycocotools")


@pytest.fixture
def crowd():
    return make_crowd(30, COCO_17, height=736, width=1312, crowd_index=0.3, seed=3)


def scene(crowd, keypoints, visible, seconds=None) -> Scene:
    """A scene in which `keypoints` were found."""
    xy = np.where(visible[..., None], keypoints, np.nan).astype(np.float32)
    scores = np.linspace(1, 0.5, len(xy), dtype=np.float32)
    people = People(COCO_17, xy, visible.astype(np.float32), scores)
    return Scene(crowd.labels(), crowd.crowd_index, people, seconds or {"peaks": 0.001})


def test_the_truth_itself_is_perfect_however_many_there_are(crowd) -> None:
    result = measure_accuracy([scene(crowd, crowd.keypoints, crowd.visible)], COCO_17)
    assert result.ap == pytest.approx(1)  # COCO's own limit of 20 people a picture would make it 0.67
    assert (result.images, result.people, result.crowd_index) == (1, 30, crowd.crowd_index)
    assert result.swapped_joints == result.mixed_limbs == result.missed == result.invented == 0


def test_missed_and_invented_people_are_counted(crowd) -> None:
    away = crowd.keypoints[:5] + 5000
    found = np.concatenate([crowd.keypoints[:20], away])
    visible = np.concatenate([crowd.visible[:20], crowd.visible[:5]])
    result = measure_accuracy([scene(crowd, found, visible)], COCO_17)
    assert result.missed == 10 / 30
    assert result.invented == 5 / 25
    assert 0.5 < result.ap < 0.7


def test_swapped_joints_are_those_on_another_persons(crowd) -> None:
    wrist = COCO_17.index("left_wrist")
    a, b = np.flatnonzero(crowd.visible[:, wrist])[:2]
    keypoints = crowd.keypoints.copy()
    keypoints[[a, b], wrist] = keypoints[[b, a], wrist]
    keypoints[a, COCO_17.index("nose")] += 3000  # wrong, but nobody's
    result = measure_accuracy([scene(crowd, keypoints, crowd.visible)], COCO_17)
    assert result.swapped_joints == pytest.approx(2 / crowd.visible.sum())
    assert result.mixed_limbs > 0
    assert result.missed == 0


def test_pictures_add_up(crowd) -> None:
    nobody = scene(crowd, crowd.keypoints[:0], crowd.visible[:0])
    right = scene(crowd, crowd.keypoints, crowd.visible)
    result = measure_accuracy([right, nobody], COCO_17)
    assert (result.images, result.people) == (2, 60)
    assert result.missed == 0.5
    assert result.invented == 0
    assert 0.45 < result.ap < 0.55


def test_nobody_there_and_nobody_found() -> None:
    empty = make_crowd(0, COCO_17, height=100, width=100)
    result = measure_accuracy([scene(empty, empty.keypoints, empty.visible)], COCO_17)
    assert result.ap is result.missed is result.invented is result.swapped_joints is result.mixed_limbs is None


def test_times_are_those_of_the_pictures(crowd) -> None:
    def timed(ms: int) -> Scene:
        return scene(crowd, crowd.keypoints, crowd.visible, {"peaks": ms / 1000, "limbs": 2 * ms / 1000})

    scenes = [timed(ms) for ms in range(1, 12)]
    times = measure_times(scenes)
    assert {name: timing.median for name, timing in times.items()} == pytest.approx(
        {"peaks": 6, "limbs": 12, "total": 18}
    )
    assert times["total"].p95 == pytest.approx(3 * 10.5)


def test_procedural_scenes_are_decoded_and_differ() -> None:
    scenes = list(procedural_scenes(Case(5, 92, 164, noise="clean", crowd_index=0.1), 3, settings=Settings()))
    assert len(scenes) == 3
    result = measure_accuracy(scenes, get_skeleton(Case(1).skeleton))
    assert result.ap > 0.8
    assert result.missed < 0.2
    assert not np.array_equal(scenes[0].labels.boxes, scenes[1].labels.boxes)


def test_groups_are_crowdposes(crowd) -> None:
    one = scene(crowd, crowd.keypoints, crowd.visible)
    scenes = [Scene(one.labels, index, one.people, one.seconds) for index in (0.1, 0.2, 0.79, 0.8, 1.5)]
    groups = {name: [scene.crowd_index for scene in chosen] for name, chosen in group_scenes(scenes).items()}
    assert groups == {"easy": [0.1], "medium": [0.2, 0.79], "hard": [0.8, 1.5], "all": [0.1, 0.2, 0.79, 0.8, 1.5]}


def write_annotations(path: Path, crowd, *, images=(7,), skeleton=COCO_17) -> Path:
    annotations = []
    for image in images:
        for seen, points, box in zip(crowd.visible, crowd.keypoints, crowd.boxes, strict=True):
            table = np.column_stack([np.where(seen[:, None], points, 0), 2 * seen])
            box = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
            annotations.append(
                {"id": len(annotations) + 1, "image_id": image, "category_id": 1, "bbox": box, "iscrowd": 0,
                 "area": 0.53 * box[2] * box[3], "keypoints": table.ravel().tolist(),
                 "num_keypoints": int(seen.sum())}
            )  # fmt: skip
    content = {
        "images": [
            {"id": image, "width": crowd.width, "height": crowd.height, "file_name": f"{image}.png"} for image in images
        ],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "keypoints": list(skeleton.joints)}],
    }
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("skeleton", [COCO_17, CROWDPOSE_14], ids=lambda skeleton: skeleton.name)
def test_an_annotation_file_is_drawn_and_found_again(tmp_path: Path, skeleton) -> None:
    crowd = make_crowd(4, skeleton, height=480, width=640, crowd_index=0.05, hidden=0, seed=2)
    labels = read_labels(write_annotations(tmp_path / "labels.json", crowd, images=(3, 9), skeleton=skeleton))
    scenes = list(file_scenes(labels, noise=LEVELS["clean"], long_side=320, stride=2, settings=Settings()))
    assert len(scenes) == 2
    np.testing.assert_allclose(scenes[0].labels.keypoints, (crowd.keypoints + 0.5) / 2 - 0.5)
    assert scenes[0].crowd_index == pytest.approx(crowd.crowd_index)
    result = measure_accuracy(scenes, labels.skeleton)
    assert result.ap > 0.9
    rows = sweep_file(labels, noises=("clean", "mild"), long_side=320, stride=2, seed=0, settings=Settings())
    assert {row["noise"] for row in rows} == {"clean", "mild"}
    assert {row["group"] for row in rows} == {"easy", "all", "2 to 4 people"}
    assert rows[0]["ap"] == pytest.approx(result.ap)


class DrawnPeople:
    """A network that sees a crowd in whatever photo it is shown: one of as many pixels as the crowd's picture."""

    skeleton, stride, alignment, device = COCO_17, 4, 8, "cpu"

    def __init__(self, crowd) -> None:
        self.crowd = crowd

    def run(self, images):
        fields = draw_fields(
            self.crowd.keypoints, self.crowd.visible, COCO_17,
            height=images.shape[1], width=images.shape[2], stride=self.stride,
        )  # fmt: skip
        return np.stack([fields.heatmaps] * len(images)), np.stack([fields.pafs] * len(images))


def test_photos_go_through_the_network(tmp_path: Path) -> None:
    crowd = make_crowd(4, COCO_17, height=368, width=480, crowd_index=0.05, hidden=0, seed=2)
    labels = read_labels(write_annotations(tmp_path / "labels.json", crowd))
    with pytest.raises(FileNotFoundError, match=r"7\.png"):
        list(photo_scenes(labels, tmp_path, Detector(backend=DrawnPeople(crowd))))
    cv2.imwrite(str(tmp_path / "7.png"), np.zeros((368, 480, 3), np.uint8))
    (only,) = photo_scenes(labels, tmp_path, Detector(backend=DrawnPeople(crowd)))
    assert list(only.seconds) == ["network", *STEPS]
    assert only.crowd_index == pytest.approx(crowd.crowd_index)
    assert measure_accuracy([only], COCO_17).ap > 0.9


def test_sweeps_have_a_row_for_each_combination() -> None:
    done: list[int] = []
    rows = sweep_crowds(
        Case(0, 46, 82), people=(1, 3), crowd_indices=(0.1,), noises=("clean", "mild"), images=2,
        settings=Settings(), done=lambda: done.append(1),
    )  # fmt: skip
    assert [(row["people_per_image"], row["noise"]) for row in rows] == [
        (1, "clean"), (1, "mild"), (3, "clean"), (3, "mild"),
    ]  # fmt: skip
    assert len(done) == 4
    assert all(row["images"] == 2 and row["people"] == 2 * row["people_per_image"] for row in rows)
    assert all(row["total_p95_ms"] >= row["total_ms"] > 0 for row in rows)
    with pytest.raises(ValueError, match="images must be at least 1 but is 0"):
        sweep_crowds(Case(0), people=(1,), crowd_indices=(0.1,), noises=("clean",), images=0, settings=Settings())
