from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bottomup.people import People, Person
from bottomup.skeleton import Skeleton
from bottomup.skeletons import BODY_25, COCO_17, CROWDPOSE_14, OPENPOSE_COCO_18


def make_people(number: int, *, seed: int = 0, missing: float = 0.3) -> People:
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.1, 1, (number, 17)).astype(np.float32)
    scores[rng.random((number, 17)) < missing] = 0
    keypoints = rng.uniform(0, 500, (number, 17, 2)).astype(np.float32)
    keypoints[scores == 0] = np.nan
    return People(COCO_17, keypoints, scores, np.linspace(1, 0.1, number, dtype=np.float32))


def test_empty_wants_a_skeleton() -> None:
    with pytest.raises(TypeError, match="skeleton must be a Skeleton but is a str"):
        People.empty("coco17")  # type: ignore[arg-type]


def test_empty() -> None:
    nobody = People.empty(COCO_17)
    assert len(nobody) == 0
    assert list(nobody) == []
    assert nobody.keypoints.shape == (0, 17, 2)
    assert nobody.boxes.shape == (0, 4)
    assert nobody.to_coco(1) == []
    assert nobody.to_openpose()["people"] == []
    assert nobody.to_torchvision()["keypoints"].shape == (0, 17, 3)
    assert nobody.convert(OPENPOSE_COCO_18) == People.empty(OPENPOSE_COCO_18)
    assert nobody[[]] == nobody
    assert "0 people" in repr(nobody)


def test_arrays_are_float32_copies_that_cannot_be_written() -> None:
    keypoints = np.ones((1, 17, 2))
    people = People(COCO_17, keypoints, np.ones((1, 17)), np.ones(1))
    keypoints[:] = 7
    assert people.keypoints.max() == 1
    for array in (people.keypoints, people.keypoint_scores, people.scores):
        assert array.dtype == np.float32
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_boxes_are_tight_around_the_joints_that_were_found() -> None:
    keypoints = np.full((2, 17, 2), np.nan)
    scores = np.zeros((2, 17))
    keypoints[0, [0, 5, 9]] = [[10, 40], [30, 20], [20, 60]]
    scores[0, [0, 5, 9]] = 0.5
    people = People(COCO_17, keypoints, scores, np.ones(2))
    np.testing.assert_array_equal(people.boxes[0], [10, 20, 30, 60])
    assert np.isnan(people.boxes[1]).all()
    np.testing.assert_array_equal(people[0].box, people.boxes[0])


def test_indexing() -> None:
    people = make_people(5)
    assert isinstance(people[0], Person)
    assert people[-1] == people[4]
    assert people[np.int64(2)] == list(people)[2]
    np.testing.assert_array_equal(people[1].keypoints, people.keypoints[1])
    assert people[1].score == people.scores[1]
    assert people[1].as_people() == people[1:2]
    mask = people.scores > 0.5
    assert len(people[mask]) == mask.sum()
    assert people[mask] == people[np.flatnonzero(mask)] == people[mask.tolist()] == people[:3]
    assert people[[3, 1]].scores.tolist() == people.scores[[3, 1]].tolist()
    assert people[::-1][::-1] == people


@pytest.mark.parametrize("index", [5, -6, "nose", 1.0, [True, False], np.zeros((5, 1), int), None, [7], True])
def test_wrong_index(index: Any) -> None:
    with pytest.raises(IndexError, match="index"):
        make_people(5)[index]


def test_a_joint_is_of_one_person() -> None:
    with pytest.raises(IndexError, match="but is 'nose': a Person has named joints"):
        make_people(5)["nose"]  # type: ignore[call-overload]


def test_a_person_gives_joints_by_name() -> None:
    people = make_people(1, missing=0)
    x, y, score = people[0]["left_wrist"]
    k = COCO_17.index("left_wrist")
    assert (x, y) == tuple(people.keypoints[0, k])
    assert score == people.keypoint_scores[0, k]
    with pytest.raises(ValueError, match="joint must be one of"):
        people[0]["tail"]


def test_equality_is_by_value_with_missing_joints_equal() -> None:
    people = make_people(3)
    assert people == make_people(3)
    assert people == pickle.loads(pickle.dumps(people)) == copy.deepcopy(people)
    assert people != people[:2]
    assert people != make_people(3, seed=1)
    assert people != "people"
    assert people.convert(OPENPOSE_COCO_18) != people
    assert people[0] == make_people(3)[0] != people[1]
    with pytest.raises(TypeError, match="unhashable"):
        hash(people)


