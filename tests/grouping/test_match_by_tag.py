"""The published grouping of tags, against poses of the published implementation and against people that are known."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bottomup.grouping.match_by_tag import match_by_tag, matched_people
from bottomup.grouping.options import TagMatchOptions
from bottomup.skeletons import COCO_17, CROWDPOSE_14
from tests.makers.fields import THREE

Floats = npt.NDArray[np.float32]
GOLDEN = Path(os.environ.get("BOTTOMUP_DATA", "")) / "networks" / "golden" / "decode_higherhrnet.npz"


@pytest.mark.skipif(
    "BOTTOMUP_DATA" not in os.environ or not GOLDEN.is_file(), reason="needs golden outputs in $BOTTOMUP_DATA"
)
@pytest.mark.parametrize("case", ["three", "three_flip", "crowdpose", "many"])
def test_published_poses_are_reproduced(case: str) -> None:
    with np.load(GOLDEN) as golden:
        heatmaps = golden[f"{case}_heatmaps"][0].astype(np.float32)
        tags = np.moveaxis(golden[f"{case}_tags"][0], -1, 1).astype(np.float32)
        matched, poses, scores = (golden[f"{case}_{name}"] for name in ("matched", "poses", "scores"))
    skeleton = COCO_17 if len(heatmaps) == 17 else CROWDPOSE_14
    np.testing.assert_array_equal(match_by_tag(heatmaps, tags, skeleton, TagMatchOptions()), matched)
    places, found = matched_people(heatmaps, tags, skeleton, TagMatchOptions())
    np.testing.assert_allclose(places[..., :2] + 0.5, poses[..., :2], atol=0.01)  # there a cell begins at its number
    np.testing.assert_allclose(places[..., 2], poses[..., 2], atol=1e-6)
    np.testing.assert_allclose(found, scores, atol=1e-6)


def drawn(people: Any) -> tuple[Floats, Floats]:
    """Maps of 20 x 20 cells: of each person three (column, row, height, tag)."""
    heatmaps, tags = np.zeros((3, 20, 20), np.float32), np.zeros((3, 1, 20, 20), np.float32)
    for person in people:
        for joint, (column, row, height, tag) in enumerate(person):
            heatmaps[joint, row, column], tags[joint, 0, row, column] = height, tag
    return heatmaps, tags


def test_the_running_mean_decides() -> None:
    people = [
        [(2, 2, 0.9, 0.0), (2, 9, 0.9, 0.8), (2, 16, 0.9, 1.35)],
        [(12, 2, 0.8, 5.0), (12, 9, 0.8, 5.1), (0, 0, 0, 0)],
    ]
    found = match_by_tag(*drawn(people), THREE, TagMatchOptions())
    np.testing.assert_allclose(found[0, :, 3], [0.0, 0.8, 1.35], rtol=1e-6)  # 1.35 is 0.95 from the mean 0.4
    np.testing.assert_allclose(found[1, :, 2], [0.8, 0.8, 0.0], rtol=1e-6)
    apart = match_by_tag(*drawn(people), THREE, TagMatchOptions(tag_threshold=0.5))
    assert (apart[:, :, 2] > 0).sum(axis=1).tolist() == [1, 2, 1, 1]


def test_of_candidates_that_are_as_near_the_higher_one_joins() -> None:
    heatmaps, tags = drawn(
        [[(2, 2, 0.9, 0.0), (2, 9, 0.3, 0.1), (0, 0, 0, 0)], [(0, 0, 0, 0), (12, 9, 0.7, 0.2), (0, 0, 0, 0)]]
    )
    found = match_by_tag(heatmaps, tags, THREE, TagMatchOptions())
    np.testing.assert_allclose(found[:, 1, 2], [0.7, 0.3], rtol=1e-6)


def test_refinement_fills_in_over_the_whole_map() -> None:
    maps = drawn([[(2, 2, 0.9, 1.0), (2, 9, 0.9, 1.0), (19, 19, 0.05, 1.1)]])
    found, scores = matched_people(*maps, THREE, TagMatchOptions())
    np.testing.assert_allclose(found[0, 2], [19.25, 19.25, 0.05], rtol=1e-6)
    np.testing.assert_allclose(scores, [0.6], rtol=1e-6)
    bare, _ = matched_people(*maps, THREE, TagMatchOptions(refine=False))
    np.testing.assert_array_equal(bare[0, 2], [0, 0, 0])


def test_empty_maps_have_no_people() -> None:
    found, scores = matched_people(*drawn([]), THREE, TagMatchOptions())
    assert (found.shape, scores.shape) == ((0, 3, 3), (0,))


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="nms_kernel must be odd but is 4"):
        TagMatchOptions(nms_kernel=4)
