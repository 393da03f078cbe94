"""Candidates, scored pairs and graphs that the grouping's tests share: by hand, from poses, and at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from bottomup.grouping import PersonJointGraph, build_graph
from bottomup.grouping.anthropometry import max_limb_lengths
from bottomup.grouping.reference.state import ReferenceGraph
from bottomup.kernels import Candidates, LimbPairs
from bottomup.skeleton import Skeleton
from tests.makers.settings import make_settings

# A chain with a triangle, whose joint names no table of body lengths has.
SQUARE = Skeleton("square", ("a", "b", "c", "d"), ((0, 1), (1, 2), (2, 0), (3, 2)), (0.1,) * 4)
# Two parts that no limb joins; here the body's lengths are known.
ARM_AND_LEG = Skeleton(
    "arm and leg",
    ("left_shoulder", "left_elbow", "left_wrist", "left_hip", "left_knee"),
    ((0, 1), (1, 2), (3, 4)),
    (0.1,) * 5,
)
POINT = Skeleton("point", ("nose",), (), (0.1,))
LOOSE = Skeleton("loose", ("nose", "neck"), (), (0.1, 0.1))

Affinities = Mapping[tuple[int, int, int], float]


def make_graph(
    skeleton: Skeleton, points: Sequence[Sequence[Any]], affinities: Affinities, **settings: Any
) -> PersonJointGraph:
    """A graph from points (joint, x, y, score), rising by joint, and affinities of (limb, first, second)."""
    table = np.array(points, np.float64).reshape(-1, 4)
    kinds = table[:, 0].astype(int)
    candidates = Candidates(
        1,
        skeleton.num_joints,
        np.searchsorted(kinds, np.arange(skeleton.num_joints + 1)).astype(np.int64),
        table[:, 1:3].astype(np.float32),
        table[:, 3].astype(np.float32),
        np.ones(len(table), np.float32),
    )
    keys = np.array(sorted(affinities), np.int64).reshape(-1, 3)
    pairs = LimbPairs(
        np.searchsorted(keys[:, 0], np.arange(skeleton.num_limbs + 1)).astype(np.int64),
        keys[:, 1].astype(np.int32),
        keys[:, 2].astype(np.int32),
        np.array([affinities[key] for key in sorted(affinities)], np.float32),
    )
    return build_graph(candidates, pairs, 0, skeleton, make_settings(**settings))


def people_graph(
    skeleton: Skeleton, poses: npt.NDArray[np.float64], extra: Affinities | None = None, **settings: Any
) -> PersonJointGraph:
    """A graph of poses (N, K, 2) in cells, NaN where missing: a joint of person n is its n-th candidate that is there.

    Every limb of a person has affinity 1; `extra` adds (limb, person, other person) or takes away what is 0.
    """
    index, points = {}, []
    for joint in range(skeleton.num_joints):
        for person, pose in enumerate(poses):
            if np.isfinite(pose[joint]).all():
                index[person, joint] = len(points)
                points.append((joint, *pose[joint], 1.0))
    value = {(limb, n, n): 1.0 for limb in range(skeleton.num_limbs) for n in range(len(poses))} | dict(extra or {})
    ends = {key: (index.get((key[1], skeleton.limbs[key[0]][0])), index.get((key[2], skeleton.limbs[key[0]][1])))
            for key in value}  # fmt: skip
    affinities = {
        (limb, *ends[limb, a, b]): v for (limb, a, b), v in value.items() if v > 0 and None not in ends[limb, a, b]
    }
    return make_graph(skeleton, points, affinities, **settings)  # type: ignore[arg-type]


@st.composite
def random_graphs(draw: st.DrawFn, skeletons: Sequence[Skeleton] = (SQUARE, ARM_AND_LEG)) -> PersonJointGraph:
    """Few candidates in a small field, many pairs, scores and affinities in steps of a quarter, so that ties abound."""
    skeleton = draw(st.sampled_from(skeletons))
    counts = draw(st.lists(st.integers(0, 4), min_size=skeleton.num_joints, max_size=skeleton.num_joints))
    steps = st.integers(1, 4).map(lambda n: n / 4)
    place = st.integers(0, 12)
    points = [(k, draw(place), draw(place), draw(steps)) for k, count in enumerate(counts) for _ in range(count)]
    members = [[i for i, point in enumerate(points) if point[0] == k] for k in range(skeleton.num_joints)]
    possible = [(limb, i, j) for limb, (a, b) in enumerate(skeleton.limbs) for i in members[a] for j in members[b]]
    affinities = draw(st.dictionaries(st.sampled_from(possible), steps)) if possible else {}
    return make_graph(skeleton, points, affinities)


def check_consistent(graph: PersonJointGraph | ReferenceGraph) -> None:
    """What holds of every graph: a candidate has one person, a person one of a type, person_of and members agree."""
    assert graph.members.shape == (graph.num_people, graph.skeleton.num_joints)
    assert graph.heights.shape == (graph.num_people,)
    assert graph.person_of.shape == graph.types.shape
    held: dict[int, int] = {}
    for person, row in enumerate(graph.members):
        for joint, candidate in enumerate(row):
            if candidate >= 0:
                assert graph.types[candidate] == joint
                assert candidate not in held
                held[int(candidate)] = person
    assert {i: int(p) for i, p in enumerate(graph.person_of) if p >= 0} == held
    assert graph.person_of.min(initial=-1) >= -1


def slow_objective(graph: PersonJointGraph | ReferenceGraph) -> float:
    """F as `PersonJointGraph.objective` describes it, one person and one limb at a time."""
    options, total, reach = graph.settings.grouping, 0.0, max_limb_lengths(graph.skeleton).astype(np.float64)
    pairs, responses, heights = graph.pairs, graph.responses, graph.heights
    shown = {}
    for own, other, affinity, length in zip(pairs.own, pairs.other, pairs.affinity, pairs.length, strict=True):
        shown[int(own), int(other)] = (affinity, length)
    for person, row in enumerate(graph.members):
        if (row >= 0).any():
            total -= options.person_cost
        total += sum(responses[candidate] for candidate in row if candidate >= 0)
        for a, b in graph.skeleton.limbs:
            if row[a] < 0 or row[b] < 0:
                continue
            if (int(row[a]), int(row[b])) not in shown:
                total -= options.missing_limb_cost
                continue
            affinity, length = shown[int(row[a]), int(row[b])]
            longest = max(heights[person] * reach[a, b], 1.0)  # 1 if either is NaN ...
            if np.isnan(heights[person] * reach[a, b]):  # ... and then nothing is too long
                longest = np.inf
            excess = max(length / longest - 1, 0)
            prior = np.exp(-0.5 * (excess / options.length_tolerance) ** 2)
            possible = np.exp(-0.5 * (excess / (2 * options.length_tolerance)) ** 2)
            total += affinity * prior - options.missing_limb_cost * (1 - possible)
    return float(total)


def deal(graph: PersonJointGraph, seed: int) -> None:
    """Give people some of the candidates at random, and measure them."""
    rng = np.random.default_rng(seed)
    people = int(rng.integers(1, 5))
    members = np.full((people, graph.skeleton.num_joints), -1)
    for joint in range(graph.skeleton.num_joints):
        mine = rng.permutation(graph.candidates_of(joint))[: rng.integers(0, people + 1)]
        members[rng.permutation(people)[: len(mine)], joint] = mine
    set_members(graph, members)


def set_members(graph: PersonJointGraph, members: Any) -> None:
    """Let the graph's people have these candidates (P, K), -1 for none; measure them, and drop those without any."""
    table = np.asarray(members, np.int64).reshape(-1, graph.skeleton.num_joints)
    graph.set_people([row[row >= 0] for row in table if (row >= 0).any()])


