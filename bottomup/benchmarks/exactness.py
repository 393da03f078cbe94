"""How far the sweep stays below the best grouping there is: `python -m bottomup.benchmarks.exactness --help`.

The same objective F, the same candidates, the same rules for what may be a person; once swept until F grows no
more, once solved exactly (`bottomup.grouping.exact`). Small crowds only, since exactness is dear.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from bottomup.benchmarks.crowds import make_crowd
from bottomup.benchmarks.noise import LEVELS, draw_crowd, get_level
from bottomup.benchmarks.report import write_csv
from bottomup.decoder import find_candidates, find_pairs
from bottomup.grouping import PersonJointGraph, build_graph
from bottomup.grouping.exact.solver import group_exactly
from bottomup.settings import Settings
from bottomup.skeletons import CROWDPOSE_14

_SIZE = (480, 640)  # height, width of the crowds' pictures, pixels; with stride 4 as in the project's other figures
_STRIDE = 4
_SAME = 1e-5  # of F: what lies within the solver's tolerance


@dataclass(frozen=True)
class Gap:
    """One picture: F after the sweep, F of the exact solution, and what no grouping exceeds."""

    people: int
    candidates: int
    swept: float
    exact: float
    bound: float

    @property
    def gap(self) -> float:
        """How far the sweep stays below the exact solution."""
        return self.exact - self.swept

    @property
    def proved(self) -> bool:
        """Whether the exact solution is certain: the time was not up before."""
        return self.bound - self.exact <= _SAME


def measure_gap(graph: PersonJointGraph, *, people: int = 0, time_limit: float | None = None) -> Gap:
    """Sweep a graph without people, then solve it exactly, in place.

    `people` is only noted in the result; `time_limit` is that of `group_exactly`, which starts from the sweep's people.
    """
    graph.optimize()
    swept = graph.objective()
    optimum = group_exactly(graph, time_limit=time_limit)
    return Gap(people, len(graph.types), swept, optimum.value, optimum.bound)


def crowd_graphs(
    pictures: int, *, most: int = 6, noise: str = "mild", seed: int = 0, settings: Settings | None = None
) -> Iterator[tuple[int, PersonJointGraph]]:
    """Graphs of crowds of 1 to `most` people in turn and of a crowd index from 0 to 1, with their numbers of people."""
    settings = Settings() if settings is None else settings
    height, width = _SIZE
    for number in range(seed, seed + pictures):
        count = 1 + number % most
        index = float(np.random.default_rng(number).uniform())
        crowd = make_crowd(count, CROWDPOSE_14, height=height, width=width, crowd_index=index, seed=number)
        fields = draw_crowd(crowd, stride=_STRIDE, noise=get_level(noise), seed=number)
        candidates = find_candidates(fields.heatmaps, settings)
        pairs = find_pairs(fields.pafs, candidates, CROWDPOSE_14, settings)
        yield count, build_graph(candidates, pairs, 0, CROWDPOSE_14, settings)


def summarise(gaps: Sequence[Gap]) -> str:
    """The mean and the worst gap, in F and as a share of it, and how often there is none."""
    if not gaps:
        return "no pictures"
    gap = np.array([one.gap for one in gaps])
    share = 100 * gap / np.maximum([one.exact for one in gaps], 1e-9)
    proved = sum(one.proved for one in gaps)
    return (
        f"{len(gaps)} pictures, {proved} proved | no gap in {100 * (gap <= _SAME).mean():.1f} % | "
        f"mean {gap.mean():.4f} ({share.mean():.3f} %) | worst {gap.max():.3f} ({share.max():.2f} %)"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bottomup.benchmarks.exactness", description=__doc__)
    parser.add_argument("--pictures", type=int, default=120, help="how many, of each level of noise (120)")
    parser.add_argument("--people", type=int, default=6, help="in the largest crowd (6)")
    parser.add_argument("--noise", choices=list(LEVELS), help="one level instead of all but severe")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each group of people in contact (20)")
    parser.add_argument("--seed", type=int, default=0, help="of the first crowd (0)")
    parser.add_argument("--csv", help="file for a row per picture")
    options = parser.parse_args(arguments)
    rows = []
    for noise in [options.noise] if options.noise else ("clean", "mild", "hard"):
        graphs = crowd_graphs(options.pictures, most=options.people, noise=noise, seed=options.seed)
        gaps = [measure_gap(graph, people=people, time_limit=options.seconds) for people, graph in graphs]
        rows += [{"noise": noise, **asdict(gap), "gap": gap.gap, "proved": gap.proved} for gap in gaps]
        print(f"{noise:6} {summarise(gaps)}", flush=True)
    if options.csv:
        write_csv(options.csv, rows)


if __name__ == "__main__":
    main()
