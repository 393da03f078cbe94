"""Interleaved runs: every task in every round, stages kept apart. Nothing here looks at a clock."""

import gc

import numpy as np
import pytest

from bottomup.benchmarks.timing import Stopwatch, Timing, copy_task, interleave


def test_every_task_runs_in_every_round_in_changing_order() -> None:
    log: list[str] = []
    tasks = {name: lambda name=name: log.append(name) for name in "abc"}
    taken = interleave(tasks, repeats=12, warmup=2)
    assert {name: len(seconds) for name, seconds in taken.items()} == {"a": 12, "b": 12, "c": 12}
    rounds = [tuple(log[start : start + 3]) for start in range(0, len(log), 3)]
    assert len(rounds) == 14
    assert all(sorted(one) == ["a", "b", "c"] for one in rounds)
    assert len(set(rounds)) > 2


def test_stages_are_kept_apart() -> None:
    taken = interleave({"whole": lambda: {"first": 1.0, "second": 2.0}}, repeats=3)
    assert set(taken) == {"whole", "whole/first", "whole/second"}
    np.testing.assert_array_equal(taken["whole/second"], [2, 2, 2])


def test_at_least_five_rounds_when_time_is_short() -> None:
    assert len(interleave({"a": lambda: None}, repeats=100, seconds=0)["a"]) == 5
    assert len(interleave({"a": lambda: None}, repeats=2, seconds=0)["a"]) == 2


def test_the_garbage_collector_is_left_as_it_was() -> None:
    seen = []
    interleave({"a": lambda: seen.append(gc.isenabled())}, repeats=1, warmup=0)
    assert seen == [False]
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        interleave({"a": lambda: 1 / 0}, repeats=1)
    assert gc.isenabled()


def test_timing() -> None:
    timing = Timing.of(np.arange(1, 102) / 1000)
    assert timing == Timing(median=pytest.approx(51), p95=pytest.approx(96), fastest=pytest.approx(1), runs=101)
    with pytest.raises(ValueError, match="seconds must hold at least one run"):
        Timing.of([])


def test_copy_task_copies_and_leaves_the_source_alone() -> None:
    source = np.arange(6, dtype=np.float16).reshape(2, 3)
    before = source.copy()
    copy_task(source, source.T)()
    np.testing.assert_array_equal(source, before)


def test_stopwatch_adds_up_what_has_one_name() -> None:
    watch = Stopwatch()
    for name in ("a", "b", "a"):
        watch.lap(name)
    assert set(watch.seconds) == {"a", "b"}
    assert all(seconds >= 0 for seconds in watch.seconds.values())


@pytest.mark.parametrize(("argument", "value"), [("repeats", 0), ("warmup", -1)])
def test_bad_arguments(argument: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{argument} must be at least"):
        interleave({}, **{"repeats": 1, argument: value})
