"""The compiled steps against their plain NumPy twins, from any state of random graphs, and what the bindings refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from graph_makers import ARM_AND_LEG, LOOSE, POINT, SQUARE, check_consistent, deal, make_graph, random_graphs
from hypothesis import given
from hypothesis import strategies as st

from bottomup import _C
from bottomup.grouping import PersonJointGraph, build_graph, group
from bottomup.grouping.assignment import assign
from bottomup.grouping.build import scored_pairs_numpy, typical_affinity, typical_affinity_numpy
from bottomup.grouping.links import Edges
from bottomup.grouping.merging import attach_orphans
from bottomup.grouping.sweep import settle
from bottomup.grouping.tables import tables
from bottomup.grouping.twins import PlainGraph, assign_numpy
from bottomup.kernels import Candidates, LimbPairs
from bottomup.settings import Settings
from bottomup.skeletons import COCO_17, CROWDPOSE_14, OPENPOSE_COCO_18

SEEDS = st.integers(0, 2**32 - 1)
SKELETONS = [SQUARE, ARM_AND_LEG, POINT, LOOSE, CROWDPOSE_14, COCO_17, OPENPOSE_COCO_18]


def crowd(seed: int, *, most: int = 8, **settings: Any) -> PersonJointGraph:
    """Candidates anywhere in a small field and pairs of any affinity, all different, so that nothing is tied."""
    # Else whatever is better than typical is worth the same, and so is whatever is far too long.
    settings = {"typical_affinity": 1.0, "length_tolerance": 3.0} | settings
    rng = np.random.default_rng(seed)
    skeleton = SKELETONS[rng.integers(len(SKELETONS))]
    kinds = np.repeat(np.arange(skeleton.num_joints), rng.integers(0, most, skeleton.num_joints))
    points = [(k, *rng.uniform(0, 40, 2), rng.uniform(0.1, 1)) for k in kinds]
    density = rng.uniform(0.1, 1)
    affinities = {
        (limb, int(i), int(j)): float(rng.uniform(0.05, 1))
        for limb, (a, b) in enumerate(skeleton.limbs)
        for i in np.flatnonzero(kinds == a)
        for j in np.flatnonzero(kinds == b)
        if rng.random() < density
    }
    return make_graph(skeleton, points, affinities, **settings)


def dealt(seed: int, *, shared: bool = True) -> tuple[PersonJointGraph, PlainGraph]:
    """A crowd whose candidates people hold at random, some of them perhaps shared, and its plain twin."""
    graph = crowd(seed)
    deal(graph, seed)
    if shared and seed % 2:
        graph.split(np.flatnonzero(np.random.default_rng(seed).random(len(graph.types)) < 0.2))
    return graph, PlainGraph.of(graph)


def beside(graph: PersonJointGraph, candidates: np.ndarray) -> np.ndarray:
    """(P,) who holds a joint that a scored pair joins to one of the candidates."""
    own, other = graph.pairs.own, graph.pairs.other
    owner = graph.owner[np.concatenate([other[np.isin(own, candidates)], own[np.isin(other, candidates)]])]
    mask = np.zeros(graph.num_people, bool)
    mask[owner[owner >= 0]] = True
    return mask


def in_order(edges: Edges) -> list[np.ndarray]:
    order = np.lexsort((edges.candidate, edges.person))
    return [side[order] for side in edges]


@given(SEEDS)
def test_edges(seed: int) -> None:
    graph, plain = dealt(seed)
    for joint in range(graph.skeleton.num_joints):
        for mine, theirs in zip(in_order(graph.edges(joint)), in_order(plain.edges(joint)), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)


@given(SEEDS)
def test_objective_and_heights(seed: int) -> None:
    graph, plain = dealt(seed)
    assert graph.objective() == pytest.approx(plain.objective(), abs=1e-9)
    graph.measure()
    plain.measure()
    np.testing.assert_array_equal(graph.scales, plain.scales)


def people_of(graph: PersonJointGraph) -> dict[tuple[int, ...], float]:
    """What each person holds, and the person's height; 0 for an unknown one."""
    heights = np.nan_to_num(graph.scales).tolist()
    return dict(zip(map(tuple, graph.slots.tolist()), heights, strict=True))


