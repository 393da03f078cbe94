"""The person-joint graph: its objective, its edges, and its assignment state."""

from __future__ import annotations

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup.grouping import PersonJointGraph
from bottomup.grouping.anthropometry import max_limb_lengths
from bottomup.grouping.options import GroupingOptions
from bottomup.grouping.reference.heights import measure
from bottomup.grouping.reference.state import ReferenceGraph
from bottomup.settings import Settings
from bottomup.skeleton import Skeleton
from tests.makers.graphs import (
    ARM_AND_LEG,
    LOOSE,
    SQUARE,
    check_consistent,
    deal,
    make_graph,
    random_graphs,
    set_members,
    slow_objective,
    without_type,
)

SEEDS = st.integers(0, 2**32 - 1)
NONE = np.zeros(0, np.int64)


def elbow_graph(*, far: float = 30.0) -> PersonJointGraph:
    """Two people of an upper arm each (shoulders 0, 1, elbows 2, 3) in one place, and a wrist (4) for either."""
    points = [(0, 0, 0, 1), (0, 0, 0, 1), (1, 0, 18.6, 1), (1, 0, 18.6, 1), (2, 0, 18.6 + far, 1)]
    graph = make_graph(ARM_AND_LEG, points, {(0, 0, 2): 1.0, (0, 1, 3): 1.0, (1, 2, 4): 1.0, (1, 3, 4): 1.0})
    set_members(graph, [[0, 2, -1, -1, -1], [1, 3, -1, -1, -1]])
    return graph


# -- the objective ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@given(random_graphs(), SEEDS)
def test_objective_is_what_its_description_says(graph: PersonJointGraph, seed: int) -> None:
    deal(graph, seed)
    assert graph.objective() == pytest.approx(slow_objective(graph), abs=1e-9)


def test_objective_without_people_is_zero() -> None:
    assert make_graph(SQUARE, [(0, 1, 1, 1.0)], {}).objective() == 0
    assert make_graph(SQUARE, [], {}).objective() == 0


@given(random_graphs(), SEEDS)
def test_the_weight_of_an_edge_is_the_change_of_the_objective(graph: PersonJointGraph, seed: int) -> None:
    deal(graph, seed)
    for joint in range(graph.skeleton.num_joints):
        released = without_type(graph, joint)
        check_consistent(released)
        without = released.copy()
        without.assign(joint, NONE, NONE)  # all stand alone that can
        for person, candidate, weight in zip(*released.edges(joint), strict=True):
            taken = released.copy()
            taken.assign(joint, np.array([person]), np.array([candidate]))
            check_consistent(taken)
            assert taken.objective() - without.objective() == pytest.approx(weight, abs=1e-9)
            assert weight > 0


@given(random_graphs(), SEEDS)
def test_no_edge_that_pays_is_left_out(graph: PersonJointGraph, seed: int) -> None:
    deal(graph, seed)
    linked = {(int(a), int(b)) for a, b in zip(graph.pairs.own, graph.pairs.other, strict=True)}
    for joint in range(graph.skeleton.num_joints):
        released = without_type(graph, joint)
        found = {(int(p), int(c)) for p, c in zip(*released.edges(joint)[:2], strict=True)}
        before = released.copy()
        before.assign(joint, NONE, NONE)
        for person in range(released.num_people):
            row = released.members[person]
            others = row[row >= 0]
            for candidate in released.candidates_of(joint):
                touching = {(int(candidate), int(o)) for o in others} | {(int(o), int(candidate)) for o in others}
                taken = released.copy()
                taken.assign(joint, np.array([person]), np.array([candidate]))
                gain = taken.objective() - before.objective()
                if touching & linked and gain > 1e-9:
                    assert (person, int(candidate)) in found
                if not touching & linked:
                    assert (person, int(candidate)) not in found


def test_a_candidate_that_would_stand_alone_costs_a_person_less_when_taken() -> None:
    graph = elbow_graph(far=14.6)
    alone = 1.0 - graph.settings.grouping.person_cost
    assert graph.edges(2).weight == pytest.approx([1.0 + 1.0 - alone] * 2)
    # Too weak to stand alone: what it adds to F by itself is nothing.
    weak = PersonJointGraph(graph.skeleton, graph.settings, graph.types, graph.xy, graph.responses - 0.9, graph.pairs)
    weak.set_state(graph.person_of, graph.members, graph.heights)
    assert weak.edges(2).weight == pytest.approx([1.0 + 0.1] * 2)


