"""Boxes from outside: whose they are, what they bring, and that they take nothing from anybody."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup import People, Settings, decode_fields
from bottomup.fields import Fields, draw_fields
from bottomup.grouping import PersonJointGraph, group
from bottomup.grouping.proposals import apply_proposals, check_proposals, match_boxes, overlap
from bottomup.skeletons import CROWDPOSE_14
from tests.makers.graphs import ARM_AND_LEG, SQUARE, check_consistent, make_graph, people_graph, random_graphs

# A standing figure 100 high in CrowdPose's order.
FIGURE = 100 * np.array(
    [[0.13, 0.18], [-0.13, 0.18], [0.17, 0.36], [-0.17, 0.36], [0.19, 0.5], [-0.19, 0.5], [0.095, 0.47], [-0.095, 0.47],
     [0.1, 0.71], [-0.1, 0.71], [0.1, 0.95], [-0.1, 0.95], [0, 0], [0, 0.17]]
)  # fmt: skip


def figures(*places: tuple[float, float]) -> np.ndarray:
    return np.array([FIGURE + np.array(place) for place in places])


def boxes_of(poses: np.ndarray, margin: float = 5.0) -> np.ndarray:
    return np.concatenate([poses.min(axis=1) - margin, poses.max(axis=1) + margin], axis=1)


def people_of(graph: PersonJointGraph) -> list[tuple[int, ...]]:
    return sorted(tuple(row[row >= 0].tolist()) for row in graph.members)


@st.composite
def box_arrays(draw: st.DrawFn) -> np.ndarray:
    corner, side = st.integers(-3, 12), st.integers(1, 15)
    boxes = draw(st.lists(st.tuples(corner, corner, side, side), max_size=4))
    return np.array([(x, y, x + w, y + h) for x, y, w, h in boxes], float).reshape(-1, 4)


# -- what holds of all boxes -------------------------------------------------------------------------------------------


@given(random_graphs((SQUARE, ARM_AND_LEG)), box_arrays())
def test_nobody_loses_anything_to_a_box(graph: PersonJointGraph, boxes: np.ndarray) -> None:
    group(graph)
    before = people_of(graph)
    objective = graph.objective()
    count = graph.num_people
    spoken_for = apply_proposals(graph, boxes)
    check_consistent(graph)
    assert spoken_for.shape == (graph.num_people,)
    assert spoken_for.sum() <= len(boxes)
    after = people_of(graph)
    assert all(any(set(person) <= set(other) for other in after) for person in before)
    opened = [person for person in after if not any(set(other) <= set(person) for other in before)]
    assert len(opened) <= len(boxes)
    if not opened and graph.num_people == count:
        assert graph.objective() == pytest.approx(objective)
        assert after == before


@given(random_graphs())
def test_no_boxes_change_nothing(graph: PersonJointGraph) -> None:
    group(graph)
    before = graph.members.copy()
    assert not apply_proposals(graph, np.zeros((0, 4))).any()
    np.testing.assert_array_equal(graph.members, before)


# -- whose box it is ---------------------------------------------------------------------------------------------------


def test_each_box_finds_its_person_whatever_their_order() -> None:
    poses = figures((100, 50), (130, 60), (300, 40))
    graph = people_graph(CROWDPOSE_14, poses)
    group(graph)
    middle = np.where(graph.members[..., None] >= 0, graph.xy[graph.members], np.nan)
    boxes = boxes_of(poses)[[2, 0, 1]]
    inside = np.ones((len(graph.types), 3), bool)
    inside[:] = ((graph.xy[:, None] >= boxes[:, :2]) & (graph.xy[:, None] <= boxes[:, 2:])).all(axis=2)
    person = match_boxes(graph, boxes, inside)
    assert sorted(person) == [0, 1, 2]
    for box, one in enumerate(person):
        assert np.nanmean(middle[one, :, 0]) == pytest.approx(poses[[2, 0, 1][box], :, 0].mean(), abs=0.1)
    assert apply_proposals(graph, boxes).all()


def test_of_boxes_within_each_other_each_finds_the_person_of_its_size() -> None:
    small = (FIGURE * 0.3 + (100, 90))[None]
    poses = np.concatenate([figures((100, 50)), small])
    graph = people_graph(CROWDPOSE_14, poses)
    group(graph)
    boxes = boxes_of(poses, 2.0)
    inside = ((graph.xy[:, None] >= boxes[:, :2]) & (graph.xy[:, None] <= boxes[:, 2:])).all(axis=2)
    person = match_boxes(graph, boxes, inside)
    heights = graph.heights[person]
    assert heights[0] == pytest.approx(100, rel=0.2)
    assert heights[1] == pytest.approx(30, rel=0.2)


def test_a_second_box_for_one_person_and_one_for_nobody_are_forgotten() -> None:
    poses = figures((100, 50))
    graph = people_graph(CROWDPOSE_14, poses)
    group(graph)
    before = people_of(graph)
    boxes = np.concatenate([boxes_of(poses), boxes_of(poses, 9.0), [[300, 10, 340, 90]]])
    assert apply_proposals(graph, boxes).tolist() == [True]
    assert people_of(graph) == before


# -- what it brings ----------------------------------------------------------------------------------------------------


def body_and_far_hand() -> PersonJointGraph:
    """An arm's shoulder and elbow, and a knee and hip that no limb joins to it: two people without a box."""
    points = [(0, 0, 0, 1), (1, 0, 9, 1), (3, 80, 60, 1), (4, 80, 72, 1)]
    graph = make_graph(ARM_AND_LEG, points, {(0, 0, 1): 1.0, (2, 2, 3): 1.0})
    group(graph)
    assert people_of(graph) == [(0, 1), (2, 3)]
    return graph


