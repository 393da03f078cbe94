"""Throw random graphs at the compiled grouping and hold what it says to laws that every grouping obeys.

    python -m tests.grouping.fuzz --graphs 100000

Graphs of all kinds: none or thousands of candidates, chains of people that limbs join, ties, lengths that are not
finite, limbs across the picture, any state to begin with.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import numpy.typing as npt

from bottomup.grouping import PersonJointGraph
from bottomup.grouping.edges import Pairs
from bottomup.grouping.strategies import group_by_limb, group_greedily, group_in_one_round
from bottomup.grouping.to_people import to_people
from tests.makers.crowds import SKELETONS
from tests.makers.graphs import check_consistent, deal
from tests.makers.settings import make_settings

Floats = npt.NDArray[np.float64]
KINDS = ("scattered", "ties", "chain", "one place", "far apart", "not finite")


def random_places(rng: np.random.Generator, kind: str, count: int) -> Floats:
    if kind == "one place":
        return np.full((count, 2), 7.0)
    if kind == "chain":
        return np.stack([np.arange(count) * rng.uniform(0.5, 4), rng.normal(0, 2, count)], axis=1)
    if kind == "far apart":
        return rng.uniform(-1e6, 1e6, (count, 2))
    if kind == "ties":
        return rng.integers(0, 6, (count, 2)).astype(np.float64)
    return rng.uniform(0, 60, (count, 2))


def random_graph(rng: np.random.Generator, candidates: int) -> PersonJointGraph:
    """A graph of about so many candidates."""
    skeleton, kind = SKELETONS[rng.integers(len(SKELETONS))], str(rng.choice(KINDS))
    types = np.sort(rng.integers(0, skeleton.num_joints, candidates))
    xy = random_places(rng, kind, candidates)
    steps = 4 if kind == "ties" else 10**6
    responses = rng.integers(1, steps + 1, candidates) / steps
    pairs = []
    for limb, (a, b) in enumerate(skeleton.limbs):
        first, second = np.flatnonzero(types == a), np.flatnonzero(types == b)
        if not len(first) or not len(second):
            continue
        count = int(rng.integers(0, min(len(first) * len(second), 8 * candidates) + 1))
        if kind == "chain":  # each with the next ones
            own = rng.integers(0, len(first), count)
            other = (own + rng.integers(0, 3, count)) % len(second)
        else:
            own, other = rng.integers(0, len(first), count), rng.integers(0, len(second), count)
        table = np.unique(np.stack([first[own], second[other]]), axis=1)
        pairs.append(np.concatenate([table, np.full((1, table.shape[1]), limb)]))
    own, other, limb = np.concatenate(pairs, axis=1) if pairs else np.zeros((3, 0), np.int64)
    affinity = rng.integers(1, steps + 1, len(own)) / steps
    length = np.hypot(*(xy[own] - xy[other]).T) if len(own) else np.zeros(0)
    if kind == "not finite":
        length[rng.random(len(own)) < 0.2] = rng.choice([np.nan, np.inf, 0.0])
    options = {
        "grouping__missing_limb_cost": float(rng.choice([0.0, 0.3])),
        "sharing__min_joints": int(rng.integers(1, 4)),
    }
    settings = make_settings(sharing__peak_cost=float(rng.choice([0.3, 0.8])), **options)
    return PersonJointGraph(skeleton, settings, types, xy, responses, Pairs(own, other, limb, affinity, length))


def check_graph(graph: PersonJointGraph, rng: np.random.Generator) -> None:
    """The laws: consistent, the same step by step, a finite F, no person without candidates."""
    if rng.random() < 0.5 and len(graph.types):
        deal(graph, int(rng.integers(2**32)))
    again, number = graph.copy(), len(graph.types)
    graph.group()
    check_consistent(graph)
    assert (graph.members >= 0).any(axis=1).all()
    again.optimize()
    check_consistent(again)
    value = again.objective()
    assert np.isfinite(value)
    again.attach_fragments()
    again.share_peaks()
    for name in ("members", "person_of", "types", "scores", "heights"):
        np.testing.assert_array_equal(getattr(graph, name), getattr(again, name))
    assert np.isfinite(to_people(graph, 4.0, 64).scores).all()
    if number <= 60:
        for strategy in (group_in_one_round, group_by_limb, group_greedily):
            other = PersonJointGraph(
                graph.skeleton, graph.settings, graph.types[:number], graph.xy[:number], graph.scores[:number],
                graph.pairs.where((graph.pairs.own < number) & (graph.pairs.other < number)),
            )  # fmt: skip
            strategy(other)
            check_consistent(other)


def fuzz(graphs: int, seed: int, *, most: int = 80) -> int:
    """Group that many random graphs; returns how many candidates they had."""
    rng, seen = np.random.default_rng(seed), 0
    for _ in range(graphs):
        state = rng.bit_generator.state
        try:
            graph = random_graph(rng, int(rng.integers(0, most)))
            check_graph(graph, rng)
        except BaseException:
            print("failed in the graph that begins at the generator's state", state, file=sys.stderr)
            raise
        seen += len(graph.types)
    return seen


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--graphs", type=int, default=100_000)
    parser.add_argument("--most", type=int, default=80, help="candidates of a graph")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.perf_counter()
    seen = fuzz(options.graphs, options.seed, most=options.most)
    print(f"{options.graphs} graphs of {seen} candidates in {time.perf_counter() - start:.0f} s: no complaint")


if __name__ == "__main__":
    main()