# -- how long a limb may be ------------------------------------------------------------------------------------------


def test_a_limb_within_reach_counts_whole_and_a_longer_one_less_in_the_end_as_missing() -> None:
    forearm = float(max_limb_lengths(ARM_AND_LEG)[1, 2])
    height = elbow_graph().heights[0]
    assert height == pytest.approx(100)
    tolerance = GroupingOptions.length_tolerance
    shares = (0.1, 1.0, 1 + tolerance, 1 + 2 * tolerance)
    weights = [elbow_graph(far=share * height * forearm).edges(2).weight[0] for share in shares]
    alone = 0.75
    prior, possible = np.array([1, 1, np.exp(-0.5), np.exp(-2)]), np.array([1, 1, np.exp(-0.125), np.exp(-0.5)])
    assert weights == pytest.approx(1 + prior - GroupingOptions.missing_limb_cost * (1 - possible) - alone, abs=1e-4)
    assert len(elbow_graph(far=3 * height * forearm).edges(2).weight) == 0  # worth less than the joint by itself
    across = elbow_graph(far=100 * height * forearm)
    assert across.limb_gain(across.pairs, np.full(4, height))[-1] == pytest.approx(-GroupingOptions.missing_limb_cost)


def test_without_a_height_any_length_is_accepted() -> None:
    graph = make_graph(ARM_AND_LEG, [(1, 0, 0, 1), (2, 0, 500, 1)], {(1, 0, 1): 1.0})
    graph.assign(1, NONE, NONE)
    assert np.isnan(graph.heights).all()
    assert graph.edges(2).weight == pytest.approx([1.25])


def test_the_height_is_told_by_the_longest_limb_or_of_three_by_the_second() -> None:
    heights = np.array([60.0, 90.0, 70.0])  # as the upper arm, the forearm and the thigh tell it
    upper, fore, thigh = heights * [0.186, 0.146, 0.245]
    points = [(0, 0, 0, 1), (1, 0, upper, 1), (2, 0, upper + fore, 1), (3, 9, 0, 1), (4, 9, thigh, 1)]
    graph = make_graph(ARM_AND_LEG, points, {(0, 0, 1): 1.0, (1, 1, 2): 1.0, (2, 3, 4): 1.0})
    set_members(graph, [[0, 1, 2, -1, -1]])
    assert graph.heights == pytest.approx([90], rel=1e-5)
    set_members(graph, [[0, 1, 2, 3, 4]])
    assert graph.heights == pytest.approx([70], rel=1e-5)


def test_two_limbs_that_are_far_too_long_do_not_make_a_giant() -> None:
    """Of an arm, a leg, a shoulder and a hip, two are another person's: the median limb then tells the height."""
    names = ("left_shoulder", "left_elbow", "left_wrist", "left_hip", "left_knee")
    skeleton = Skeleton("side", names, ((0, 1), (1, 2), (0, 3), (3, 4), (0, 2)), (0.1,) * 5)
    heights = np.array([60, 50, 400, 500, 40.0])  # as the limbs tell them
    lengths = heights * [0.186, 0.146, 0.3, 0.245, 0.332]
    elbow, wrist = lengths[0], lengths[4]
    across = (elbow**2 + wrist**2 - lengths[1] ** 2) / (2 * elbow)  # of the triangle of the arm
    hip = lengths[2]
    points = [
        (0, 0, 0, 1), (1, elbow, 0, 1), (2, across, (wrist**2 - across**2) ** 0.5, 1), (3, 0, hip, 1),
        (4, 0, hip + lengths[3], 1),
    ]  # fmt: skip
    graph = make_graph(skeleton, points, {(n, a, b): 1.0 for n, (a, b) in enumerate(skeleton.limbs)})
    set_members(graph, [[0, 1, 2, 3, 4]])
    assert graph.heights == pytest.approx([60 * GroupingOptions.height_ratio], rel=1e-5)
    reference = ReferenceGraph.of(graph)
    measure(reference)
    np.testing.assert_allclose(reference.heights, graph.heights)