def test_repr_says_how_many_and_what() -> None:
    assert repr(make_people(1, missing=0)) == "People(1 person, coco17, scores [1.00], joints [17] of 17)"
    assert repr(make_people(7)).startswith("People(7 people, coco17, scores [1.00, 0.85,")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": np.zeros((2, 14, 2))}, r"keypoints must have shape \(2, 17, 2\) but has \(2, 14, 2\)"),
        ({"keypoints": np.zeros((3, 17, 2))}, r"keypoints must have shape \(2, 17, 2\)"),
        ({"keypoints": np.zeros((2, 17, 2), complex)}, "keypoints must be real numbers but has dtype complex128"),
        ({"keypoints": np.full((2, 17, 2), np.nan)}, "keypoints must be finite where the score is positive"),
        ({"keypoints": np.full((2, 17, 2), np.inf)}, "keypoints must be finite where the score is positive"),
        ({"keypoints": np.full((2, 17, 2), 1e300)}, "keypoints must be finite where the score is positive"),
        ({"keypoint_scores": np.zeros((2, 17))}, "person 0, joint 'nose' is .* with score 0"),
        ({"keypoint_scores": np.full((2, 17), -0.5)}, "keypoint_scores must be finite and at least 0 but has -0.5"),
        ({"keypoint_scores": np.full((2, 17), np.nan)}, "keypoint_scores must be finite and at least 0 but has nan"),
        ({"keypoint_scores": np.ones((2, 16))}, r"keypoint_scores must have shape \(2, 17\)"),
        ({"scores": np.ones((2, 1))}, r"scores must have shape \(N,\) but has \(2, 1\)"),
        ({"scores": np.array([1, np.inf])}, "scores must be finite and at least 0 but has inf"),
        ({"scores": np.array([True, True])}, "scores must be real numbers but has dtype bool"),
    ],
)
def test_validation_says_what_was_wrong(change: dict[str, Any], message: str) -> None:
    good = {"keypoints": np.zeros((2, 17, 2)), "keypoint_scores": np.ones((2, 17)), "scores": np.ones(2)}
    People(COCO_17, **good)
    with pytest.raises(ValueError, match=message):
        People(COCO_17, **(good | change))


def test_a_half_missing_joint_is_refused() -> None:
    keypoints, scores = np.ones((1, 17, 2)), np.ones((1, 17))
    keypoints[0, 3, 1], scores[0, 3] = np.nan, 0
    with pytest.raises(ValueError, match="joint 'left_ear'"):
        People(COCO_17, keypoints, scores, np.ones(1))


def test_skeleton_must_be_one() -> None:
    with pytest.raises(TypeError, match="skeleton must be a Skeleton but is a str"):
        People("coco17", np.zeros((0, 17, 2)), np.zeros((0, 17)), np.zeros(0))  # type: ignore[arg-type]


def test_convert() -> None:
    people = make_people(4, missing=0)
    there = people.convert(OPENPOSE_COCO_18)
    assert there.skeleton == OPENPOSE_COCO_18
    neck = OPENPOSE_COCO_18.index("neck")
    np.testing.assert_allclose(there.keypoints[:, neck], people.keypoints[:, [5, 6]].mean(axis=1))
    assert there.convert(COCO_17) == people
    assert people.convert(COCO_17) is people
    assert people.convert(OPENPOSE_COCO_18.name) == there
    with pytest.raises(ValueError, match=r"skeleton must be one of \[.*'coco17'.*\] but is 'coco'"):
        people.convert("coco")
    with pytest.raises(TypeError, match="skeleton must be a Skeleton or a name but is a int"):
        people.convert(17)  # type: ignore[arg-type]


@given(st.integers(0, 6), st.integers(0, 1000), st.floats(0, 1))
def test_to_coco_is_finite_json(number: int, seed: int, missing: float) -> None:
    people = make_people(number, seed=seed, missing=missing)
    rows = json.loads(json.dumps(people.to_coco(np.int64(42)), allow_nan=False))  # type: ignore[arg-type]
    assert len(rows) == number
    for row, person in zip(rows, people, strict=True):
        assert row["image_id"] == 42
        assert row["category_id"] == 1
        assert row["score"] == person.score
        triples = np.array(row["keypoints"]).reshape(17, 3)
        seen = person.keypoint_scores > 0
        np.testing.assert_array_equal(triples[:, 2], np.where(seen, 2, 0))
        np.testing.assert_allclose(triples[seen, :2], person.keypoints[seen], atol=1e-3)
        assert not triples[~seen].any()


