"""People in the forms of other tools, and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from bottomup.people import People
from bottomup.skeletons import BODY_25, COCO_17, CROWDPOSE_14, OPENPOSE_COCO_18
from tests.makers.walkers import RATE, street

_COLUMNS = ("person", "id", "person_score", "joint", "x", "y", "score", "traced")


def make_people(number: int = 3, *, ids: bool = False, skeleton: Any = COCO_17) -> People:
    random = np.random.default_rng(number)
    scores = random.uniform(0.1, 1, (number, skeleton.num_joints))
    scores[random.random(scores.shape) < 0.2] = 0
    points = np.where(scores[..., None] > 0, random.uniform(0, 500, (*scores.shape, 2)), np.nan)
    names = np.arange(number) * 3 + 5 if ids else None
    traced = (scores > 0) & (random.random(scores.shape) < 0.3)
    return People(skeleton, points, scores, random.uniform(0, 1, number), names, traced)  # type: ignore[arg-type]


def assert_close(found: People, expected: People, *, scores: bool = True) -> None:
    assert found.skeleton == expected.skeleton
    np.testing.assert_allclose(found.keypoints, expected.keypoints, atol=1e-3)
    np.testing.assert_allclose(found.keypoint_scores, expected.keypoint_scores, atol=1e-5)
    if scores:
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
    if expected.ids is None:
        assert found.ids is None
    else:
        np.testing.assert_array_equal(found.ids, expected.ids)


def test_to_dict_is_finite_json_with_every_score() -> None:
    people = make_people(ids=True)
    document = json.loads(json.dumps(people.to_dict(), allow_nan=False))
    assert document["joints"] == list(COCO_17.joints)
    for person, row in zip(people, document["people"], strict=True):
        triples = np.reshape(row["keypoints"], (17, 3))
        seen = person.keypoint_scores > 0
        np.testing.assert_allclose(triples[seen, :2], person.keypoints[seen], atol=1e-3)
        np.testing.assert_allclose(triples[:, 2], person.keypoint_scores, atol=1e-6)
        assert not triples[~seen].any()
        np.testing.assert_allclose(row["box"], person.box, atol=1e-3)
        assert row["id"] == person.id
        assert row["traced"] == [COCO_17.joints[joint] for joint in np.flatnonzero(person.traced)]
    nobody = People(COCO_17, np.full((1, 17, 2), np.nan), np.zeros((1, 17)), np.ones(1))
    assert nobody.to_dict()["people"] == [{"score": 1.0, "box": [0.0] * 4, "keypoints": [0.0] * 51, "traced": []}]


@pytest.mark.parametrize("ids", [False, True])
@pytest.mark.parametrize("number", [0, 3])
def test_tables_hold_every_joint(number: int, ids: bool) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    people = make_people(number, ids=ids)
    rows = list(people.to_rows())
    frame, table = people.to_dataframe(), people.to_arrow()
    assert len(rows) == len(frame) == len(table) == 17 * number
    assert list(frame.columns) == table.column_names == list(_COLUMNS)
    assert table.to_pylist() == [
        {name: pytest.approx(value) if isinstance(value, float) else value for name, value in row.items()}
        for row in rows
    ]
    np.testing.assert_array_equal(frame[["x", "y"]].to_numpy().reshape(number, 17, 2), people.keypoints)
    np.testing.assert_array_equal(frame["score"].to_numpy().reshape(number, 17), people.keypoint_scores)
    np.testing.assert_array_equal(frame["traced"].to_numpy().reshape(number, 17), people.traced)
    assert people.traced.any() == (number > 0)
    assert frame["joint"].tolist() == list(COCO_17.joints) * number
    assert frame["id"].isna().all() if not ids else frame["id"].tolist() == np.repeat(people.ids, 17).tolist()
    assert table.schema.metadata == {b"skeleton": b"coco17"}


@pytest.mark.parametrize("ids", [False, True])
def test_coco_there_and_back(ids: bool) -> None:
    people = make_people(ids=ids)
    entries = json.loads(json.dumps(people.to_coco(7)))
    assert_close(People.from_coco(entries), people)
    assert_close(People.from_coco({"annotations": entries}, "coco17", image_id=7), people)
    assert len(People.from_coco(entries, image_id=8)) == 0
    bare = [{name: value for name, value in entry.items() if name != "keypoint_scores"} for entry in entries]
    found = People.from_coco(bare)
    np.testing.assert_array_equal(found.keypoint_scores, people.keypoint_scores > 0)


def test_scores_in_the_place_of_visibility_are_read() -> None:
    keypoints = [value for k in range(17) for value in (10.0 * k, 20.0, 0.25 if k else 0.0)]
    (person,) = People.from_coco([{"image_id": 1, "keypoints": keypoints}])
    assert person.score == 1
    assert person.keypoint_scores.tolist() == [0.0] + [0.25] * 16
    assert np.isnan(person.keypoints[0]).all()


@pytest.mark.parametrize("skeleton", [OPENPOSE_COCO_18, BODY_25])
def test_openpose_there_and_back(skeleton: Any) -> None:
    people = make_people(ids=True, skeleton=skeleton)
    found = People.from_openpose(json.loads(json.dumps(people.to_openpose())))
    assert_close(found, people, scores=False)
    seen = people.keypoint_scores[0] > 0
    assert found.scores[0] == pytest.approx(people.keypoint_scores[0][seen].mean())


def test_openpose_without_ids_or_people() -> None:
    people = make_people(skeleton=CROWDPOSE_14)
    assert_close(People.from_openpose(people.to_openpose(), CROWDPOSE_14), people, scores=False)
    assert len(People.from_openpose({"version": 1.3, "people": []})) == 0
    assert People.from_openpose(make_people().to_openpose()).convert(COCO_17) == People.from_openpose(
        make_people().convert(OPENPOSE_COCO_18).to_openpose()
    ).convert(COCO_17)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: People.from_coco("text"), "entries must be a list of COCO's results"),
        (lambda: People.from_coco({"images": []}), "entries must be a list of COCO's results"),
        (lambda: People.from_coco([{"keypoints": [1, 2, 3]}]), "keypoints of person 0 must be 51 numbers"),
        (
            lambda: People.from_coco([{"image_id": n, "keypoints": [1] * 51} for n in (1, 2)]),
            "entries must be of one picture but are of 2",
        ),
        (
            lambda: People.from_coco([{"keypoints": [1] * 51, "keypoint_scores": [1]}]),
            "entry 0 must have 17 keypoint_scores, one for each joint, but has 1",
        ),
        (lambda: People.from_coco([{"keypoints": [float("nan")] * 51}]), "finite"),
        (lambda: People.from_coco([], "coco"), "skeleton must be one of"),
        (lambda: People.from_openpose([]), "document must be OpenPose's JSON"),
        (
            lambda: People.from_openpose({"people": [{"pose_keypoints_2d": [1] * 42}]}),
            "skeleton must be said for people of 42 numbers",
        ),
    ],
)
def test_what_is_no_such_form_is_named(call: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_annotators_of_supervision_draw_them() -> None:
    sv = pytest.importorskip("supervision")
    people = make_people(2, ids=True)
    points = people.to_supervision()
    assert len(points) == 2
    np.testing.assert_array_equal(points.data["tracker_id"], people.ids)
    edges = [(a + 1, b + 1) for a, b in COCO_17.limbs]
    drawn = sv.EdgeAnnotator(edges=edges).annotate(np.zeros((520, 520, 3), np.uint8), points)
    drawn = sv.VertexAnnotator().annotate(drawn, points)
    for person in people:
        for (x, y), score in zip(person.keypoints, person.keypoint_scores, strict=True):
            assert score == 0 or drawn[round(float(y)), round(float(x))].any()
    assert not drawn[0, 0].any()
    assert len(People.empty(COCO_17).to_supervision()) == 0


def test_trackers_of_others_take_them() -> None:
    trackers = pytest.importorskip("trackers")
    tracker = trackers.ByteTrackTracker(frame_rate=RATE, minimum_consecutive_frames=1)
    names: dict[int, int] = {}
    seen = 0
    for moment, people in street(5, 40, seed=3):
        detections = people.to_supervision().as_detections()
        tracked = tracker.update(detections)
        for box, name in zip(tracked.xyxy, tracked.tracker_id, strict=True):
            if name >= 0:
                who = int(moment.ids[np.abs(people.boxes - box).sum(axis=1).argmin()])
                assert names.setdefault(who, int(name)) == name
                seen += 1
    assert seen > 100
    assert len(set(names.values())) == len(names) >= 5


def test_equal_people_of_the_same_coco_entries_keep_joint_scores() -> None:
    entry = make_people(1).to_coco(1)[0]
    assert len(entry["keypoint_scores"]) == 17
    assert [score > 0 for score in entry["keypoint_scores"]] == [v == 2 for v in entry["keypoints"][2::3]]