def test_joints_of_unknown_names_have_no_height() -> None:
    graph = make_graph(SQUARE, [(0, 0, 0, 1), (1, 300, 0, 1)], {(0, 0, 1): 1.0})
    set_members(graph, [[0, 1, -1, -1]])
    assert np.isnan(graph.heights).all()
    assert graph.objective() == pytest.approx(1 + 1 + 1 - 0.25)


# -- the state ------------------------------------------------------------------------------------------------------


@given(random_graphs(), SEEDS)
def test_merging_and_compacting_keep_the_books(graph: PersonJointGraph, seed: int) -> None:
    deal(graph, seed)
    check_consistent(graph)
    people = [set(row.tolist()) for row in graph.people()]
    members, heights = graph.members, graph.heights
    for a in range(graph.num_people):
        for b in range(graph.num_people):
            if a == b or ((members[a] >= 0) & (members[b] >= 0)).any():
                continue
            merged = graph.copy()
            merged.merge_people(a, b)
            merged.compact()
            check_consistent(merged)
            kept = [n for n in range(len(people)) if n != b]
            assert [set(row[row >= 0].tolist()) for row in merged.members] == [
                people[n] | (people[b] if n == a else set()) for n in kept
            ]
            np.testing.assert_array_equal(merged.heights, heights[kept])
    for joint in range(graph.skeleton.num_joints):
        left = without_type(graph, joint)
        check_consistent(left)
        assert (left.members[:, joint] < 0).all()
        assert (left.members >= 0).any(axis=1).all()
    assert [set(row.tolist()) for row in graph.people()] == people  # the copies were independent


def test_candidates_that_are_left_open_people_only_where_that_pays() -> None:
    graph = make_graph(LOOSE, [(0, 1, 1, 0.9), (0, 2, 2, 0.25), (0, 3, 3, 0.2), (0, 4, 4, 0.26)], {})
    graph.assign(0, NONE, NONE)
    assert graph.person_of.tolist() == [0, -1, -1, 1]
    check_consistent(graph)


