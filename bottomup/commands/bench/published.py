"""`bottomup bench published`: the decode beside those of others."""

from __future__ import annotations

from bottomup.commands._options import new_app
from bottomup.commands.bench._files import Files, TimingOptions, failures
from bottomup.commands.bench._options import (
    CsvOption,
    JsonOption,
    NoiseOption,
    OverlapOption,
    PeopleOption,
    PlotOption,
    RepeatsOption,
    SecondsOption,
    SeedOption,
    SizeOption,
    read_cases,
)

app = new_app()


@app.command()
def published(
    people: PeopleOption = "1,30,100,200",
    size: SizeOption = None,
    noise: NoiseOption = "mild",
    crowd_index: OverlapOption = 0.5,
    seed: SeedOption = 0,
    repeats: RepeatsOption = 100,
    seconds: SecondsOption = 60.0,
    csv: CsvOption = None,
    json: JsonOption = None,
    plot: PlotOption = None,
) -> None:
    """Time the decode beside those of trt_pose and tf-pose and beside Keypoint R-CNN, where they are installed.

    Who was found is compared, too. The plot is of whole pictures: the built-in network and a decode, or Keypoint R-CNN
    with its backbone. Above 200 people only this package is timed.
    """
    from bottomup.commands.bench import _times as work

    with failures():
        cases = read_cases(people, size, noise=noise, crowd_index=crowd_index, seed=seed)
        work.run_published(cases, TimingOptions(repeats, seconds), Files(csv, json, plot))
