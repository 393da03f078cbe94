"""`bottomup bench`: tables, files, plain words about what is wrong."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bottomup.cli import app
from bottomup.decoder import STEPS
from bottomup.weights import find_weights

QUICK = ["--people", "1,5", "--size", "46x82", "--repeats", "2"]


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["bench", *arguments], catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def table(output: str) -> list[list[str]]:
    return [line.split("\t") for line in output.splitlines()]


@pytest.mark.slow
def test_decode_prints_and_writes_every_figure(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    files = {name: tmp_path / "new" / f"decode.{name}" for name in ("csv", "json", "png")}
    code, output, _ = run(
        "decode", *QUICK, "--csv", str(files["csv"]), "--json", str(files["json"]), "--plot", str(files["png"])
    )
    assert code == 0
    header, *rows = table(output)
    assert header[:3] == ["people", "map", "found"]
    assert [row[:2] for row in rows] == [["1", "46x82"], ["5", "46x82"]]
    assert [len(row) for row in rows] == 2 * [len(header)]  # a name for each figure
    assert "traces" in header
    with files["csv"].open() as file:
        lines = list(csv.DictReader(file))
    assert [line["stage"] for line in lines] == 2 * ["copy", *STEPS, "total"]
    assert all(float(line["median_ms"]) > 0 and float(line["p95_ms"]) > 0 for line in lines)
    content = json.loads(files["json"].read_text())
    assert content["settings"]["threads"] == 1
    assert content["machine"]["instructions"]
    assert [row["stage"] for row in content["results"]] == [line["stage"] for line in lines]
    assert files["png"].read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_kernels() -> None:
    code, output, _ = run(
        "kernels", *QUICK, "--dtype", "float16", "--noise", "clean", "--skeleton", "coco17", "--batch", "1,2"
    )
    assert code == 0
    assert len(table(output)) == 5


@pytest.mark.slow
def test_crowd_prints_and_writes_every_figure(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    pytest.importorskip("matplotlib")
    code, output, _ = run(
        "crowd", "--people", "2,4", "--size", "46x82", "--images", "2", "--crowd-index", "0.1,0.4",
        "--noise", "clean,mild", "--csv", str(tmp_path / "crowd.csv"), "--json", str(tmp_path / "crowd.json"),
        "--plots", str(tmp_path / "plots"),
    )  # fmt: skip
    assert code == 0
    header, *rows = table(output)
    assert header[:5] == ["people", "crowd index", "noise", "images", "AP"]
    assert len(rows) == 8
    with (tmp_path / "crowd.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["people_per_image"] for line in lines] == ["2"] * 4 + ["4"] * 4
    assert all(0 <= float(line["ap"]) <= 1 for line in lines)
    assert len(json.loads((tmp_path / "crowd.json").read_text())["results"]) == 8
    names = {f"crowd_{name}.png" for name in ("ap", "swapped_joints", "mixed_limbs", "missed", "invented", "times")}
    assert {path.name for path in (tmp_path / "plots").iterdir()} == names


@pytest.mark.slow
def test_crowd_compares_ways_to_group(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    code, output, _ = run(
        "crowd", "--people", "6", "--size", "46x82", "--images", "2", "--crowd-index", "0.5,0.7", "--noise", "mild",
        "--assignment", "sweep,limb", "--json", str(tmp_path / "ways.json"), "--plots", str(tmp_path / "plots"),
    )  # fmt: skip
    assert code == 0
    header, *rows = table(output)
    assert header[:3] == ["assignment", "people", "crowd index"]
    assert [row[0] for row in rows] == ["sweep", "sweep", "limb", "limb"]
    written = json.loads((tmp_path / "ways.json").read_text())
    assert [row["assignment"] for row in written["results"]] == ["sweep", "sweep", "limb", "limb"]
    assert [settings["assignment"] for settings in written["settings"]] == ["sweep", "limb"]
    assert (tmp_path / "plots" / "crowd_ap.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("people", ["2", "2,4"])
def test_crowd_draws_plots_of_one_crowd_index_too(tmp_path: Path, people: str) -> None:
    pytest.importorskip("pycocotools")
    pytest.importorskip("matplotlib")
    code, _, _ = run(
        "crowd", "--people", people, "--size", "46x82", "--images", "2", "--crowd-index", "0.1",
        "--noise", "clean,mild", "--plots", str(tmp_path / "plots"),
    )  # fmt: skip
    assert code == 0
    assert (tmp_path / "plots" / "crowd_ap.png").exists()


@pytest.mark.slow
def test_end_to_end_compares_few_and_many(tmp_path: Path) -> None:
    if find_weights("default") is None:
        pytest.skip("the built-in network is not in this source tree")
    code, output, _ = run(
        "end-to-end", "--people", "1,3", "--size", "46x82", "--pairs", "2", "--csv", str(tmp_path / "pairs.csv")
    )
    assert code == 0
    assert [row[0] for row in table(output)[1:3]] == ["1", "3"]
    assert "3 people take" in output
    with (tmp_path / "pairs.csv").open() as file:
        few, many = csv.DictReader(file)
    assert few["people"] == "1"
    assert float(many["difference_ms"]) == float(few["difference_ms"])
    assert float(few["total_ms"]) > float(few["decode_ms"]) > 0


@pytest.mark.slow
def test_end_to_end_can_match_the_picture_to_the_fields(tmp_path: Path) -> None:
    if find_weights("default") is None:
        pytest.skip("the built-in network is not in this source tree")
    file = tmp_path / "pairs.csv"
    for options, picture in (((), ("480", "640")), (("--matching",), ("96", "160"))):
        code, _, _ = run(
            "end-to-end", *options, "--people", "1,3", "--size", "12x20", "--pairs", "1", "--csv", str(file)
        )
        assert code == 0
        with file.open() as lines:
            assert {(row["picture_height"], row["picture_width"]) for row in csv.DictReader(lines)} == {picture}
    code, _, errors = run("end-to-end", "--matching", "--photo", "a.jpg")
    assert code == 2
    assert "--matching must come without a --photo" in errors


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["decode", "--people", "1,many"], "--people must be whole numbers with commas between them but is '1,many'"),
        (["decode", "--people", "-1"], "--people must not be negative but has -1"),
        (["kernels", "--size", "46"], "--size must be HEIGHTxWIDTH in cells, as 184x328, but is '46'"),
        (["kernels", "--noise", "loud"], "noise must be one of"),
        (["decode", "--skeleton", "starfish"], "skeleton must be one of"),
        (["decode", "--dtype", "int8", "--people", "1"], "dtype must be float32 or float16 but is 'int8'"),
        (["decode", "--threads", "0"], "threads must be at least 1 but is 0"),
        (["kernels", "--batch", "0", "--people", "1"], "batch must be at least 1 but is 0"),
        (["kernels", "--device", "tpu", "--people", "1"], "device must be cpu or cuda but is 'tpu'"),
        (["end-to-end", "--people", "1,2,3"], "--people must be two numbers, few and many, but is '1,2,3'"),
        (["crowd", "--noise", "clean,loud"], "noise must be one of"),
        (["crowd", "--images", "0"], "images must be at least 1 but is 0"),
        (["crowd", "--crowd-index", "much"], "--crowd-index must be numbers with commas between them but is 'much'"),
        (["crowd", "--photos", "."], "--photos must come with the --annotations that say who is in them"),
        (["crowd", "--annotations", "nowhere.json"], "nowhere.json"),
        (["kernels", "--repeats", "0", "--people", "1"], "repeats must be at least 1 but is 0"),
        (["decode", "--seconds", "-2", "--people", "1"], "seconds must be at least 0 but is -2.0"),
        (["decode", "--crowd-index", "3", "--people", "1"], "crowd_index must be from 0 to 1 but is 3.0"),
        (["decode", "--csv", f"{__file__}/a.csv", "--people", "1"], "--csv must be a file that can be written"),
        (["end-to-end", "--json", str(Path(__file__).parent)], "--json must be a file that can be written"),
        (["decode", "--plot", "times.doc", "--people", "1"], "--plot must end in one of "),
        (["kernels", "--plot", f"{__file__}/a.png", "--people", "1"], "--plot must be a file that can be written"),
        (["crowd", "--plots", __file__], "--plots must be a folder but"),
        (["crowd", "--assignment", "sweep,best"], "assignment must be one of"),
        (["all", "--out", __file__], "--out must be a folder but"),
    ],
)
def test_wrong_options_are_told_in_a_sentence(arguments: list[str], message: str) -> None:
    code, output, errors = run(*arguments)
    assert code == 2
    assert output == ""
    assert message in errors
