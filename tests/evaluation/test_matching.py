"""Who is who: OKS against COCO's own, matching, pairing, counts of people and of swapped limbs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup.datasets import PhotoLabels
from bottomup.evaluation.errors import count_photo, count_swaps, summarise
from bottomup.evaluation.matching import FoundPeople, joint_similarity, match, oks, pair
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17
from tests.makers.evaluation import STANDING, found, labelled, pose

SIGMAS = np.array(COCO_17.sigmas)
NOBODY = PhotoLabels.of_people(np.zeros((0, 17, 2)), np.zeros((0, 4)))


def test_one_joint_by_hand() -> None:
    """exp(-d^2 / (2 area (2 sigma)^2)) with d = 5, area 10000, sigma of the nose 0.026: exp(-25 / 54.08)."""
    label = labelled(pose(), boxes=[[0, 0, 100, 10000 / 0.53 / 100]])
    moved = pose()
    moved[0] += (3, 4)
    similarity = joint_similarity(found(moved), label, SIGMAS)
    assert similarity[0, 0, 0] == pytest.approx(np.exp(-25 / 54.08))
    assert similarity[0, 0, 1:] == pytest.approx(1)
    assert oks(found(moved), label, SIGMAS)[0, 0] == pytest.approx((16 + np.exp(-25 / 54.08)) / 17)


def test_a_missing_joint_counts_as_wrong_and_an_unlabelled_one_not_at_all() -> None:
    guess, truth = pose(), pose()
    guess[3], truth[5] = np.nan, np.nan
    assert oks(found(guess), labelled(truth), SIGMAS)[0, 0] == pytest.approx(15 / 16)


def test_agrees_with_pycocotools() -> None:
    coco, cocoeval = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    random = np.random.default_rng(3)
    truths = [pose(x=x, y=x / 2, size=s) for x, s in ((0, 1), (60, 0.6), (300, 1.2))]
    truths[1][:9] = np.nan
    truths[2][:] = np.nan
    boxes = [[0, 0, 100, 200], [60, 30, 60, 120], [300, 150, 120, 240]]
    guesses = [truths[0] + random.normal(0, 12, (17, 2)), *(pose(x=x) for x in (50, 250, 600, 480))]
    corners = np.array([[x, y, x + width, y + height] for x, y, width, height in boxes], float)
    ours = oks(found(*guesses), labelled(*truths[:2], pose(), boxes=corners), SIGMAS)[:, :2]
    empty = PhotoLabels.of_people(np.full((1, 17, 2), np.nan), corners[2:])
    ours = np.concatenate([ours, oks(found(*guesses), empty, SIGMAS)], axis=1)

    def index(points: list[np.ndarray], **more: list[object]) -> object:
        holder = coco.COCO()
        holder.dataset = {"images": [{"id": 1}], "categories": [{"id": 1}], "annotations": []}
        for number, one in enumerate(points):
            seen = np.isfinite(one[:, 0])
            flat = np.column_stack([np.where(seen[:, None], one, 0), 2 * seen]).ravel().tolist()
            label = {"id": number + 1, "image_id": 1, "category_id": 1, "keypoints": flat, "iscrowd": 0}
            holder.dataset["annotations"].append(
                {**label, "num_keypoints": int(seen.sum()), **{key: values[number] for key, values in more.items()}}
            )
        holder.createIndex()
        return holder

    areas = [0.53 * w * h for _, _, w, h in boxes]
    theirs = cocoeval.COCOeval(
        index(truths, bbox=boxes, area=areas), index(guesses, score=[5, 4, 3, 2, 1], area=[1] * 5), "keypoints"
    )
    theirs.evaluate()
    assert ours == pytest.approx(np.array(theirs.ious[1, 1]), abs=1e-9)
    assert (ours[:, 2] > 0.01).any()
    assert (ours[:, 2] < 0.01).any()


def test_the_best_score_chooses_first_and_each_label_serves_once() -> None:
    similarity = np.array([[0.7, 0.6], [0.9, 0.2], [0.6, 0.55], [0.1, 0.4]])
    result = match(similarity, np.array([0.3, 0.5, 0.4, 0.9]), np.zeros(2, bool))
    assert result.holder.tolist() == [1, 2]  # 1 takes label 0, then 2 takes label 1, and 0 comes too late
    assert result.invented.tolist() == [True, False, False, True]


def test_who_resembles_an_ignored_label_is_neither_right_nor_wrong() -> None:
    similarity = np.array([[0.9, 0.2], [0.8, 0.1], [0.1, 0.9]])
    result = match(similarity, np.array([3.0, 2.0, 1.0]), np.array([True, False]))
    assert result.holder.tolist() == [-1, 2]
    assert result.invented.tolist() == [False, False, False]


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 10**6))
def test_matching_and_pairing_are_one_to_one(people: int, labels: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    similarity = random.random((people, labels)).round(1)
    ignored = random.random(labels) < 0.3
    result = match(similarity, random.random(people), ignored)
    taken = result.holder[result.holder >= 0]
    assert len(set(taken.tolist())) == len(taken)
    assert not result.invented[taken].any()
    assert (result.holder[ignored] < 0).all()
    holder = pair(similarity)
    paired = holder[holder >= 0]
    assert len(set(paired.tolist())) == len(paired) == min(people, labels)


def test_pairing_takes_the_largest_sum() -> None:
    assert pair(np.array([[0.9, 0.8], [0.7, 0.1]])).tolist() == [1, 0]


def test_counts_of_a_photo() -> None:
    """Three labelled people, of whom one is a crowd; one is found, one missed, one invented, one in the crowd."""
    labels = labelled(pose(), pose(x=200), pose(x=400), ignored=[False, False, True])
    count = count_photo(found(pose(x=2), pose(y=250), pose(x=400)), labels, COCO_17)
    assert (count.labelled, count.found, count.missed, count.invented) == (2, 3, 1, 1)
    similarity = oks(found(pose(x=2)), labels, SIGMAS)[0, 0]
    assert count.error == pytest.approx(1 - 2 * similarity / (2 + 2))


def test_an_empty_photo_is_perfect() -> None:
    nothing = FoundPeople(np.zeros((0, 17, 2)), np.zeros(0))
    count = count_photo(nothing, NOBODY, COCO_17)
    assert (count.labelled, count.found, count.error, count.limbs) == (0, 0, 0.0, 0)
    assert count_photo(found(pose()), NOBODY, COCO_17).invented == 1
    assert count_photo(nothing, labelled(pose()), COCO_17).missed == 1
    assert summarise({1: count})["swap_rate"] is None


ARM = Skeleton("arm", ("left_shoulder", "left_elbow", "left_wrist"), ((0, 1), (1, 2)), (0.08, 0.07, 0.06))


def arm(x: float) -> np.ndarray:
    return np.array([STANDING[joint] for joint in ARM.joints], float) + np.array([x, 0])


def test_limbs_between_two_people_are_swapped() -> None:
    big = [[0, 0, 100, 200], [300, 0, 400, 200]]
    labels = labelled(arm(0), arm(300), boxes=big)
    mixed = np.array([arm(0)[0], arm(0)[1], arm(300)[2]])
    assert count_swaps(found(arm(0), arm(300)), labels, ARM) == (4, 0)
    assert count_swaps(found(mixed, arm(300)), labels, ARM) == (4, 1)
    far = mixed + np.array([0, 90])  # nobody's joints: no limb to judge
    assert count_swaps(found(far), labels, ARM) == (0, 0)
    assert count_swaps(found(arm(0)), NOBODY_WITH_ARMS, ARM) == (0, 0)


NOBODY_WITH_ARMS = PhotoLabels.of_people(np.zeros((0, 3, 2)), np.zeros((0, 4)))


def test_joints_on_one_spot_are_nobody_s() -> None:
    """Two people's shoulders coincide: the limb from there cannot be told to be swapped."""
    other = arm(300)
    other[0] = arm(0)[0]
    labels = labelled(arm(0), other, boxes=[[0, 0, 100, 200]] * 2)
    assert count_swaps(found(arm(0)), labels, ARM) == (1, 0)
