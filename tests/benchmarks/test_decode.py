"""What `bench decode` and `bench kernels` measure is the decode; figures come with what they stand for."""

import numpy as np
import pytest

from bottomup.benchmarks import Case, decode, make_cases
from bottomup.benchmarks.decode import measure_decode, measure_kernels, staged_decode
from bottomup.benchmarks.devices import DEVICE, Gpu
from bottomup.benchmarks.end_to_end import measure_end_to_end
from bottomup.benchmarks.timing import Stopwatch
from bottomup.commands.bench._tables import print_kernels
from bottomup.decoder import STEPS, decode_fields
from bottomup.kernels import find_peaks_and_limbs
from bottomup.people import People
from bottomup.settings import Settings
from bottomup.skeletons import get_skeleton

SMALL = Case(4, 46, 82)


@pytest.mark.parametrize("noise", ["clean", "hard"])
@pytest.mark.parametrize("people", [0, 1, 12])
def test_the_stages_are_the_decode(people: int, noise: str) -> None:
    case = Case(people, 60, 100, noise=noise)
    heatmaps, pafs = case.arrays()
    settings, watch, skeleton = Settings(), Stopwatch(), get_skeleton(case.skeleton)
    (staged,), _, _ = staged_decode(heatmaps, pafs, skeleton, case.stride, settings, watch)
    assert staged == decode_fields(heatmaps, pafs, skeleton, stride=case.stride, settings=settings)
    assert tuple(watch.seconds) == STEPS


def test_a_batch_is_its_images() -> None:
    heatmaps, pafs = Case(4, 46, 82, batch=3, seed=5).arrays()
    assert heatmaps.shape == (3, 18, 46, 82)
    for number in range(3):
        alone = Case(4, 46, 82, seed=5 + number).arrays()
        np.testing.assert_array_equal(heatmaps[number], alone[0])
        np.testing.assert_array_equal(pafs[number], alone[1])
    measured = measure_decode(Case(4, 46, 82, batch=3, seed=5), repeats=1, memory=False)
    people = [_people(Case(4, 46, 82, seed=5 + number)) for number in range(3)]
    assert measured.found == sum(map(len, people))
    assert measured.memory is None


def test_cases_choose_the_larger_map_for_more_people() -> None:
    cases = make_cases((1, 200, 201, 1000), noise="hard")
    assert [(case.height, case.width) for case in cases] == [(184, 328)] * 2 + [(270, 480)] * 2
    assert {case.noise for case in cases} == {"hard"}
    assert make_cases((500,), size=(20, 30))[0] == Case(500, 20, 30)


def test_a_case_draws_the_same_fields_again_with_so_many_people() -> None:
    for first, again in zip(SMALL.arrays(), SMALL.arrays(), strict=True):
        np.testing.assert_array_equal(first, again)
    assert len(_people(Case(4, 92, 164, noise="clean"))) in (4, 5)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_measure_decode(dtype: str) -> None:
    measured = measure_decode(Case(4, 46, 82, dtype=dtype), repeats=2)
    assert set(measured.timings) == {"copy", "total", *STEPS}
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


def _people(case: Case) -> People:
    return decode_fields(*case.arrays(), get_skeleton(case.skeleton), stride=case.stride)


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
        ({"people": -1}, "people must be at least 0 but is -1"),
        ({"batch": 0}, "batch must be at least 1 but is 0"),
        ({"dtype": "float64"}, "dtype must be float32 or float16 but is 'float64'"),
    ],
)
def test_bad_cases(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Case(**{"people": 2, **change})


def test_devices() -> None:
    with pytest.raises(ValueError, match="device must be cpu or cuda but is 'tpu'"):
        measure_kernels(Case(1, 30, 40, device="tpu"), repeats=1)


def test_a_gpu_that_is_not_there_is_missed() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ValueError, match="device must be one that torch can use but is 'cuda'"):
        measure_decode(Case(1, 30, 40, device="cuda"), repeats=1)


def test_on_a_gpu_the_events_are_the_times() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    on_gpu = measure_kernels(Case(4, 46, 82, device="cuda", batch=2), repeats=2)
    on_cpu = measure_kernels(Case(4, 46, 82, batch=2), repeats=1)
    assert on_gpu.candidates == on_cpu.candidates
    assert all(timing.median > 0 for timing in on_gpu.timings.values())
    assert measure_decode(Case(4, 46, 82, device="cuda"), repeats=1).found == len(_people(Case(4, 46, 82)))


class PretendedGpu(Gpu):
    """A GPU whose memory is the CPU's and whose events tell one millisecond for each array copied."""

    def __init__(self) -> None:
        pass

    def upload(self, array):
        return array

    def copy(self, *arrays):
        return lambda: {DEVICE: 0.001 * len(arrays)}


def test_the_stages_of_a_gpu_are_told_apart(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    def timed(heatmaps, pafs, skeleton, *, timings, **rule):
        told = {
            "detect": 0.5,
            "sort_peaks": 0.1,
            "score": 0.2,
            "sort_pairs": 0.05,
            "copy": 0.15,
            "total": 1.0,
            "runs": 1,
        }
        for stage, spent in (told | {"runs": 1}).items():
            setattr(timings, stage, spent)
        return find_peaks_and_limbs(heatmaps, pafs, skeleton, **rule)

    monkeypatch.setattr(decode, "open_device", lambda name: PretendedGpu())
    monkeypatch.setattr(decode, "find_peaks_and_limbs", timed)
    measured = measure_kernels(Case(4, 46, 82, device="cuda", batch=2), repeats=3)
    on_cpu = measure_kernels(Case(4, 46, 82, batch=2), repeats=1)
    assert (measured.candidates, measured.pairs) == (on_cpu.candidates, on_cpu.pairs)
    medians = {name: timing.median for name, timing in measured.timings.items() if name != "wall"}
    assert medians == pytest.approx(
        {"copy": 2, "detect": 0.5, "sort_peaks": 0.1, "score": 0.2, "sort_pairs": 0.05, "to_host": 0.15, "total": 1}
    )
    assert measured.ratio("detect") == pytest.approx(0.5)
    print_kernels([measured])
    assert capsys.readouterr().out.splitlines()[1].endswith("\t1.00")  # twice as fast, half the bytes
