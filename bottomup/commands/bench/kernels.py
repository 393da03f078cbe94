"""`bottomup bench kernels`: the kernels beside a copy of the fields."""

from __future__ import annotations

from bottomup.commands._options import new_app
from bottomup.commands.bench._files import Files, TimingOptions, failures
from bottomup.commands.bench._options import (
    BatchOption,
    CsvOption,
    DeviceOption,
    DtypeOption,
    JsonOption,
    NoiseOption,
    OverlapOption,
    PeopleOption,
    PlotOption,
    RepeatsOption,
    SecondsOption,
    SeedOption,
    SizeOption,
    SkeletonOption,
    ThreadsOption,
    read_cases,
)

app = new_app()


@app.command()
def kernels(
    people: PeopleOption = "1,10,30,100,200,1000",
    size: SizeOption = None,
    skeleton: SkeletonOption = "openpose18",
    noise: NoiseOption = "mild",
    crowd_index: OverlapOption = 0.5,
    dtype: DtypeOption = "float32",
    batch: BatchOption = "1",
    device: DeviceOption = "cpu",
    seed: SeedOption = 0,
    repeats: RepeatsOption = 100,
    seconds: SecondsOption = 60.0,
    threads: ThreadsOption = 1,
    csv: CsvOption = None,
    json: JsonOption = None,
    plot: PlotOption = None,
) -> None:
    """Time find_peaks and score_limbs, each beside a copy of the fields that it reads."""
    from bottomup.commands.bench import _times as work

    with failures():
        cases = read_cases(
            people, size, batch, skeleton=skeleton, noise=noise, crowd_index=crowd_index,
            dtype=dtype, device=device, seed=seed,
        )  # fmt: skip
        how = TimingOptions(repeats, seconds, threads)
        work.run_kernels(cases, how, Files(csv, json, plot))
