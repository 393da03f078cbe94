"""What `bench decode` and `bench kernels` measure is the decode; figures come with what they stand for."""

import numpy as np
import pytest

from bottomup.benchmarks import Case, make_cases
from bottomup.benchmarks.decode import STAGES, measure_decode, measure_kernels, staged_decode
from bottomup.benchmarks.end_to_end import measure_end_to_end
from bottomup.benchmarks.timing import Stopwatch
from bottomup.decoder import decode_fields
from bottomup.settings import Settings

SMALL = Case(4, 46, 82)


@pytest.mark.parametrize("noise", ["clean", "hard"])
@pytest.mark.parametrize("people", [0, 1, 12])
def test_the_stages_are_the_decode(people: int, noise: str) -> None:
    case = Case(people, 60, 100, noise=noise)
    fields = case.draw()
    settings, watch = Settings(), Stopwatch()
    staged, _, _ = staged_decode(*case.arrays(fields), fields.skeleton, fields.stride, settings, watch)
    assert staged == decode_fields(*case.arrays(fields), fields.skeleton, stride=fields.stride, settings=settings)
    assert tuple(watch.seconds) == STAGES


def test_cases_choose_the_larger_map_for_more_people() -> None:
    cases = make_cases((1, 200, 201, 1000), noise="hard")
    assert [(case.height, case.width) for case in cases] == [(184, 328)] * 2 + [(270, 480)] * 2
    assert {case.noise for case in cases} == {"hard"}
    assert make_cases((500,), size=(20, 30))[0] == Case(500, 20, 30)


def test_a_case_draws_the_same_fields_again_with_so_many_people() -> None:
    first, again = SMALL.draw(), SMALL.draw()
    np.testing.assert_array_equal(first.heatmaps, again.heatmaps)
    assert first.heatmaps.shape == (18, 46, 82)
    assert len(decode_fields(first.heatmaps, first.pafs, first.skeleton, stride=first.stride)) in (3, 4, 5)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_measure_decode(dtype: str) -> None:
    measured = measure_decode(Case(4, 46, 82, dtype=dtype), repeats=2)
    assert set(measured.timings) == {"copy", "total", *STAGES}
    assert {timing.runs for timing in measured.timings.values()} == {2}
    assert measured.found == len(_people(measured.case))
    assert measured.memory is not None
    size = (18 + 38) * 46 * 82 * np.dtype(dtype).itemsize / 1e6
    assert measured.memory.fields_mb == pytest.approx(size)
    assert 0 < measured.memory.python_mb < 5
    assert 0 <= measured.memory.process_mb < 100
    assert measured.ratio() == measured.timings["total"].median / measured.timings["copy"].median
    rows = measured.rows()
    assert [row["stage"] for row in rows] == list(measured.timings)
    assert rows[0]["copies"] == 1
    assert {row["people"] for row in rows} == {4}
    assert {row["seed"] for row in rows} == {0}


def _people(case: Case) -> object:
    fields = case.draw()
    return decode_fields(*case.arrays(fields), fields.skeleton, stride=fields.stride)


def test_measure_kernels_compares_each_with_the_maps_it_reads() -> None:
    measured = measure_kernels(SMALL, repeats=2)
    assert set(measured.timings) == {"copy", "peaks", "limbs", "total"}
    assert measured.ratio("peaks") == measured.timings["peaks"].median / measured.floors["peaks"].median
    assert measured.ratio("limbs") == measured.timings["limbs"].median / measured.floors["limbs"].median
    assert measured.found is None
    assert measured.candidates > 40
    assert measured.pairs > 40


def test_end_to_end_counts_network_and_decode() -> None:
    calls = []
    result = measure_end_to_end(lambda: calls.append(1), Case(1, 30, 40), Case(9, 30, 40), pairs=4)
    assert len(calls) >= 8
    assert result.few.runs == result.many.runs == result.decode_many.runs == 4
    assert result.share == result.difference / result.few.median


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 0}, "height must be at least 1 but is 0"),
        ({"skeleton": "starfish"}, "skeleton must be one of"),
        ({"noise": "loud"}, "noise must be one of"),
        ({"people": -1}, "count must be at least 0 but is -1"),
    ],
)
def test_bad_cases(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Case(**{"people": 2, **change}).draw()
    with pytest.raises(ValueError, match="dtype must be float32 or float16 but is 'float64'"):
        measure_kernels(Case(1, 30, 40, dtype="float64"), repeats=1)