def test_fragments_in_one_box_become_one_person() -> None:
    graph = body_and_far_hand()
    assert apply_proposals(graph, np.array([[-5.0, -5, 90, 80]])).tolist() == [True]
    assert people_of(graph) == [(0, 1, 2, 3)]


def test_fragments_that_several_boxes_hold_stay_apart() -> None:
    graph = body_and_far_hand()
    apply_proposals(graph, np.array([[-5.0, -5, 90, 80], [70, 50, 300, 300], [60, 55, 400, 90]]))
    assert people_of(graph) == [(0, 1), (2, 3)]


def test_a_fragment_that_ought_to_have_a_limb_stays_apart() -> None:
    """An elbow's wrist without a limb to it costs more than a person does."""
    points = [(0, 0, 0, 1), (1, 0, 9, 1), (2, 80, 60, 1)]
    graph = make_graph(ARM_AND_LEG, points, {(0, 0, 1): 1.0})
    group(graph)
    apply_proposals(graph, np.array([[-5.0, -5, 90, 80]]))
    assert people_of(graph) == [(0, 1), (2,)]


def test_faint_joints_become_somebody_in_a_box_only() -> None:
    points = [(0, 0, 0, 0.2), (1, 0, 9, 0.2), (2, 0, 16, 0.2)]
    affinities = {(0, 0, 1): 1.0, (1, 1, 2): 1.0}
    graph = make_graph(ARM_AND_LEG, points, affinities)
    group(graph)
    assert graph.num_people == 0
    elsewhere = graph.copy()
    assert apply_proposals(elsewhere, np.array([[50.0, 50, 90, 90]])).tolist() == []
    assert apply_proposals(graph, np.array([[-5.0, -5, 5, 30]])).tolist() == [True]
    assert people_of(graph) == [(0, 1, 2)]
    check_consistent(graph)


def test_a_box_around_too_little_is_forgotten() -> None:
    graph = make_graph(ARM_AND_LEG, [(0, 0, 0, 0.1), (1, 0, 9, 0.1)], {(0, 0, 1): 1.0})
    group(graph)
    assert apply_proposals(graph, np.array([[-5.0, -5, 5, 30]])).tolist() == []


def test_overlap_is_intersection_over_union() -> None:
    share = overlap(np.array([0.0, 0, 2, 2]), np.array([[0.0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6], [2, 0, 4, 2]]))
    np.testing.assert_allclose(share, [1, 1 / 3, 0, 0])


# -- through the decoder -----------------------------------------------------------------------------------------------


def faint_fields() -> tuple[Fields, np.ndarray]:
    """Two people, the second so faint that by himself he is not reported."""
    poses = figures((60, 20), (180, 20))
    fields = draw_fields(poses, np.full((2, 14), 2), CROWDPOSE_14, height=140, width=240, stride=4)
    fields.heatmaps[:, :, 30:] *= 0.2
    return fields, poses