@pytest.mark.parametrize("image_id", ["7", 7.0, True, None])
def test_to_coco_wants_an_integer(image_id: Any) -> None:
    with pytest.raises(TypeError, match="image_id must be an integer"):
        make_people(1).to_coco(image_id)


def test_to_openpose_gives_its_18_joints() -> None:
    people = make_people(2, missing=0)
    document = json.loads(json.dumps(people.to_openpose(), allow_nan=False))
    assert document["version"] == 1.3
    assert len(document["people"]) == 2
    first = document["people"][0]
    assert first["person_id"] == [-1]
    assert first["hand_left_keypoints_2d"] == []
    triples = np.array(first["pose_keypoints_2d"]).reshape(18, 3)
    expected = people.convert(OPENPOSE_COCO_18)[0]
    np.testing.assert_allclose(triples[:, :2], expected.keypoints, atol=1e-4)
    np.testing.assert_allclose(triples[:, 2], expected.keypoint_scores, atol=1e-5)


@pytest.mark.parametrize("skeleton", [BODY_25, CROWDPOSE_14])
def test_to_openpose_keeps_other_skeletons(skeleton: Any) -> None:
    shape = (1, skeleton.num_joints)
    people = People(skeleton, np.full((*shape, 2), np.nan), np.zeros(shape), np.ones(1))
    assert people.to_openpose()["people"][0]["pose_keypoints_2d"] == [0] * 3 * skeleton.num_joints


def test_to_torchvision() -> None:
    people = make_people(3)
    result = people.to_torchvision()
    shapes = {name: tuple(tensor.shape) for name, tensor in result.items()}
    assert shapes == {
        "boxes": (3, 4),
        "labels": (3,),
        "scores": (3,),
        "keypoints": (3, 17, 3),
        "keypoints_scores": (3, 17),
    }
    assert result["labels"].dtype == torch.int64
    assert result["labels"].tolist() == [1, 1, 1]
    assert all(tensor.dtype == torch.float32 for name, tensor in result.items() if name != "labels")
    assert torch.isfinite(result["keypoints"]).all()
    seen = people.keypoint_scores > 0
    np.testing.assert_array_equal(result["keypoints"][..., 2].numpy(), seen)
    np.testing.assert_array_equal(result["keypoints"].numpy()[seen][:, :2], people.keypoints[seen])
    np.testing.assert_array_equal(result["boxes"].numpy(), people.boxes)
    result["scores"][0] = 5  # the caller's own, not a view of the people's
    assert people.scores[0] == 1


def test_to_torchvision_with_logits() -> None:
    pytest.importorskip("torch")
    scores = np.zeros((1, 17), np.float32)
    scores[0, :3] = 0.5, 0.9, 1.0
    keypoints = np.where(scores[..., None] > 0, np.zeros((1, 17, 2), np.float32), np.nan)
    people = People(COCO_17, keypoints, scores, np.ones(1, np.float32))
    logits = people.to_torchvision(logits=True)["keypoints_scores"][0].numpy()
    np.testing.assert_allclose(logits[:3], [0, np.log(9), 9.2102], atol=1e-3)
    assert (logits[3:] < -9).all(), "a missing joint is below every threshold"


def test_draw_hands_over_to_drawing() -> None:
    picture = np.zeros((520, 520, 3), np.uint8)
    drawn = make_people(2).draw(picture)
    assert drawn.shape == picture.shape
    assert drawn.any()
    assert not picture.any()


def test_conversion_to_a_skeleton_without_a_common_joint_is_an_error() -> None:
    horse = Skeleton("horse", ("withers", "croup"), ((0, 1),), (0.1, 0.1))
    message = "skeleton must share joints with 'coco17' but 'horse' has only withers, croup"
    with pytest.raises(ValueError, match=message):
        People.empty(COCO_17).convert(horse)


def test_a_person_says_what_it_is_in_a_line() -> None:
    keypoints, scores = np.full((1, 17, 2), np.nan), np.zeros((1, 17))
    keypoints[0, :2], scores[0, :2] = [(10.2, 20), (30, 44)], 0.5
    (person,) = People(COCO_17, keypoints, scores, np.array([0.625]))
    assert repr(person) == "Person(coco17, score 0.62, joints 2 of 17, box [10, 20, 30, 44])"


