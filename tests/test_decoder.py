"""decode_fields: drawn people come back where they were drawn; nothing else does; bad input is named."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bottomup
from bottomup.decoder import decode_fields
from bottomup.fields import Fields, draw_fields
from bottomup.kernels import Candidates, LimbOptions, PeakOptions, find_peaks
from bottomup.people import People
from bottomup.settings import Settings
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17, CROWDPOSE_14
from tests.makers.examples import examples

FloatArray = npt.NDArray[np.float64]

# A person standing, in COCO's order, about 200 pixels high; fractions so that joints lie between cells.
STANDING = np.array(
    [
        (60.3, 20.1), (66.2, 14.3), (54.9, 14.8), (74.1, 17.6), (46.4, 18.2), (84.7, 48.9), (36.2, 49.4), (97.5, 86.3),
        (24.1, 85.7), (103.8, 121.2), (17.6, 120.4), (75.9, 118.7), (45.3, 119.1), (78.4, 164.9), (42.7, 165.3),
        (80.6, 207.2), (40.9, 206.6),
    ]
)  # fmt: skip
TRIO = Skeleton("trio", ("a", "b", "c"), ((0, 1), (1, 2)), (0.1, 0.1, 0.1))
DOTS = Skeleton("dots", ("a", "b"), (), (0.1, 0.1))


def standing(x: float, y: float) -> FloatArray:
    """The person, moved by x and y pixels."""
    return STANDING + np.array([x, y])


def draw(people: Any, visible: Any = None, *, height: int = 240, width: int = 480, stride: int = 4) -> Fields:
    points = np.asarray(people, np.float64).reshape(-1, 17, 2)
    seen = np.ones(points.shape[:2], bool) if visible is None else np.asarray(visible)
    return draw_fields(points, seen, COCO_17, height=height, width=width, stride=stride)


def decode(fields: Fields, settings: Settings | None = None) -> People:
    people = decode_fields(fields.heatmaps, fields.pafs, COCO_17, stride=fields.stride, settings=settings)
    assert isinstance(people, People)
    return people


def left_to_right(people: People) -> People:
    return people[np.argsort(np.nanmean(people.keypoints[..., 0], axis=1))]


@pytest.mark.parametrize("stride", [1, 2, 4, 8])
@pytest.mark.parametrize("shift", [(0, 0), (100.37, 9.81)])
def test_one_person_comes_back_where_they_were_drawn(stride: int, shift: tuple[float, float]) -> None:
    drawn = standing(*shift)
    people = decode(draw(drawn, stride=stride))
    assert len(people) == 1
    np.testing.assert_allclose(people.keypoints[0], drawn, atol=0.02 * stride)
    assert people.keypoint_scores.min() > 0.6
    sides = np.ptp(people.keypoints[0], axis=0) / stride + 1
    size = np.sqrt(sides.prod()) / max(draw(drawn, stride=stride).heatmaps.shape[-2:])
    expected = np.sqrt(np.mean(people.keypoint_scores**2)) * size ** Settings().results.size_exponent
    np.testing.assert_allclose(people.scores, expected, rtol=1e-4)
    assert people.skeleton is COCO_17
    assert people.keypoints.dtype == people.keypoint_scores.dtype == people.scores.dtype == np.float32


@pytest.mark.parametrize("stride", [1, 4, 8, 7.5])
def test_a_cell_is_centred_by_the_half_pixel_rule(stride: float) -> None:
    heatmaps, pafs = np.zeros((3, 9, 11), np.float32), np.zeros((4, 9, 11), np.float32)
    heatmaps[0, 2, 3] = heatmaps[1, 5, 3] = heatmaps[2, 7, 3] = 0.9
    pafs[1::2] = 1
    people = decode_fields(heatmaps, pafs, TRIO, stride=stride)
    assert isinstance(people, People)
    x, ys = 3.5 * stride - 0.5, np.array([2.5, 5.5, 7.5]) * stride - 0.5
    np.testing.assert_allclose(people.keypoints, [[(x, y) for y in ys]], atol=1e-4)


def test_people_side_by_side_stay_apart() -> None:
    drawn = [standing(dx, 5) for dx in (0, 115, 230, 345)]
    people = left_to_right(decode(draw(drawn)))
    np.testing.assert_allclose(people.keypoints, drawn, atol=0.1)


def test_overlapping_people_keep_their_own_joints() -> None:
    """One stands 37 pixels beside the other, so that their arms, legs and trunks cross."""
    drawn = [STANDING, standing(37, 6)]
    people = left_to_right(decode(draw(drawn)))
    np.testing.assert_allclose(people.keypoints, drawn, atol=1)


def test_hidden_joints_are_missing_and_the_rest_is_found() -> None:
    seen = np.ones((1, 17), bool)
    seen[0, [3, 9, 15, 16]] = False
    people = decode(draw(STANDING, seen))
    assert len(people) == 1
    np.testing.assert_array_equal(people.keypoint_scores > 0, seen)
    np.testing.assert_array_equal(np.isnan(people.keypoints).all(axis=2), ~seen)
    np.testing.assert_allclose(people.keypoints[seen], STANDING[seen[0]], atol=0.1)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (30, 1), (60, 120)])
def test_empty_fields_hold_nobody(size: tuple[int, int]) -> None:
    people = decode_fields(
        np.zeros((17, *size), np.float32), np.zeros((2 * COCO_17.num_limbs, *size), np.float32), COCO_17, stride=8
    )
    assert isinstance(people, People)
    assert len(people) == 0
    assert people.keypoints.shape == (0, 17, 2)
    assert people.keypoint_scores.shape == (0, 17)
    assert people.scores.shape == (0,)
    assert people == People.empty(COCO_17)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_batch_gives_what_its_images_give(threads: int) -> None:
    settings = Settings(threads=threads)
    images = [draw([STANDING, standing(150, 3)]), draw([]), draw(standing(211.4, 0))]
    heatmaps, pafs = np.stack([f.heatmaps for f in images]), np.stack([f.pafs for f in images])
    batch = decode_fields(heatmaps, pafs, COCO_17, stride=4, settings=settings)
    assert batch == [decode(fields) for fields in images]
    assert [len(people) for people in batch] == [2, 0, 1]
    assert decode_fields(heatmaps[:0], pafs[:0], COCO_17, stride=4, settings=settings) == []
    assert decode_fields(heatmaps[:1], pafs[:1], COCO_17, stride=4, settings=settings) == batch[:1]


def test_memory_order_and_tensors_change_nothing() -> None:
    torch = pytest.importorskip("torch")
    fields = draw([STANDING, standing(150, 3)])
    expected = decode(fields)
    for change in (np.asfortranarray, lambda a: np.ascontiguousarray(a[:, ::-1])[:, ::-1], torch.from_numpy):
        assert decode_fields(change(fields.heatmaps), change(fields.pafs), COCO_17, stride=4) == expected
    half = decode_fields(fields.heatmaps.astype(np.float16), fields.pafs.astype(np.float16), COCO_17, stride=4)
    assert isinstance(half, People)
    np.testing.assert_allclose(half.keypoints, expected.keypoints, atol=0.1)


def test_a_mirrored_picture_holds_the_mirrored_people() -> None:
    drawn = [STANDING, standing(150.6, 3)]
    fields = draw(drawn)
    channels, signs = COCO_17.paf_flip
    mirrored = decode_fields(
        fields.heatmaps[COCO_17.flip_permutation, :, ::-1], fields.pafs[channels, :, ::-1] * signs, COCO_17, stride=4
    )
    assert isinstance(mirrored, People)
    back = mirrored.keypoints[:, COCO_17.flip_permutation] * (-1, 1) + (480 - 1, 0)
    np.testing.assert_allclose(back[np.argsort(back[:, 0, 0])], drawn, atol=0.1)


def test_thresholds_of_people_and_joints() -> None:
    fields = draw([STANDING, standing(200, 0)])
    right = np.arange(fields.heatmaps.shape[2]) >= 41  # the second person's half of the picture, half as bright
    heatmaps = np.where(right, fields.heatmaps / 2, fields.heatmaps)
    heatmaps[0] /= 4  # both noses

    def people(**options: float) -> People:
        found = decode_fields(heatmaps, fields.pafs, COCO_17, stride=4, settings=Settings(**options))  # type: ignore[arg-type]
        assert isinstance(found, People)
        return found

    assert len(people()) == 2
    assert (np.diff(people().scores) < 0).all()
    assert len(people(person_threshold=0.6)) == 1
    assert len(people(person_threshold=0.99)) == 0
    without_noses = people(joint_threshold=0.3)
    np.testing.assert_array_equal(without_noses.keypoint_scores > 0, [[False] + [True] * 16] * 2)
    assert len(people(joint_threshold=0.6)) == 1
    assert len(people(joint_threshold=1.5)) == 0


def test_limbs_may_be_of_any_length() -> None:
    fields = draw(standing(0, 0))
    twice = decode(fields, Settings(limbs=LimbOptions(max_limb_length=2.0)))
    assert len(twice) == 1
    assert twice == decode(fields, Settings(limbs=LimbOptions(max_limb_length=float("inf"))))


def test_min_joints_leaves_out_fragments() -> None:
    seen = np.ones((2, 17), bool)
    seen[1, 3:] = False
    fields = draw([STANDING, standing(220, 0)], seen)
    assert [int((p.keypoint_scores > 0).sum()) for p in decode(fields)] == [17, 3]
    assert len(decode(fields, Settings(min_joints=3))) == 2
    assert len(decode(fields, Settings(min_joints=4))) == 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"heatmaps": np.zeros((3, 8, 8))}, TypeError, "but is float64: astype"),
        ({"pafs": np.zeros((4, 8, 8), np.int32)}, TypeError, "pafs must be float32, float16 or bfloat16 but is int32"),
        (
            {"heatmaps": np.zeros((4, 8, 8), "f4")},
            ValueError,
            r"heatmaps must have 3 channels but has shape \(4, 8, 8\)",
        ),
        ({"pafs": np.zeros((2, 8, 8), "f4")}, ValueError, r"pafs must have 4 channels but has shape \(2, 8, 8\)"),
        ({"pafs": np.zeros((4, 8, 9), "f4")}, ValueError, r"same batch and size .* \(3, 8, 8\) and \(4, 8, 9\)"),
        ({"pafs": np.zeros((1, 4, 8, 8), "f4")}, ValueError, r"same batch and size .* and \(1, 4, 8, 8\)"),
        ({"heatmaps": np.zeros((8, 8), "f4")}, ValueError, r"heatmaps must have shape \(3, h, w\) .* but has \(8, 8\)"),
        ({"heatmaps": np.zeros((3, 0, 8), "f4")}, ValueError, "heatmaps must not be empty"),
        ({"heatmaps": None}, TypeError, "heatmaps must be float32, float16 or bfloat16"),
        ({"pafs": [[[0.0]]]}, TypeError, "pafs must be float32, float16 or bfloat16 but is float64"),
        ({"skeleton": "trio"}, TypeError, "skeleton must be a Skeleton but is a str: get_skeleton finds"),
        ({"settings": {"flip": True}}, TypeError, "settings must be a Settings but is a dict"),
        ({"settings": {}}, TypeError, "settings must be a Settings but is a dict"),
        ({"stride": "8"}, TypeError, "stride must be a positive number of pixels but is '8'"),
        ({"stride": None}, TypeError, "stride must be a positive number of pixels but is None"),
        ({"stride": 0}, ValueError, "stride must be a positive number of pixels but is 0"),
        ({"stride": -8}, ValueError, "stride must be a positive number of pixels but is -8"),
        ({"stride": float("nan")}, ValueError, "stride must be a positive number of pixels but is nan"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], error: type[Exception], message: str) -> None:
    fine = {"heatmaps": np.zeros((3, 8, 8), "f4"), "pafs": np.zeros((4, 8, 8), "f4"), "skeleton": TRIO, "stride": 8}
    with pytest.raises(error, match=message):
        decode_fields(**{**fine, **change})


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_heatmaps_must_be_finite_everywhere_and_pafs_where_they_matter(bad: float) -> None:
    fields = draw(STANDING)
    heatmaps = fields.heatmaps.copy()
    heatmaps[5, 59, 119] = bad
    with pytest.raises(ValueError, match=r"heatmaps must be finite .* batch 0, channel 5, row 59, column 119$"):
        decode_fields(heatmaps, fields.pafs, COCO_17, stride=4)
    far = fields.pafs.copy()
    far[7, 59, 119] = bad  # no limb comes near
    assert decode_fields(fields.heatmaps, far, COCO_17, stride=4) == decode(fields)
    with pytest.raises(ValueError, match=r"pafs must be finite .* batch 0, channel 7, row 59, column 119$"):
        decode_fields(fields.heatmaps, far, COCO_17, stride=4, settings=Settings(validate=True))
    with pytest.raises(ValueError, match=r"pafs must be finite .* batch 0, channel 0 or the next$"):
        decode_fields(fields.heatmaps, np.full_like(fields.pafs, bad), COCO_17, stride=4)


@pytest.mark.slow
def test_needs_no_torch() -> None:
    code = """