def decode(fields: Fields, **options: Any) -> Any:
    return decode_fields(fields.heatmaps, fields.pafs, CROWDPOSE_14, stride=4, **options)


def test_the_decoder_reports_faint_people_with_a_box() -> None:
    fields, poses = faint_fields()
    assert len(decode(fields)) == 1
    people = decode(fields, proposals=boxes_of(poses))
    np.testing.assert_allclose(people.keypoints, poses, atol=1.0)
    assert decode(fields, proposals=boxes_of(poses)[:1]) == decode(fields)


def test_a_box_of_any_size_is_a_box() -> None:
    fields, _ = faint_fields()
    limit = np.finfo(np.float64).max
    assert decode(fields, proposals=[]) == decode(fields)
    assert len(decode(fields, proposals=[[-limit, -limit, limit, limit]])) == 1
    assert len(decode(fields, proposals=[[limit / 2, 0, limit, limit]])) == 1


def test_boxes_that_require_a_gradient_are_read() -> None:
    torch = pytest.importorskip("torch")
    boxes = torch.tensor([[1.0, 2.0, 30.0, 40.0]], requires_grad=True)
    np.testing.assert_array_equal(check_proposals(boxes), [[1, 2, 30, 40]])
    assert boxes.requires_grad


def test_each_image_of_a_batch_has_its_own() -> None:
    fields, poses = faint_fields()
    heatmaps, pafs = np.stack([fields.heatmaps] * 3), np.stack([fields.pafs] * 3)
    lists = [None, boxes_of(poses), np.zeros((0, 4))]
    people = decode_fields(heatmaps, pafs, CROWDPOSE_14, stride=4, proposals=lists)
    assert isinstance(people, list)
    assert [len(one) for one in people] == [1, 2, 1]


@given(box_arrays())
def test_boxes_anywhere_take_nobody_away(boxes: np.ndarray) -> None:
    fields, _ = faint_fields()
    without, found = decode(fields), decode(fields, proposals=boxes * 10)
    assert isinstance(found, People)
    assert len(found) >= len(without)


@pytest.mark.parametrize(
    ("proposals", "error", "message"),
    [
        ([1.0, 2, 3, 4], ValueError, r"proposals must have shape \(N, 4\) but has \(4,\)"),
        (np.zeros((2, 5)), ValueError, r"proposals must have shape \(N, 4\) but has \(2, 5\)"),
        (np.zeros((0, 5)), ValueError, r"proposals must have shape \(N, 4\) but has \(0, 5\)"),
        (np.zeros((1, 1, 4)), ValueError, r"proposals must have shape \(N, 4\) but has \(1, 1, 4\)"),
        ([[0, 0, 5, np.nan]], ValueError, "proposals must be finite but row 0 is not"),
        ([[0, 0, 5, 5], [0, 0, 0, 5]], ValueError, r"proposals must be .*x0 < x1.* but has \[0.0, 0.0, 0.0, 5.0\]"),
        ("boxes", TypeError, "proposals must be numbers .* but is a str"),
        ([[0, 0], [1]], TypeError, "proposals must be numbers .* but is a list"),
    ],
)
def test_boxes_are_checked(proposals: Any, error: type[Exception], message: str) -> None:
    fields, _ = faint_fields()
    with pytest.raises(error, match=f"^{message}"):
        decode(fields, proposals=proposals)


@pytest.mark.parametrize(
    ("proposals", "error", "message"),
    [
        (np.zeros((2, 4)), TypeError, "proposals must be a list, of boxes for each image, but is a ndarray"),
        ([None], ValueError, "proposals must hold boxes for each of the 2 images but has 1"),
        ([None, [[1, 2, 3]]], ValueError, r"proposals\[1\] must have shape \(N, 4\) but has \(1, 3\)"),
    ],
)
def test_lists_of_boxes_are_checked(proposals: Any, error: type[Exception], message: str) -> None:
    fields, _ = faint_fields()
    heatmaps, pafs = np.stack([fields.heatmaps] * 2), np.stack([fields.pafs] * 2)
    with pytest.raises(error, match=f"^{message}"):
        decode_fields(heatmaps, pafs, CROWDPOSE_14, stride=4, settings=Settings(), proposals=proposals)