@given(SEEDS)
def test_a_sweep(seed: int) -> None:
    graph, plain = dealt(seed, shared=False)
    before = graph.slots.copy()
    kept, moved = graph.sweep()
    plain.sweep()
    check_consistent(graph)
    assert people_of(graph) == people_of(plain)
    assert kept.shape == moved.shape == (graph.num_people,)
    np.testing.assert_array_equal(moved[kept < 0], True)
    same = (before[kept[kept >= 0]] == graph.slots[kept >= 0]).all(axis=1)
    np.testing.assert_array_equal(same, ~moved[kept >= 0])


@given(SEEDS)
def test_a_sweep_over_those_who_changed_equals_one_over_everybody(seed: int) -> None:
    graph, rng = crowd(seed, most=12), np.random.default_rng(seed)
    graph.sweep()
    graph.measure()
    changed = np.ones(graph.num_people, bool)
    for _ in range(4):
        everybody = graph.copy()
        everybody.sweep()
        _, moved = graph.sweep(changed)
        check_consistent(graph)
        assert people_of(graph) == people_of(everybody)
        # A few people exchange a joint or learn another height; the others stay as the sweep left them.
        hit = np.flatnonzero(rng.random(graph.num_people) < 0.2)
        for a, b in zip(hit[::2], hit[1::2], strict=False):
            joint = rng.integers(graph.skeleton.num_joints)
            graph.slots[[a, b], joint] = graph.slots[[b, a], joint]
            for person in (a, b):
                graph.owner[graph.slots[person][graph.slots[person] >= 0]] = person
        graph.measure(moved)
        graph.scales[hit] *= 1.1
        changed = moved
        changed[hit] = True


@given(random_graphs((SQUARE, ARM_AND_LEG, POINT, LOOSE)), SEEDS)
def test_a_sweep_over_ties(graph: PersonJointGraph, seed: int) -> None:
    """The first type's assignments are worth the same, whoever is chosen among equals."""
    deal(graph, seed)
    for joint in range(graph.skeleton.num_joints):
        released = graph.copy()
        released.release(joint)
        edges = released.edges(joint)
        weight = dict(zip(zip(edges.person.tolist(), edges.candidate.tolist(), strict=True), edges.weight, strict=True))
        totals = [
            sum(weight[pair] for pair in zip(*(side.tolist() for side in solve(edges)), strict=True))
            for solve in (assign, assign_numpy)
        ]
        assert totals[0] == pytest.approx(totals[1], abs=1e-9)
    graph.sweep()
    check_consistent(graph)
    assert (graph.slots >= 0).any(axis=1).all()


@given(SEEDS)
def test_merging_and_exchanging(seed: int) -> None:
    graph, plain = dealt(seed)
    touched = np.random.default_rng(seed).random(graph.num_people) < 0.5
    everybody = np.ones(graph.num_people, bool)
    for step, arguments in (
        ("mergers", (everybody,)),
        ("mergers", (touched,)),
        ("exchanges", (everybody,)),
        ("exchanges", (touched,)),
    ):
        for mine, theirs in zip(getattr(graph, step)(*arguments), getattr(plain, step)(*arguments), strict=True):
            np.testing.assert_array_equal(mine, theirs)