def test_ids_go_along_with_their_people() -> None:
    people = make_people(4).with_ids([7, 3, 12, 0])
    assert people.ids is not None
    assert people.ids.dtype == np.int64
    assert people[1:3].ids.tolist() == [3, 12]
    assert people[[3, 0]].ids.tolist() == [0, 7]
    assert people[people.scores > 0.5].ids.tolist() == [7, 3]
    assert [person.id for person in people] == [7, 3, 12, 0]
    assert people[2].as_people().ids.tolist() == [12]
    assert people.convert(OPENPOSE_COCO_18).ids.tolist() == [7, 3, 12, 0]
    assert [entry["track_id"] for entry in people.to_coco(1)] == [7, 3, 12, 0]
    assert [entry["person_id"] for entry in people.to_openpose()["people"]] == [[7], [3], [12], [0]]
    assert pickle.loads(pickle.dumps(people)) == people
    assert "ids [7, 3, 12, 0]" in repr(people)
    assert "id 7" in repr(people[0])
    with pytest.raises(ValueError, match="read-only"):
        people.ids[0] = 1


def test_people_without_ids_say_nothing_of_them() -> None:
    people = make_people(2)
    assert people.ids is None
    assert people[0].id is None
    assert people[:1].ids is None
    assert "track_id" not in people.to_coco(1)[0]
    assert people.to_openpose()["people"][0]["person_id"] == [-1]
    assert people != people.with_ids([0, 1])
    assert people.with_ids([0, 1]) != people.with_ids([1, 0])
    assert people.with_ids([0, 1]).with_ids(None) == people
    assert make_people(0).with_ids([]).ids.shape == (0,)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([1.0, 2.0], "ids must be whole numbers but have dtype float64"),
        ([1], r"ids must have shape \(2,\), one for each person, but have \(1,\)"),
        ([1, -1], "ids must be from 0 to 9223372036854775807 but have -1"),
        (["a", "b"], "ids must be whole numbers but have dtype <U1"),
        ([True, False], "ids must be whole numbers but have dtype bool"),
    ],
)
def test_wrong_ids(ids: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_people(2).with_ids(ids)


def traced_people() -> People:
    """Two people without noses; the left shoulder of the first and the knees of the second are guesses."""
    people = make_people(2, missing=0.0)
    scores, traced = people.keypoint_scores.copy(), np.zeros((2, 17), bool)
    scores[:, 0] = 0
    traced[0, COCO_17.index("left_shoulder")] = True
    traced[1, [COCO_17.index("left_knee"), COCO_17.index("right_knee")]] = True
    keypoints = np.where(scores[..., None] > 0, people.keypoints, np.nan)
    return People(COCO_17, keypoints, scores, people.scores, traced=traced)


def test_joints_without_a_peak_of_their_own_stay_marked() -> None:
    people = traced_people()
    with pytest.raises(ValueError, match="read-only"):
        people.traced[0, 0] = True
    assert people[1].traced.sum() == 2
    assert people[1].as_people().traced.sum() == 2
    assert (people[::-1].traced == people.traced[::-1]).all()
    assert (people.with_ids([3, 4]).traced == people.traced).all()
    assert (copy.deepcopy(people).traced == people.traced).all()
    assert (pickle.loads(pickle.dumps(people)).traced == people.traced).all()
    assert not make_people(2).traced.any()
    assert not make_people(2)[0].traced.any()
    assert not People.empty(COCO_17).traced.size


def test_a_neck_between_shoulders_is_traced_if_one_of_them_is() -> None:
    people = traced_people().convert(OPENPOSE_COCO_18)
    names = [[OPENPOSE_COCO_18.joints[joint] for joint in np.flatnonzero(row)] for row in people.traced]
    assert [set(row) for row in names] == [{"neck", "left_shoulder"}, {"left_knee", "right_knee"}]


@pytest.mark.parametrize(
    ("traced", "message"),
    [
        (np.zeros((2, 16), bool), r"traced must have shape \(2, 17\) but has \(2, 16\)"),
        (np.zeros((2, 17)), "traced must be bool but has dtype float64"),
        (np.ones((2, 17), bool), "traced must be False where there is no joint but person 0, joint 'nose' has score 0"),
    ],
)
def test_wrong_marks_of_traced_joints(traced: Any, message: str) -> None:
    people = traced_people()
    with pytest.raises(ValueError, match=message):
        People(COCO_17, people.keypoints, people.keypoint_scores, people.scores, traced=traced)