@given(random_graphs(), SEEDS)
def test_a_duplicate_is_like_its_original_but_for_what_sharing_costs(graph: PersonJointGraph, seed: int) -> None:
    deal(graph, seed)
    number = len(graph.types)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(number)[: number // 2])
    before = {(int(a), int(b)): (v, d, int(m)) for a, b, m, v, d in zip(*graph.pairs, strict=True)}
    value = graph.objective()
    xy, types = graph.xy, graph.types
    graph.duplicate(chosen)
    original = np.concatenate([np.arange(number), chosen])
    check_consistent(graph)
    assert graph.objective() == pytest.approx(value)
    assert (graph.person_of[number:] == -1).all()
    np.testing.assert_array_equal(graph.xy, xy[original])
    np.testing.assert_array_equal(graph.types, types[original])
    np.testing.assert_allclose(
        graph.scores[number:], graph.scores[chosen] * graph.settings.sharing.score_factor, rtol=1e-12
    )
    np.testing.assert_allclose(
        graph.responses[number:], graph.responses[chosen] - graph.settings.sharing.peak_cost, atol=1e-12
    )
    after = {(int(a), int(b)): (v, d, int(m)) for a, b, m, v, d in zip(*graph.pairs, strict=True)}
    assert len(after) == len(graph.pairs.own)
    copies = range(len(original))
    assert after == {
        (i, j): before[int(original[i]), int(original[j])]
        for i in copies
        for j in copies
        if (int(original[i]), int(original[j])) in before
    }
    for joint in range(graph.skeleton.num_joints):
        np.testing.assert_array_equal(graph.candidates_of(joint), np.flatnonzero(graph.types == joint))


# -- from the kernels, and to look at ----------------------------------------------------------------


def test_affinities_speak_relative_to_what_is_typical_of_the_picture() -> None:
    points = [(0, 0, 0, 1), (0, 9, 0, 1), (1, 0, 9, 1), (1, 9, 9, 1)]
    affinities = {(0, 0, 2): 0.8, (0, 1, 3): 0.8, (0, 0, 3): 0.5, (0, 1, 2): 0.4}
    support = dict(
        zip(
            [(0, 2), (0, 3), (1, 2), (1, 3)],
            make_graph(SQUARE, points, affinities, grouping__neutral_affinity=0.5).pairs.affinity,
            strict=True,
        )
    )
    # 1 at the typical 0.8, 0 at `neutral_affinity` times that, but never less than `weak_factor` of its share.
    assert support == pytest.approx({(0, 2): 1, (1, 3): 1, (0, 3): (0.625 - 0.5) / 0.5, (1, 2): 0.2 * 0.5}, abs=1e-6)


def test_an_affinity_far_above_the_typical_one_counts_no_more_than_a_clear_one() -> None:
    points = [(kind, 9 * place, 9 * kind, 1) for kind in (0, 1) for place in range(5)]
    affinities = {(0, place, 5 + place): value for place, value in enumerate((0.4, 0.4, 0.4, 0.44, 0.9))}
    graph = make_graph(SQUARE, points, affinities, grouping__neutral_affinity=0.5, grouping__affinity_cap=1.2)
    assert graph.pairs.affinity == pytest.approx([1, 1, 1, (1.1 - 0.5) / 0.5, (1.2 - 0.5) / 0.5], abs=1e-6)


def test_a_limb_counts_for_less_the_fainter_its_joint_unless_that_is_traced() -> None:
    points = [(0, 0, 0, 1), (0, 9, 0, 1), (0, 20, 0, 1), (1, 0, 9, 0.3), (1, 9, 9, 0.2), (1, 20, 9, 0.08)]
    affinities = {(0, 0, 3): 0.8, (0, 1, 4): 0.8, (0, 2, 5): 0.8}
    graph = make_graph(SQUARE, points, affinities, grouping__full_response=0.25, peak_threshold=0.1)
    assert graph.pairs.affinity == pytest.approx([1, 0.8, 1], abs=1e-6)


def test_pairs_against_the_field_are_no_links() -> None:
    graph = make_graph(SQUARE, [(0, 0, 0, 1), (1, 9, 0, 1)], {(0, 0, 1): -0.5}, limb_threshold=-1.0)
    assert len(graph.pairs.own) == 0


@given(random_graphs(), SEEDS)
def test_networkx_shows_the_graph(graph: PersonJointGraph, seed: int) -> None:
    deal(graph, seed)
    shown = graph.to_networkx()
    people = {node for node in shown if node[0] == "person"}
    joints = {node for node in shown if node[0] == "joint"}
    assert people == {("person", n) for n in range(graph.num_people)}
    assert joints == {("joint", n) for n in range(len(graph.types))}
    assert networkx.is_bipartite(shown)
    assert all((a in people) != (b in people) for a, b in shown.edges)
    for node in joints:
        index, attributes = node[1], shown.nodes[node]
        assert attributes["joint"] == graph.skeleton.joints[graph.types[index]]
        assert (attributes["x"], attributes["y"]) == tuple(graph.xy[index])
        assert attributes["response"] == graph.responses[index]
    held = {tuple(sorted(edge[:2])) for edge in shown.edges(data="held") if edge[2]}
    assert held == {(("joint", j), ("person", int(p))) for j, p in enumerate(graph.person_of) if p >= 0}
    for a, b, weight in shown.edges(data="weight"):
        assert weight > 0 or shown.edges[a, b]["held"]


def test_networkx_weights_are_those_of_the_edges() -> None:
    graph = elbow_graph(far=14.6)
    graph.assign(2, np.array([0]), np.array([4]))
    shown = graph.to_networkx()
    assert shown.edges[("person", 0), ("joint", 4)] == {"weight": pytest.approx(1.25), "held": True}
    assert shown.edges[("person", 1), ("joint", 4)] == {"weight": pytest.approx(1.25), "held": False}
    assert shown.nodes["person", 0]["height"] == pytest.approx(100)


def test_a_copy_is_independent() -> None:
    graph = elbow_graph()
    other = without_type(graph.copy(), 0)
    other.assign(0, NONE, NONE)
    assert graph.person_of.tolist() == [0, 1, 0, 1, -1]
    assert graph.settings == Settings()