@given(SEEDS, st.integers(1, 4), st.sampled_from([0.2, 0.5, 1.0]), st.sampled_from([0.0, 0.7]))
def test_sharing(seed: int, joints: int, limit: float, same: float) -> None:
    graph, plain = dealt(seed)
    settings = {"sharing_joints": joints, "sharing_limit": limit, "shared_limb": same, "shared_peak_cost": 0.3}
    for one in (graph, plain):
        one.settings = replace(one.settings, **settings)
    for mine, theirs in zip(graph.share(), plain.share(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@given(SEEDS)
def test_a_whole_grouping(seed: int) -> None:
    # No gains of missing limbs alone, which are worth the same to anybody: all the same.
    graph = crowd(seed, missing_limb_cost=0.0)
    plain = PlainGraph.of(graph)
    group(graph)
    group(plain)
    check_consistent(graph)
    assert people_of(graph) == pytest.approx(people_of(plain))


@given(SEEDS, st.booleans())
def test_settling_at_once_equals_settling_step_by_step(seed: int, dealt_before: bool) -> None:
    graph = crowd(seed, most=10)
    if dealt_before:
        deal(graph, seed)
    steps = graph.copy()
    graph.settle()
    settle(steps)
    check_consistent(graph)
    assert people_of(graph) == people_of(steps)
    shared = np.flatnonzero(np.random.default_rng(seed).random(len(graph.types)) < 0.2)
    single = len(graph.types)
    for one, way in ((graph, graph.settle), (steps, lambda changed: settle(steps, changed))):
        one.split(shared)
        way(beside(one, np.arange(single, len(one.types))))
    check_consistent(graph)
    assert people_of(graph) == people_of(steps)


def fragments(seed: int, **settings: Any) -> PersonJointGraph:
    """Bodies of known height, each near a place of its own, and single joints that nobody has taken in."""
    rng = np.random.default_rng(seed)
    joints, people = OPENPOSE_COCO_18.num_joints, int(rng.integers(1, 9))
    centres = rng.uniform(0, 200, (people, 2))
    points = [(k, *(centre + rng.normal(0, 12, 2)), 0.9) for k in range(joints) for centre in centres]
    limbs = {
        (n, a * people + i, b * people + i): 1.0
        for n, (a, b) in enumerate(OPENPOSE_COCO_18.limbs)
        for i in range(people)
    }
    graph = make_graph(OPENPOSE_COCO_18, points, limbs, **settings)
    bodies = np.where(rng.random((people, joints)) < rng.uniform(0.3, 0.9), np.arange(joints) * people, -1)
    bodies[bodies >= 0] += np.nonzero(bodies >= 0)[0]
    loose = np.flatnonzero(~np.isin(np.arange(len(graph.types)), bodies))
    loose = loose[rng.random(len(loose)) < 0.5]
    single = np.full((len(loose), joints), -1)
    single[np.arange(len(loose)), graph.types[loose]] = loose
    graph.slots = np.concatenate([bodies, single])
    person, joint = np.nonzero(graph.slots >= 0)
    graph.owner[graph.slots[person, joint]] = person
    graph.scales = np.zeros(graph.num_people)
    graph.compact()
    graph.measure()
    return graph


@given(SEEDS)
def test_compiled_and_plain_attach_the_same_fragments(seed: int) -> None:
    graph = fragments(seed)
    plain = PlainGraph.of(graph)
    np.testing.assert_array_equal(graph.attach(), plain.attach())
    assert attach_orphans(graph) == attach_orphans(plain)
    graph.compact()
    plain.compact()
    check_consistent(graph)
    assert people_of(graph) == people_of(plain)


def test_some_of_these_fragments_are_attached_and_some_are_not() -> None:
    before, after = 0, 0
    for seed in range(20):
        graph = fragments(seed)
        before += graph.num_people
        attach_orphans(graph)
        graph.compact()
        after += graph.num_people
    assert 0.3 * before < after < 0.9 * before


@given(random_graphs((SQUARE, ARM_AND_LEG, POINT, LOOSE)))
def test_settling_at_once_decides_ties_like_settling_step_by_step(graph: PersonJointGraph) -> None:
    steps = graph.copy()
    graph.settle()
    settle(steps)
    np.testing.assert_array_equal(graph.slots, steps.slots)
    np.testing.assert_array_equal(graph.owner, steps.owner)


@given(SEEDS)
def test_splitting(seed: int) -> None:
    graph, plain = dealt(seed, shared=False)
    candidates = np.flatnonzero(np.random.default_rng(seed).random(len(graph.types)) < 0.3)
    for one in (graph, plain):
        one.split(candidates)
    for mine, theirs in zip(graph.pairs, plain.pairs, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for name in ("types", "xy", "responses", "scores", "extents", "owner"):
        np.testing.assert_array_equal(getattr(graph, name), getattr(plain, name))


def found(seed: int, *, steps: int, images: int = 3) -> tuple[Candidates, LimbPairs]:
    """What the kernels might have found of a batch, with values in so many steps."""
    rng, skeleton = np.random.default_rng(seed), COCO_17
    counts = rng.integers(0, 5, images * skeleton.num_joints)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    scores = (rng.integers(1, steps + 1, offsets[-1]) / steps).astype(np.float32)
    xy = rng.uniform(0, 40, (offsets[-1], 2)).astype(np.float32)
    candidates = Candidates(images, skeleton.num_joints, offsets, xy, scores, np.ones(len(scores), np.float32))
    first, second, ends = [], [], [0]
    for image in range(images):
        for a, b in skeleton.limbs:
            base = offsets[image * skeleton.num_joints :]
            possible = [(i, j) for i in range(base[a], base[a + 1]) for j in range(base[b], base[b + 1])]
            chosen = [pair for pair in possible if rng.random() < 0.6]
            first += [pair[0] for pair in chosen]
            second += [pair[1] for pair in chosen]
            ends.append(len(first))
    affinities = (rng.integers(1, steps + 1, len(first)) / steps).astype(np.float32)
    pairs = LimbPairs(np.array(ends, np.int64), np.array(first, np.int32), np.array(second, np.int32), affinities)
    return candidates, pairs


@given(SEEDS, st.sampled_from([4, 10**6]))
def test_building_a_graph(seed: int, steps: int) -> None:
    candidates, pairs = found(seed, steps=steps)
    settings = Settings(weak_support=0.0, peak_threshold=0.3)
    typical = typical_affinity(candidates, pairs, COCO_17, settings)
    for image in range(candidates.batch):
        expected = max(typical_affinity_numpy(candidates, pairs, image, COCO_17), settings.typical_affinity)
        assert typical[image] == expected
        graph = build_graph(candidates, pairs, image, COCO_17, settings)
        for mine, theirs in zip(
            graph.pairs, scored_pairs_numpy(candidates, pairs, image, COCO_17, settings), strict=True
        ):
            np.testing.assert_allclose(mine, theirs, rtol=1e-6)  # kept as float32


def test_what_the_kernels_cannot_have_found_is_refused() -> None:
    candidates, pairs = found(0, steps=10**6)
    rule = tables(COCO_17, Settings()).rule
    whole: dict[str, Any] = {"offsets": candidates.offsets, "scores": candidates.scores, "pair_offsets": pairs.offsets}
    whole |= {"first": pairs.first, "second": pairs.second, "affinities": pairs.scores}
    settings = {"least_typical": 0.2, "doubt": 0.5, "weak_support": 0.2, "faint_response": 0.4, "peak_threshold": 0.1}

    def build(image: int = 0, **changes: Any) -> None:
        _C.GroupingLinks.of_image(rule, image, **{"xy": candidates.xy, **whole, **changes}, **settings)

    for changes, message in (
        ({"image": 3}, "image must be one of the batch"),
        ({"image": -1}, "image must be one of the batch"),
        ({"offsets": candidates.offsets[:-1].copy()}, "must fit the joints and limbs"),
        ({"offsets": candidates.offsets[::-1].copy()}, "offsets must rise"),
        ({"pair_offsets": pairs.offsets + 10**6}, "pair_offsets must rise"),
        ({"scores": candidates.scores[:-9].copy()}, "offsets must rise"),
        ({"first": pairs.first + np.int32(10**6)}, "pairs must join candidates of their image"),
        ({"second": pairs.second - np.int32(10**6)}, "pairs must join candidates of their image"),
        ({"first": pairs.first[1:].copy()}, "must have the same length"),
        ({"xy": candidates.xy[1:].copy()}, "xy must have shape"),
    ):
        with pytest.raises(ValueError, match=message):
            build(**changes)
        if not set(changes) & {"image", "xy"}:
            with pytest.raises(ValueError, match=message):
                _C.typical_affinities(17, COCO_17.num_limbs, **{**whole, **changes})
    for candidate in (-1, 10**6):
        graph = dealt(4)[0]
        with pytest.raises(ValueError, match="candidates must be from 0"):
            graph.split(np.array([candidate]))


@pytest.mark.parametrize("size", [(300, 300), (40, 400), (400, 40)])
def test_large_contested_assignments(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for density in (0.01, 0.1, 0.7):
        weights = rng.random(size) * (rng.random(size) < density)
        person, candidate = np.nonzero(weights)
        edges = Edges(person, candidate, weights[person, candidate])
        totals = []
        for solve in (assign, assign_numpy):
            people, candidates = solve(edges)
            assert len(set(people.tolist())) == len(set(candidates.tolist())) == len(people)
            totals.append(weights[people, candidates].sum())
        assert totals[0] == pytest.approx(totals[1], rel=1e-12)


def test_the_untouched_are_left_alone() -> None:
    graph, _ = dealt(12)
    assert graph.num_people > 1
    nobody = np.zeros(graph.num_people, bool)
    assert [len(side) for side in graph.exchanges(nobody)] == [0, 0, 0]
    assert [len(side) for side in graph.mergers(nobody)] == [0, 0]
    heights = graph.scales.copy()
    graph.scales = graph.scales + 1
    graph.measure(nobody)
    np.testing.assert_array_equal(graph.scales, heights + 1)


# -- what the bindings refuse ----------------------------------------------------------------------------------------


def state() -> dict[str, Any]:
    graph = dealt(4)[0]
    return {
        "links": graph.links,
        "owner": graph.owner,
        "slots": graph.slots,
        "scales": graph.scales,
        "responses": graph.responses,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (lambda s: {"owner": s["owner"][:-1].copy()}, r"owner must have shape \(\d+, \) but has"),
        (lambda s: {"owner": s["owner"] + 10**6}, "owner must be from -1 to"),
        (lambda s: {"owner": s["owner"] - 2}, "owner must be from -1 to"),
        (lambda s: {"slots": s["slots"] + 10**6}, "slots must be from -1 to"),
        (lambda s: {"slots": s["slots"][:, :-1].copy()}, "slots must have shape"),
        (lambda s: {"slots": s["slots"].ravel()}, "slots must have shape"),
        (lambda s: {"scales": s["scales"][:-1].copy()}, "scales must have shape"),
        (lambda s: {"responses": s["responses"][:-1].copy()}, "responses must have shape"),
    ],
)
def test_state_that_does_not_fit_is_refused(changes: Any, message: str) -> None:
    bad = state()
    links = bad.pop("links")
    bad |= changes(bad)
    steps = (lambda **rest: links.sweep(**rest, changed=None), links.objective, lambda **rest: links.edges(0, **rest))
    for step in steps:
        with pytest.raises(ValueError, match=message):
            step(**bad)


@pytest.mark.parametrize("changes", [{"owner": "int32"}, {"slots": "float64"}, {"scales": "float32"}])
def test_state_of_another_dtype_is_refused(changes: dict[str, str]) -> None:
    bad = state()
    links = bad.pop("links")
    for name, dtype in changes.items():
        bad[name] = bad[name].astype(dtype)
    with pytest.raises(TypeError):
        links.sweep(**bad, changed=None)


@pytest.mark.parametrize("joint", [-1, 99])
def test_a_joint_that_is_not_there_is_refused(joint: int) -> None:
    whole = state()
    with pytest.raises(ValueError, match="joint must be one of the skeleton's"):
        whole.pop("links").edges(joint, **whole)


@pytest.mark.parametrize(
    ("name", "value"), [("types", 99), ("own", 10**6), ("other", -1), ("limb", 77), ("affinity", np.nan)]
)
def test_links_that_point_nowhere_are_refused(name: str, value: float) -> None:
    graph = dealt(4)[0]
    whole = {"types": graph.types, **graph.pairs._asdict()}
    whole[name] = whole[name].copy()
    whole[name][0] = value
    with pytest.raises(ValueError, match=name):
        _C.GroupingLinks(tables(graph.skeleton, graph.settings).rule, **whole)


def test_weights_that_are_no_numbers_are_refused() -> None:
    one = np.zeros(1, np.int64)
    for weight in (np.nan, np.inf, 0.0, -1.0):
        with pytest.raises(ValueError, match="weight must be positive and finite"):
            _C.match(one, one, np.array([weight]), 1)
    with pytest.raises(ValueError, match="person must be from 0 to 0"):
        _C.match(one + 1, one, np.ones(1), 1)
    with pytest.raises(ValueError, match="candidate must not fall"):
        _C.match(np.zeros(2, np.int64), np.array([1, 0]), np.ones(2), 1)