import sys
import numpy as np
import bottomup
from bottomup.skeletons import COCO_17
heatmaps, pafs = np.full((17, 9, 9), 0.9, np.float32), np.zeros((2 * COCO_17.num_limbs, 9, 9), np.float32)
assert len(bottomup.decode_fields(heatmaps, pafs, COCO_17, stride=8)) > 0
assert "torch" not in sys.modules, "torch was imported"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert bottomup.decode_fields is decode_fields


def test_threads_with_different_settings_do_not_meet() -> None:
    fields = draw([STANDING, standing(130, 3), standing(260, 9)])
    every = [
        Settings(),
        Settings(joint_threshold=0.97),
        Settings(min_joints=18),
        Settings(peak_threshold=0.95, threads=3),
    ]
    expected = [decode(fields, settings) for settings in every]
    assert [len(people) for people in expected[:3]] == [3, 3, 0]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(decode, [fields] * 40, every * 10)) == expected * 10


@examples(1.5)
@given(
    seed=st.integers(0, 2**32 - 1),
    skeleton=st.sampled_from([DOTS, TRIO, COCO_17, CROWDPOSE_14]),
    size=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    kind=st.sampled_from(["noise", "levels", "sparse", "constant", "huge"]),
    options=st.fixed_dictionaries(
        {
            "joint_threshold": st.sampled_from([0.0, 0.5]),
            "min_joints": st.integers(1, 4),
            "person_threshold": st.sampled_from([0.0, 0.03, 0.3]),
        }
    ),
)
def test_any_finite_field_gives_people_that_hold_together(
    seed: int, skeleton: Skeleton, size: tuple[int, int], kind: str, options: dict[str, Any]
) -> None:
    rng = np.random.default_rng(seed)
    heatmaps = rng.uniform(-0.2, 1, (skeleton.num_joints, *size))
    pafs = rng.uniform(-1, 1, (2 * skeleton.num_limbs, *size))
    if kind == "levels":
        heatmaps, pafs = np.round(heatmaps * 3) / 3, np.round(pafs)
    elif kind == "sparse":
        heatmaps *= rng.random(heatmaps.shape) < 0.05
    elif kind == "constant":
        heatmaps[:], pafs[:] = rng.random(), rng.uniform(-1, 1)
    elif kind == "huge":
        heatmaps *= 1e30
        pafs *= 1e18
        options = options | {"peaks": PeakOptions(max_heatmap_value=np.inf)}
    people = decode_fields(
        heatmaps.astype(np.float32), pafs.astype(np.float32), skeleton, stride=4, settings=Settings(**options)
    )
    assert isinstance(people, People)
    seen = people.keypoint_scores > 0
    assert np.isfinite(people.keypoints[seen]).all()
    assert np.isnan(people.keypoints[~seen]).all()
    assert np.isfinite(people.scores).all()
    assert (np.diff(people.scores) <= 0).all()
    assert (people.scores >= np.float32(options["person_threshold"])).all()
    assert (seen.sum(axis=1) >= options["min_joints"]).all()
    assert (people.keypoint_scores[seen] >= options["joint_threshold"]).all()
    low, high = -0.5 + 2 - 0.01, np.array(size[::-1]) * 4 - 0.5 - 2 + 0.01  # the centres of the outermost cells
    assert (people.keypoints[seen] >= low).all()
    assert (people.keypoints[seen] <= high).all()