def without_type(graph: PersonJointGraph, joint: int) -> PersonJointGraph:
    """A copy in which no person has a candidate of a type, and people without others are gone."""
    left, members = graph.copy(), graph.members
    members[:, joint] = -1
    left.set_state(np.where(graph.types == joint, -1, graph.person_of), members, graph.heights)
    left.compact()
    return left


# A standing figure 100 cells high in CrowdPose's order.
FIGURE = 100 * np.array(
    [[0.13, 0.18], [-0.13, 0.18], [0.17, 0.36], [-0.17, 0.36], [0.19, 0.5], [-0.19, 0.5], [0.095, 0.47], [-0.095, 0.47],
     [0.1, 0.71], [-0.1, 0.71], [0.1, 0.95], [-0.1, 0.95], [0, 0], [0, 0.17]]
)  # fmt: skip


def figures(*shifts: float) -> np.ndarray:
    """(N, 14, 2) figures side by side."""
    return np.array([FIGURE + np.array([200 + shift, 50]) for shift in shifts])


def assert_people(graph: PersonJointGraph | ReferenceGraph, poses: np.ndarray) -> None:
    check_consistent(graph)
    members = graph.members
    held = np.where((members >= 0)[..., None], graph.xy[members], np.nan)
    held = held[np.argsort(np.nanmean(held[..., 0], axis=1))]
    np.testing.assert_allclose(held, poses[np.argsort(np.nanmean(poses[..., 0], axis=1))], atol=1e-3)
