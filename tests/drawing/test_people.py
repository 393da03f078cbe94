"""Skeletons on pictures, and fields on pictures."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bottomup.drawing import distinct_color, draw_people, readable_limbs
from bottomup.people import People
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17, CROWDPOSE_14, OPENPOSE_COCO_18, SKELETONS
from tests.makers.examples import examples

# A person who faces us, head up, 100 units high.
STANDING = {
    "nose": (50, 10), "left_eye": (53, 8), "right_eye": (47, 8), "left_ear": (57, 9), "right_ear": (43, 9),
    "head": (50, 3), "head_top": (50, 0), "neck": (50, 20), "upper_neck": (50, 18), "thorax": (50, 22),
    "left_shoulder": (60, 22), "right_shoulder": (40, 22), "left_elbow": (66, 36), "right_elbow": (34, 36),
    "left_wrist": (67, 50), "right_wrist": (33, 50), "mid_hip": (50, 52), "pelvis": (50, 52),
    "left_hip": (56, 52), "right_hip": (44, 52), "left_knee": (57, 75), "right_knee": (43, 75),
    "left_ankle": (57, 96), "right_ankle": (43, 96), "left_heel": (56, 98), "right_heel": (44, 98),
    "left_big_toe": (59, 100), "right_big_toe": (41, 100), "left_small_toe": (61, 99), "right_small_toe": (39, 99),
}  # fmt: skip


def pose(skeleton: Skeleton) -> npt.NDArray[np.float32]:
    return np.array([STANDING[joint] for joint in skeleton.joints], np.float32)


def standing(skeleton: Skeleton, *, height: float = 90.0, x: float = 0.0, y: float = 5.0, score: float = 1.0) -> People:
    points = pose(skeleton) * (height / 100) + np.float32([x, y])
    return People(skeleton, points[None], np.full((1, skeleton.num_joints), score), [score])


def grey(height: int = 100, width: int = 100) -> npt.NDArray[np.uint8]:
    return np.full((height, width, 3), 128, np.uint8)


def limb_names(skeleton: Skeleton, *missing: str) -> set[frozenset[str]]:
    seen = [joint not in missing for joint in skeleton.joints]
    points = np.where(np.array(seen)[:, None], pose(skeleton), np.nan)
    pairs = (skeleton.limbs[index] for index in readable_limbs(skeleton, points, seen))
    return {frozenset(skeleton.joints[end] for end in pair) for pair in pairs}


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda skeleton: skeleton.name)
def test_every_skeleton_is_drawn_where_its_joints_are(skeleton: Skeleton) -> None:
    image, people = grey(), standing(skeleton)
    drawn = draw_people(image, people)
    assert (image == 128).all()
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    changed = (drawn != image).any(axis=2)
    for x, y in np.rint(people.keypoints[0]).astype(int):
        assert changed[y, x]
    x1, y1, x2, y2 = people.boxes[0]
    outside = changed.copy()
    outside[int(y1) - 4 : int(y2) + 6, int(x1) - 4 : int(x2) + 6] = False
    assert not outside.any()


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda skeleton: skeleton.name)
def test_the_limbs_that_are_drawn_join_all_joints(skeleton: Skeleton) -> None:
    limbs = limb_names(skeleton)
    reached, grown = {skeleton.joints[0]}, True
    while grown:
        more = set().union(*(limb for limb in limbs if limb & reached))
        grown = not more <= reached
        reached |= more
    assert reached == set(skeleton.joints)


def test_the_dot_of_a_joint_without_a_peak_has_no_light_middle() -> None:
    people = standing(COCO_17, height=900)
    knee = COCO_17.index("left_knee")
    marked = People(COCO_17, people.keypoints, people.keypoint_scores, people.scores, traced=np.eye(17)[[knee]] > 0)
    x, y = np.rint(people.keypoints[0, knee]).astype(int)
    plain, drawn = draw_people(grey(1000, 1000), people), draw_people(grey(1000, 1000), marked)
    assert tuple(drawn[y, x]) == distinct_color(0)
    assert (plain[y, x] >= drawn[y, x]).all()
    assert (plain[y, x] > drawn[y, x]).any()
    changed = np.argwhere((plain != drawn).any(axis=2))
    assert (np.abs(changed - (y, x)) < 20).all()


def test_an_unlikely_joint_is_marked_like_one_without_a_peak() -> None:
    people = standing(COCO_17, height=900)
    knee = COCO_17.index("left_knee")
    scores = people.keypoint_scores.copy()
    x, y = np.rint(people.keypoints[0, knee]).astype(int)
    for score, marked in ((0.26, False), (0.24, True)):
        scores[0, knee] = score
        drawn = draw_people(grey(1000, 1000), People(COCO_17, people.keypoints, scores, people.scores))
        assert (tuple(drawn[y, x]) == distinct_color(0)) == marked


def test_redundant_limbs_are_left_out() -> None:
    openpose = limb_names(OPENPOSE_COCO_18)
    assert frozenset({"neck", "nose"}) in openpose
    assert frozenset({"left_shoulder", "left_ear"}) not in openpose
    crowdpose = limb_names(CROWDPOSE_14)
    assert frozenset({"neck", "left_shoulder"}) in crowdpose
    assert frozenset({"left_shoulder", "right_shoulder"}) not in crowdpose
    assert frozenset({"neck", "left_hip"}) not in crowdpose
    torso = {frozenset({f"{side}_shoulder", f"{side}_hip"}) for side in ("left", "right")}
    assert torso <= crowdpose


def test_a_redundant_limb_comes_back_where_a_joint_is_missing() -> None:
    assert frozenset({"left_shoulder", "right_shoulder"}) in limb_names(CROWDPOSE_14, "neck")
    assert frozenset({"left_shoulder", "left_ear"}) in limb_names(OPENPOSE_COCO_18, "nose", "right_ear")


def test_coco_people_get_a_neck() -> None:
    people = standing(COCO_17, height=900)
    x, y = ((people.keypoints[0][COCO_17.index(f"{side}_shoulder")]) for side in ("left", "right"))
    nose = people.keypoints[0][COCO_17.index("nose")]
    on_the_neck = (x + y) / 4 + nose / 2
    drawn = draw_people(grey(1000, 1000), people)
    assert tuple(drawn[round(float(on_the_neck[1])), round(float(on_the_neck[0]))]) == distinct_color(0)


def test_equal_skeletons_without_a_neck_of_their_own_are_drawn_alike() -> None:
    pictures = []
    for _ in range(2):  # the second is equal to the first and another object
        own = Skeleton("arms", ("neck", "left_elbow", "left_wrist"), ((0, 1), (1, 2)), (0.1,) * 3)
        pictures.append(draw_people(grey(), standing(own)))
    np.testing.assert_array_equal(*pictures)
    assert (pictures[0] != 128).any()


def test_limbs_have_the_colour_of_their_person() -> None:
    two = [standing(COCO_17, height=900, x=x) for x in (0, 900)]
    people = People(
        COCO_17, *(np.concatenate([getattr(p, a) for p in two]) for a in ("keypoints", "keypoint_scores", "scores"))
    )
    drawn = draw_people(grey(1000, 2000), people)
    for index in (0, 1):
        knee, ankle = (people.keypoints[index, COCO_17.index(f"left_{joint}")] for joint in ("knee", "ankle"))
        x, y = np.rint((knee + ankle) / 2).astype(int)
        assert tuple(drawn[y, x]) == distinct_color(index)
    red = draw_people(grey(1000, 2000), people, colors=[(0, 0, 255)])
    assert tuple(red[y, x]) == (0, 0, 255)


def test_colours_are_distinct_from_their_neighbours() -> None:
    colors = np.array([distinct_color(index) for index in range(200)], float)
    assert ((colors >= 0) & (colors <= 255)).all()
    for step in (1, 2, 3):
        assert np.linalg.norm(colors[step:] - colors[:-step], axis=1).min() > 60
    assert len({tuple(color) for color in colors}) == 200


def test_a_surer_joint_is_a_larger_dot_and_a_surer_limb_more_opaque() -> None:
    faint, sure = (draw_people(grey(1000, 1000), standing(COCO_17, height=900, score=s)) for s in (0.1, 1.0))
    amount = [np.abs(drawn.astype(int) - 128).sum() for drawn in (faint, sure)]
    assert amount[0] < 0.7 * amount[1]


def test_lines_grow_with_the_person_and_with_the_picture() -> None:
    def width(drawn: npt.NDArray[np.uint8], people: People) -> int:
        """Pixels that a horizontal line through the middle of a shin crosses."""
        knee, ankle = (people.keypoints[0, COCO_17.index(f"left_{joint}")] for joint in ("knee", "ankle"))
        x, y = np.rint((knee + ankle) / 2).astype(int)
        reach = max(6, int(people.boxes[0, 3] - people.boxes[0, 1]) // 20)
        return int((drawn[y, max(0, x - reach) : x + reach] != 128).any(axis=1).sum())

    small, large = standing(COCO_17, height=200), standing(COCO_17, height=2000)
    in_thumbnail = width(draw_people(grey(240, 320), small), small)
    far_in_4k = width(draw_people(grey(2160, 3840), small), small)
    near_in_4k = width(draw_people(grey(2160, 3840), large), large)
    assert 3 <= in_thumbnail < far_in_4k < near_in_4k < 60


def test_thresholds_leave_out_people_and_joints() -> None:
    image, people = grey(), standing(COCO_17, score=0.5)
    assert (draw_people(image, people, person_threshold=0.6) == image).all()
    assert (draw_people(image, people, joint_threshold=0.6) == image).all()
    assert (draw_people(image, people, person_threshold=0.5, joint_threshold=0.5) != image).any()


def test_nobody_leaves_the_picture_as_it_is() -> None:
    image = grey()
    drawn = draw_people(image, People.empty(COCO_17))
    assert (drawn == image).all()
    assert drawn is not image
    assert not np.shares_memory(drawn, image)


def test_people_draw_is_the_same() -> None:
    people = standing(COCO_17)
    assert (people.draw(grey(), joint_threshold=0.1) == draw_people(grey(), people, joint_threshold=0.1)).all()


def test_any_memory_order_is_drawn_on() -> None:
    people, image = standing(COCO_17), np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    mirrored = image[:, ::-1]
    assert (draw_people(mirrored, people) == draw_people(np.ascontiguousarray(mirrored), people)).all()


@examples(0.6)
@given(
    points=hnp.arrays(
        np.float32, (3, 17, 2), elements=st.floats(-(2.0**100), 2.0**100, width=32) | st.floats(-64, 64, width=32)
    ),
    scores=hnp.arrays(np.float32, (3, 17), elements=st.sampled_from([0.0, 0.001, 0.5, 1.0, 100.0])),
    side=st.sampled_from([1, 2, 7, 50]),
)
def test_no_coordinates_and_no_size_crash(
    points: npt.NDArray[np.float32], scores: npt.NDArray[np.float32], side: int
) -> None:
    points = np.where(scores[..., None] > 0, points, np.float32(np.nan))
    drawn = draw_people(grey(side, side), People(COCO_17, points, scores, [0.0, 1.0, 2.0]))
    assert drawn.shape == (side, side, 3)


def test_a_limb_that_leaves_the_picture_is_drawn_up_to_its_edge() -> None:
    skeleton = Skeleton("stick", ("a", "b"), ((0, 1),), (0.1, 0.1))
    people = People(skeleton, [[[50.0, 50.0], [90_000.0, 50.0]]], [[1.0, 1.0]], [1.0])
    drawn = draw_people(grey(), people)
    assert tuple(drawn[50, 99]) == distinct_color(0)
    assert (drawn[50, :40] == 128).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"person_threshold": math.nan}, "person_threshold must be a finite number but is nan"),
        ({"joint_threshold": math.inf}, "joint_threshold must be a finite number but is inf"),
        ({"line_scale": 0.0}, "line_scale must be positive but is 0"),
        ({"colors": []}, "colors must hold at least one colour but is empty"),
        ({"colors": [(1, 2)]}, r"colors must have shape \(M, 3\) but has \(1, 2\)"),
        ({"colors": (255, 0, 0)}, r"colors must have shape \(M, 3\) but has \(3,\)"),
        ({"colors": ["red"]}, r"colors must hold triples of numbers but is \['red'\]"),
        ({"joint_threshold": "0.1"}, "joint_threshold must be a number but is '0.1'"),
        ({"line_scale": None}, "line_scale must be a number but is None"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        draw_people(grey(), standing(COCO_17), **options)  # type: ignore[arg-type]


def test_bad_people_are_named() -> None:
    people = standing(COCO_17)
    with pytest.raises(TypeError, match=r"people must be People but is a list$"):
        draw_people(grey(), [people])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"people must be People but is a Person: use its as_people\(\)"):
        draw_people(grey(), people[0])  # type: ignore[arg-type]


def test_bad_images_are_named() -> None:
    people = standing(COCO_17)
    with pytest.raises(ValueError, match=r"image must be .* but has shape \(100, 100\)"):
        draw_people(np.zeros((100, 100), np.uint8), people)
    with pytest.raises(TypeError, match=r"image must be .* but is a NoneType"):
        draw_people(None, people)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
def test_read_only_and_float_pictures_are_drawn_on_copies(dtype: type) -> None:
    image = grey() if dtype is np.uint8 else (grey() / 255).astype(dtype)
    image.setflags(write=False)
    before = image.copy()
    drawn = draw_people(image, standing(COCO_17))
    assert (drawn == draw_people(grey(), standing(COCO_17))).all()
    assert (image == before).all()
    assert drawn.flags.writeable


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 128.0])
def test_float_pictures_beyond_0_to_1_are_refused(value: float) -> None:
    image = np.full((20, 20, 3), 0.5)
    image[3, 4, 1] = value
    with pytest.raises(ValueError, match=r"image must be a float array within 0\.\.1 but holds"):
        draw_people(image, standing(COCO_17))


def test_an_id_is_written_in_the_color_that_stays_with_it() -> None:
    keypoints = np.full((1, 17, 2), np.nan)
    keypoints[0, 0] = 100, 100
    scores = np.zeros((1, 17))
    scores[0, 0] = 1
    image = np.zeros((200, 200, 3), np.uint8)
    people = People(COCO_17, keypoints, scores, np.ones(1)).with_ids([5])
    bare = people.draw(image, show_ids=False)
    assert (bare == people.with_ids(None).draw(image, colors=[distinct_color(5)])).all()
    named = people.draw(image)
    above = np.argwhere((named != bare).any(axis=2))
    assert len(above)
    assert above[:, 0].max() < 100
    assert (named[tuple(above.T)] == distinct_color(5)).all(axis=1).any()
    corner = People(COCO_17, keypoints - 99, scores, np.ones(1)).with_ids([12345]).draw(image)
    assert (corner[:20, :60] != 0).any()  # moved into the picture


def test_float_and_read_only_pictures_are_drawn_on() -> None:
    people, image = standing(COCO_17), grey()
    expected = draw_people(image, people)
    image.setflags(write=False)
    assert (draw_people(image, people) == expected).all()
    for dtype in (np.float32, np.float64):
        assert (draw_people(image.astype(dtype) / 255, people) == expected).all()
    with pytest.raises(ValueError, match=r"image must be a float array within 0\.\.1 but holds 128 to 128"):
        draw_people(image.astype(np.float32), people)


def test_rgb_in_is_rgb_out() -> None:
    people, image = standing(COCO_17), np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    expected = draw_people(image, people, colors=[(0, 0, 255)], show_boxes=True)
    rgb = draw_people(np.ascontiguousarray(image[:, :, ::-1]), people, rgb=True, colors=[(255, 0, 0)], show_boxes=True)
    assert (rgb[:, :, ::-1] == expected).all()


def test_sides_have_colours_of_their_own() -> None:
    people = standing(COCO_17, height=900)
    drawn = draw_people(grey(1000, 1000), people, color_by="side")
    colors = []
    for side in ("left", "right"):
        knee, ankle = (people.keypoints[0, COCO_17.index(f"{side}_{joint}")] for joint in ("knee", "ankle"))
        x, y = np.rint((knee + ankle) / 2).astype(int)
        colors.append(tuple(drawn[y, x].tolist()))
    assert len({*colors, distinct_color(0)}) == 3
    with pytest.raises(ValueError, match="color_by must be 'person' or 'side' but is 'age'"):
        draw_people(grey(), people, color_by="age")


@pytest.mark.parametrize("option", ["show_boxes", "show_scores", "show_names"])
def test_boxes_scores_and_names_are_drawn_when_asked_for(option: str) -> None:
    people, image = standing(COCO_17, height=300, x=100, y=60), grey(400, 400)
    more = draw_people(image, people, **{option: True})
    plain = draw_people(image, people)
    assert (more != plain).any()
    assert (draw_people(image, People.empty(COCO_17), **{option: True}) == image).all()
    if option == "show_boxes":
        x1, y1, x2, _ = np.rint(people.boxes[0]).astype(int)
        assert (more[y1, x1 : x2 + 1] != plain[y1, x1 : x2 + 1]).any(axis=1).mean() > 0.7


def test_drawing_knows_no_people() -> None:
    script = "import sys, bottomup.drawing; print('bottomup.people' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"
