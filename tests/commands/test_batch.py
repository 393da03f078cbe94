"""`bottomup batch`, with a stand-in for the detector: what is written, what a killed job goes on with, bad input."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from bottomup.cli import app
from bottomup.commands.batch import read_shard
from bottomup.jobs import parquet
from bottomup.jobs.batch import network_record
from bottomup.settings import Settings
from tests.makers.detectors import BrightnessDetector
from tests.makers.jobs import encoded, start_slowly, write_parquet, write_pictures, write_tar

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bottomup.detector.Detector", BrightnessDetector)


def rows(target: Path) -> list[dict[str, Any]]:
    """All rows of a target."""
    found: list[dict[str, Any]] = pq.ParquetDataset(target).read().to_pylist()
    return found


def counts(target: Path) -> dict[str, int]:
    """How many people there are in each picture, by its name; each must have one row."""
    found = rows(target)
    assert max(Counter(row["path"] for row in found).values()) == 1
    return {Path(row["path"]).name: len(row["people"]) for row in found}


def told(output: str) -> dict[str, str]:
    """The report."""
    return dict(line.split("\t") for line in output.splitlines()[1:])


def test_every_picture_has_a_row(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", [2, 0, 3])
    (tmp_path / "in" / "deep").mkdir()
    (tmp_path / "in" / "deep" / "bad.jpg").write_bytes(b"no picture")
    (tmp_path / "in" / "fails.png").write_bytes(encoded(99))
    result = run(app, ["batch", str(tmp_path / "in"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert counts(tmp_path / "out") == {"0.png": 2, "1.png": 0, "2.png": 3, "bad.jpg": 0, "fails.png": 0}
    errors = {Path(row["path"]).name: row["error"] for row in rows(tmp_path / "out") if row["error"]}
    assert errors["fails.png"] == "RuntimeError: the network fell over"
    assert "bad.jpg" in errors["bad.jpg"]
    report = told(result.stdout)
    assert (report["pictures"], report["people"]) == ("5", "5")
    assert (report["error: no picture, or damaged"], report["error: RuntimeError"]) == ("1", "1")
    assert float(report["pictures per second"]) > 0


def test_what_failed_is_told_again_and_looked_at_again_when_asked(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", [2, 0])
    write_tar(tmp_path / "in" / "a.tar", {"x.png": encoded(4), "y.png": b"no picture"})
    (tmp_path / "in" / "bad.png").write_bytes(b"no picture")
    command = ["batch", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    first = run(app, command)
    assert first.exit_code == 1
    assert f"{tmp_path / 'in' / 'bad.png'}: " in first.stderr
    again = run(app, command)
    assert again.exit_code == 1, "nothing has got better"
    assert (told(again.stdout)["done before"], told(again.stdout)["failed before"]) == ("5", "2")
    assert "--retry-failed" in again.stderr
    (tmp_path / "in" / "bad.png").write_bytes(encoded(3))
    mended = run(app, [*command, "--retry-failed"])
    assert mended.exit_code == 1, "the one in the shard"
    assert (told(mended.stdout)["pictures"], told(mended.stdout)["done before"]) == ("2", "3")
    assert counts(tmp_path / "out") == {"0.png": 2, "1.png": 0, "bad.png": 3, "a.tar#x.png": 4, "a.tar#y.png": 0}
    write_tar(tmp_path / "in" / "a.tar", {"x.png": encoded(4), "y.png": encoded(1)})
    assert run(app, [*command, "--retry-failed"]).exit_code == 0
    assert run(app, command).exit_code == 0
    assert counts(tmp_path / "out")["a.tar#y.png"] == 1


def test_a_shard_looks_again_at_its_own_failures_only(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(4):
        (tmp_path / "in" / f"{number}.png").write_bytes(b"no picture")
    command = ["batch", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    for shard in ("1/2", "2/2"):
        assert run(app, [*command, "--shard", shard]).exit_code == 1
    write_pictures(tmp_path / "in", [1, 1, 1, 1])
    result = run(app, [*command, "--shard", "1/2", "--retry-failed"])
    assert (result.exit_code, told(result.stdout)["pictures"]) == (0, "2")
    assert counts(tmp_path / "out") == {"0.png": 1, "1.png": 0, "2.png": 1, "3.png": 0}


def test_rows_of_other_pictures_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of the same ones under another name, which are done twice."""
    write_pictures(tmp_path / "in", [1, 1])
    monkeypatch.chdir(tmp_path)
    assert run(app, ["batch", "in", "--out", "out"]).exit_code == 0
    result = run(app, ["batch", str(tmp_path / "in"), "--out", "out"])
    assert result.exit_code == 0
    assert "2 rows in out are of pictures that SOURCE does not name" in result.stderr
    assert "done before" not in told(result.stdout)


