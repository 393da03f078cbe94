"""What `bottomup bench all` does."""

from __future__ import annotations

from pathlib import Path

from bottomup.benchmarks.cases import LARGE_SIZE, Case, make_cases
from bottomup.commands.bench._crowd import run_crowds
from bottomup.commands.bench._files import Files, TimingOptions
from bottomup.commands.bench._times import run_decode, run_end_to_end, run_kernels
from bottomup.settings import Settings


def run_all(out: Path, seed: int, how: TimingOptions, images: int) -> None:
    """`bottomup bench all`: whatever docs/benchmarks.md tells that needs neither data nor others' decoders."""

    def files(name: str, plot: str | None = None, plots: str | None = None) -> Files:
        tables = out / f"{name}.csv", out / f"{name}.json"
        return Files(*tables, None if plot is None else out / plot, None if plots is None else out / plots)

    if out.exists() and not out.is_dir():
        raise ValueError(f"--out must be a folder but {str(out)!r} is a file")
    files("decode_clean", "decode.png").check()
    for noise in ("clean", "mild"):
        print(f"\nfrom fields to people, {noise}")
        run_decode(make_cases(noise=noise, seed=seed), how, files(f"decode_{noise}", f"decode_{noise}.png"))
        print(f"\nkernels, {noise}")
        run_kernels(make_cases(noise=noise, seed=seed), how, files(f"kernels_{noise}", f"kernels_{noise}.png"))
    print("\nnetwork and decode")
    few_and_many = make_cases((1, 200), seed=seed)
    run_end_to_end("default", None, few_and_many, 60, 1, files("end_to_end"))
    run_end_to_end("default", None, few_and_many, 20, 1, files("end_to_end_matching"), matching=True)
    ways = [Settings()]
    noises, base = ("clean", "mild", "hard", "severe"), Case(0, 92, 164, seed=seed)
    print("\naccuracy against overlap")
    run_crowds(base, (20,), (0.1, 0.3, 0.5, 0.7, 0.9), noises, images, ways, files("crowd", plots="crowd"))
    print("\naccuracy and time against people")
    base = Case(0, *LARGE_SIZE, seed=seed)
    run_crowds(base, (1, 10, 30, 100), (0.5,), noises[:2], images, ways, files("people", plots="people"))
