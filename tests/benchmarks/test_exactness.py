"""The measure of the sweep against the exact solver."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bottomup.benchmarks.exactness import Gap, crowd_graphs, main, measure_gap, summarise


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["clean", "mild"])
def test_the_sweep_is_close_to_the_optimum(noise: str) -> None:
    gaps = [measure_gap(graph, people=people) for people, graph in crowd_graphs(12, most=4, noise=noise)]
    assert [gap.people for gap in gaps] == [1, 2, 3, 4] * 3
    assert all(gap.proved for gap in gaps)
    assert all(gap.gap >= -1e-6 for gap in gaps)
    assert all(gap.gap <= 0.05 * gap.exact for gap in gaps)
    assert sum(gap.gap <= 1e-5 for gap in gaps) >= 9


def test_the_same_seed_gives_the_same_crowds() -> None:
    first, again = (
        [(people, graph.xy.tolist()) for people, graph in crowd_graphs(2, seed=3, noise="hard")] for _ in range(2)
    )
    assert first == again


def test_the_summary_tells_the_mean_and_the_worst() -> None:
    text = summarise([Gap(1, 10, 8.0, 8.0, 8.0), Gap(2, 20, 19.0, 20.0, 20.5)])
    assert text == "2 pictures, 1 proved | no gap in 50.0 % | mean 0.5000 (2.500 %) | worst 1.000 (5.00 %)"
    assert summarise([]) == "no pictures"


def test_the_command_prints_a_line_and_writes_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "gaps.csv"
    main(["--pictures", "3", "--people", "3", "--noise", "clean", "--csv", str(table)])
    assert capsys.readouterr().out.startswith("clean  3 pictures, 3 proved")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["people"] for row in rows] == ["1", "2", "3"]
    assert all(row["proved"] == "True" and float(row["gap"]) >= -1e-6 for row in rows)