def test_a_shard_of_a_file_says_who_writes_it(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", [1, 1])
    command = ["batch", str(tmp_path / "in"), "--out", str(tmp_path / "out.json")]
    result = run(app, [*command, "--shard", "1/2"])
    assert told(result.stdout)["results"] == str(tmp_path / "out.json.parts")
    assert "is written by the same command without --shard" in result.stderr
    assert not (tmp_path / "out.json").exists()


def test_sigterm_keeps_what_is_done(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", [number % 4 for number in range(400)])
    process = start_slowly("batch", str(tmp_path / "in"), "--out", str(tmp_path / "out"), rows=1000)
    while not list(tmp_path.glob("out/.lock*")) and process.poll() is None:
        time.sleep(0.02)
    time.sleep(1.0)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted; the same command goes on from there" in errors
    assert 0 < len(counts(tmp_path / "out")) < 400


def test_options_reach_the_detector(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", [1])
    options = ["--device", "cpu", "--input-height", "256", "--flip", "--refine", "crops.xml"]
    assert run(app, ["batch", str(tmp_path / "in"), "--out", str(tmp_path / "out"), *options]).exit_code == 0
    model, given = BrightnessDetector.made
    assert (model, given["device"], given["refine"]) == ("default", "cpu", "crops.xml")
    assert given["settings"] == Settings(input_height=256, flip=True)


def test_a_second_start_does_only_what_is_missing(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", [2, 1])
    command = ["batch", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    assert run(app, command).exit_code == 0
    write_pictures(tmp_path / "in", [2, 1, 4])
    result = run(app, command)
    assert result.exit_code == 0, result.output
    assert told(result.stdout)["pictures"] == "1"
    assert told(result.stdout)["done before"] == "2"
    assert counts(tmp_path / "out") == {"0.png": 2, "1.png": 1, "2.png": 4}


def test_shards_and_videos_side_by_side_with_pictures(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", [1])
    write_tar(tmp_path / "in" / "a.tar", {"x.png": encoded(2), "y.png": b"damaged"})
    write_parquet(tmp_path / "in" / "b.parquet", [encoded(3), encoded(4)])
    (tmp_path / "in" / "c.parquet").write_bytes(b"damaged")
    command = ["batch", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    for again in (False, True):
        result = run(app, command)
        assert result.exit_code == 1, "the damaged ones, also where they failed before"
        assert told(result.stdout)["pictures"] == ("0" if again else "6")
        root = f"{tmp_path / 'in'}/"
        found = {row["path"].removeprefix(root): len(row["people"]) for row in rows(tmp_path / "out")}
        assert found == {
            "0.png": 1,
            "a.tar#x.png": 2,
            "a.tar#y.png": 0,
            "b.parquet#0": 3,
            "b.parquet#1": 4,
            "c.parquet": 0,
        }


@pytest.mark.parametrize("form", ["coco", "coco-dataset"])
def test_coco_files(tmp_path: Path, form: str) -> None:
    write_pictures(tmp_path / "in" / "sub", [2, 0])
    out = tmp_path / "out" / "people.json"
    out.parent.mkdir()
    command = ["batch", str(tmp_path / "in"), "--out", str(out), "--format", form]
    for _ in range(2):
        result = run(app, command)
        assert result.exit_code == 0, result.output
        content = json.loads(out.read_text())
        people = content if form == "coco" else content["annotations"]
        assert [len(person["keypoint_scores"]) for person in people] == [17, 17]
        if form == "coco":
            assert {person["file_name"] for person in people} == {"sub/0.png"}
        else:
            assert {image["file_name"] for image in content["images"]} == {"sub/0.png", "sub/1.png"}
    assert told(result.stdout)["done before"] == "2"


def test_parts_of_a_job_array(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", list(range(10)))
    for number in (1, 2, 3):
        result = run(app, ["batch", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--shard", f"{number}/3"])
        assert result.exit_code == 0, result.output
        assert told(result.stdout)["pictures"] == ("4" if number == 1 else "3")
    assert counts(tmp_path / "out") == {f"{number}.png": number for number in range(10)}


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/", "a/b", "-1/2", "1/2/3"])
def test_wrong_parts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="--shard must be I/N with I from 1 to N"):
        read_shard(text)


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", [2])[0].rename(tmp_path / "in" / os.fsdecode(b"caf\xe9.png"))
    for done in ("1", "0"):
        result = run(app, ["batch", str(tmp_path / "in"), "--out", str(tmp_path / "out")])
        assert (result.exit_code, told(result.stdout)["pictures"]) == (0, done)
    assert counts(tmp_path / "out") == {"caf\\xe9.png": 2}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--flip"], "network.settings.flip was False and is True"),
        (["--person-threshold", "0.5"], "network.settings.person_threshold was"),
    ],
)
def test_other_settings_are_refused(tmp_path: Path, change: list[str], message: str) -> None:
    write_pictures(tmp_path / "in", [1])
    command = ["batch", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    assert run(app, command).exit_code == 0
    result = run(app, [*command, *change])
    assert result.exit_code == 2
    assert message in result.stderr
    assert counts(tmp_path / "out") == {"0.png": 1}


def test_of_a_pose_denoiser_the_content_counts_and_not_its_folder(tmp_path: Path) -> None:
    def record(folder: str, content: bytes) -> dict[str, Any]:
        path = tmp_path / folder / "poses.safetensors"
        path.parent.mkdir()
        path.write_bytes(content)
        settings = Settings(pose_denoiser=str(path))
        detector = SimpleNamespace(
            settings=settings, denoiser=SimpleNamespace(path=path), backend=BrightnessDetector().backend
        )
        return network_record("default", detector)

    assert record("here", b"one") == record("there", b"one") != record("elsewhere", b"other")


def test_another_schema_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pictures(tmp_path / "in", [1])
    command = ["batch", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(parquet, "SCHEMA_VERSION", 99)
    assert run(app, command).exit_code == 0
    monkeypatch.undo()
    monkeypatch.setattr("bottomup.detector.Detector", BrightnessDetector)
    result = run(app, command)
    assert result.exit_code == 2
    assert "schema_version was 99 and is 2" in result.stderr
    for content in (b"", b"damaged"):
        (tmp_path / "other").mkdir(exist_ok=True)
        (tmp_path / "other" / "part-1.parquet").write_bytes(content)
        result = run(app, [*command[:-1], str(tmp_path / "other")])
        assert result.exit_code == 2
        assert "--out must be a folder of this command but part-1.parquet in" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{tmp}/nowhere", "--out", "{tmp}/out"], "SOURCE must be a folder, a glob or a file that exists but"),
        (["{tmp}/empty", "--out", "{tmp}/out"], "SOURCE must hold pictures"),
        (["{tmp}/in", "--out", "{tmp}/in"], "--out must be a new folder or one of this command but"),
        (["{tmp}/in", "--out", "{tmp}/in/0.png"], "--out must be a folder but"),
        (["{tmp}/in", "--out", "{tmp}/out", "--format", "coco"], "--out must be a file that ends in .json"),
        (["{tmp}/in", "--out", "{tmp}/out.json", "--format", "parquet"], "--out must be a folder for --format parquet"),
        (["{tmp}/in", "--out", "{tmp}/out", "--format", "xml"], "--format must be one of parquet, coco, coco-dataset"),
        (["{tmp}/in", "--out", "{tmp}/out", "--shard", "3/2"], "--shard must be I/N"),
        (["{tmp}/in", "--out", "gopher://a/b"], "must be a protocol that fsspec knows"),
        (["{tmp}/in", "--out", "{tmp}/out", "--ray", "127.0.0.1:1"], "'127.0.0.1:1' does not answer"),
        (["{tmp}/in", "--out", "{tmp}/out", "--ray", "somewhere"], "--ray must be HOST:PORT"),
        (["{tmp}/in", "--out", "{tmp}/out", "--workers", "0"], "--workers"),
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: list[str], message: str) -> None:
    write_pictures(tmp_path / "in", [1])
    (tmp_path / "empty").mkdir()
    before = sorted(path for path in (tmp_path / "in").rglob("*") if not path.name.startswith("."))
    result = run(app, ["batch", *(argument.format(tmp=tmp_path) for argument in arguments)])
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split())
    assert sorted(path for path in (tmp_path / "in").rglob("*") if not path.name.startswith(".")) == before


def test_no_space_keeps_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pictures(tmp_path / "in", [1] * 60)
    monkeypatch.setattr(parquet, "_ROWS_PER_FILE", 5)
    written: list[Path] = []
    import bottomup.jobs.storage as storage

    write = storage.write_atomically

    def full(path: Path, data: bytes) -> None:
        if len(written) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        write(path, data)

    monkeypatch.setattr(storage, "write_atomically", full)
    command = ["batch", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    result = run(app, command)
    assert result.exit_code == 1
    assert result.stderr.count("No space left on device") == 1
    assert "the same command goes on from there" in result.stderr
    assert len(counts(tmp_path / "out")) == 15
    monkeypatch.setattr(storage, "write_atomically", write)
    result = run(app, command)
    assert (result.exit_code, told(result.stdout)["pictures"]) == (0, "45")
    assert len(counts(tmp_path / "out")) == 60


def test_a_source_that_vanishes_ends_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pictures(tmp_path / "in", [1] * 200)
    look, looked = BrightnessDetector.look, []

    def vanish(self: BrightnessDetector, image: Any) -> Any:
        looked.append(1)
        if len(looked) == 20:
            (tmp_path / "in").rename(tmp_path / "elsewhere")
        return look(self, image)

    monkeypatch.setattr(BrightnessDetector, "look", vanish)
    command = ["batch", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    result = run(app, command)
    assert result.exit_code == 1
    assert "SOURCE must stay there while the job runs but" in result.stderr
    assert 20 <= len(counts(tmp_path / "out")) < 200
    assert [row["error"] for row in rows(tmp_path / "out") if row["error"]] == []
    (tmp_path / "elsewhere").rename(tmp_path / "in")
    assert run(app, command).exit_code == 0
    assert counts(tmp_path / "out") == {f"{number}.png": 1 for number in range(200)}


def test_one_picture_that_vanishes_is_an_error_of_its_own(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", [1, 1])
    (tmp_path / "list.txt").write_text("in/0.png\nin/gone.png\nin/1.png\n")
    result = run(app, ["batch", str(tmp_path / "list.txt"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert told(result.stdout)["error: not found"] == "1"
    assert counts(tmp_path / "out") == {"0.png": 1, "gone.png": 0, "1.png": 1}


def test_two_jobs_cannot_write_one_target(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", [1])
    from bottomup._files import FolderLock

    lock = FolderLock(tmp_path / "out", name=".lock-1of1")
    result = run(app, ["batch", str(tmp_path / "in"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "another program is at work" in result.stderr
    lock.release()


@pytest.mark.slow
def test_a_killed_job_goes_on(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", [number % 4 for number in range(120)])
    command = ["batch", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--workers", "1"]
    for wanted in (2, 6):
        process = start_slowly(*command)
        try:
            while len(list((tmp_path / "out").glob("part-*.parquet"))) < wanted and process.poll() is None:
                time.sleep(0.02)
        finally:
            process.kill()
            process.communicate()
    assert 30 <= len(counts(tmp_path / "out")) < 120, "it was killed in the middle"
    result = run(app, command)
    assert result.exit_code == 0, result.output
    assert counts(tmp_path / "out") == {f"{number}.png": number % 4 for number in range(120)}
    shutil.rmtree(tmp_path / "out")