def test_heatmaps_that_were_not_scaled_are_refused() -> None:
    fields = draw([standing(60, 10), standing(300, 15)])
    heatmaps, pafs = fields.heatmaps, fields.pafs
    with pytest.raises(ValueError, match=r"heatmaps must be scores in 0\.\.1, .* but have a peak of 25[0-5]"):
        decode_fields(255 * heatmaps, pafs, COCO_17, stride=4)
    one_of_two = np.stack([heatmaps, 4 * heatmaps])
    with pytest.raises(ValueError, match=r"heatmaps must be scores in 0\.\.1"):
        decode_fields(one_of_two, np.stack([pafs, pafs]), COCO_17, stride=4)
    # Networks overshoot, and see little or nobody.
    assert [len(decode_fields(factor * heatmaps, pafs, COCO_17, stride=4)) for factor in (1.5, 0.5, 0.0)] == [2, 2, 0]
    allowed = Settings(peaks=PeakOptions(max_heatmap_value=300))
    assert len(decode_fields(255 * heatmaps, pafs, COCO_17, stride=4, settings=allowed)) == 2


def test_candidates_from_elsewhere_take_the_place_of_the_peaks() -> None:
    fields = draw([standing(60, 10), standing(300, 15)])
    peaks = find_peaks(fields.heatmaps)
    as_ever = decode_fields(fields.heatmaps, fields.pafs, COCO_17, stride=4)
    assert decode_fields(0 * fields.heatmaps, fields.pafs, COCO_17, stride=4, candidates=peaks) == as_ever
    nothing = np.zeros(0, np.float32)
    none = Candidates(1, 17, np.zeros(18, np.int64), np.zeros((0, 2), np.float32), nothing, nothing)
    assert len(decode_fields(fields.heatmaps, fields.pafs, COCO_17, stride=4, candidates=none)) == 0
    with pytest.raises(TypeError, match="candidates must be Candidates but is a list"):
        decode_fields(fields.heatmaps, fields.pafs, COCO_17, stride=4, candidates=[])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="candidates must be of 2 images and 17 joints but are of 1 and 17"):
        decode_fields(np.stack([fields.heatmaps] * 2), np.stack([fields.pafs] * 2), COCO_17, stride=4, candidates=peaks)
