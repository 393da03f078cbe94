"""What a crowd costs when the network's time counts too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bottomup.benchmarks.cases import Case
from bottomup.benchmarks.timing import Stopwatch, Task, Timing, interleave
from bottomup.decoder import decode_fields
from bottomup.settings import Settings
from bottomup.skeletons import get_skeleton


@dataclass(frozen=True)
class EndToEnd:
    """One photo through a network plus the decode of fields with few, and with many people.

    few, many: whole times. difference: median over pairs of what the many cost more, milliseconds; spread: its
    quartiles; share: the difference as a part of the median time with few. decode_few, decode_many: the decode alone.
    """

    few: Timing
    many: Timing
    decode_few: Timing
    decode_many: Timing
    difference: float
    spread: tuple[float, float]
    share: float


def measure_end_to_end(
    network: Callable[[], object],
    few: Case,
    many: Case,
    *,
    settings: Settings | None = None,
    pairs: int = 60,
) -> EndToEnd:
    """What a crowd costs over a single person when the network's time counts too.

    `network` takes one photo through it, as `lambda: detector.fields(photo)` does. The two sides of a pair run one
    right after the other, in changing order.
    """
    settings = Settings() if settings is None else settings

    def side(case: Case) -> Task:
        heatmaps, pafs = case.arrays()
        skeleton = get_skeleton(case.skeleton)

        def run() -> dict[str, float]:
            watch = Stopwatch()
            network()
            watch.lap("network")
            decode_fields(heatmaps, pafs, skeleton, stride=case.stride, settings=settings)
            watch.lap("decode")
            return watch.seconds

        return run

    taken = interleave({"few": side(few), "many": side(many)}, repeats=pairs)
    low, difference, high = (np.percentile(taken["many"] - taken["few"], (25, 50, 75)) * 1000).tolist()
    whole = Timing.of(taken["few"])
    parts = (Timing.of(taken["many"]), Timing.of(taken["few/decode"]), Timing.of(taken["many/decode"]))
    return EndToEnd(whole, *parts, difference, (low, high), difference / whole.median)
