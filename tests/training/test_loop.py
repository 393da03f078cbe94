"""The run: it learns, it can be interrupted, it says what is wrong."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bottomup.networks.field_network import load_network
from bottomup.skeletons import OPENPOSE_COCO_18
from bottomup.training import Source, TrainConfig, loop, train
from bottomup.training.crop_dataset import CropMaker
from bottomup.training.examples import read_source
from bottomup.training.loop import load_sets
from bottomup.training.loss import field_loss
from bottomup.training.replicas import Replicas
from bottomup.training.state import TrainState

# The photo that the fixture holds out is judged at the end.
pytest.importorskip("pycocotools")


def quiet(_: str) -> None:
    pass


def rows(out: str, name: str = "log.csv") -> list[list[str]]:
    with (Path(out) / name).open() as file:
        return list(csv.reader(file))


@pytest.mark.slow
def test_a_run_learns_what_it_is_shown(config: TrainConfig) -> None:
    lines: list[str] = []
    config = dataclasses.replace(
        config, steps=150, crop_sizes=((0.0, 64),), colour=0.0, rotation=0.0, learning_rate=5e-3
    )
    path = train(config, say=lines.append)
    log = rows(config.out)
    loss = log[0].index("loss")
    assert float(log[-1][loss]) < 0.6 * float(log[1][loss])
    assert [row[0] for row in log[1:]] == ["50", "100", "150"]
    assert lines[0] == "people: 2 photos, 1 held out"
    head, first, *_ = rows(config.out, "validation.csv")
    assert head == ["step", "folder", "measure", "value"]
    assert first[:3] == ["150", "people", "AP"]
    assert load_network(path).config == config.network
    assert TrainConfig.load(Path(config.out) / "config.toml") == config


class Killed(Exception):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_a_killed_run_goes_on_as_if_nothing_had_been(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    whole = load_network(train(config, say=quiet))
    config = dataclasses.replace(config, out=str(tmp_path / "again"), workers=workers)
    step = loop.train_step

    def killed_in_step_four(state: TrainState, *rest: Any) -> torch.Tensor:
        if state.step == 3:
            raise Killed
        return step(state, *rest)

    monkeypatch.setattr(loop, "train_step", killed_in_step_four)
    with pytest.raises(Killed):
        train(config, say=quiet)
    monkeypatch.setattr(loop, "train_step", step)
    with pytest.raises(ValueError, match="out must be a new folder, or resume be set"):
        train(config, say=quiet)
    resumed = load_network(train(config, resume=True, say=quiet))
    for name, tensor in resumed.state_dict().items():
        torch.testing.assert_close(tensor, whole.state_dict()[name], rtol=0, atol=0, msg=name)


def test_threads_give_the_gradient_of_the_whole_batch(config: TrainConfig) -> None:
    config = dataclasses.replace(config, bfloat16=False)
    crops = CropMaker(config, OPENPOSE_COCO_18, load_sets(config, quiet))
    batch = crops[(0, 4, 64)]
    results: list[tuple[torch.Tensor, torch.Tensor]] = []
    for threads in (1, 3):
        state = TrainState(config)
        with closing(Replicas(state.network, config, threads)) as replicas:
            losses = replicas.backward(batch)
        # The optimiser walks through both as they lie in memory.
        assert all(p.grad is not None and p.grad.stride() == p.stride() for p in state.network.parameters())
        gradient = torch.cat([p.grad.reshape(-1) for p in state.network.parameters() if p.grad is not None])
        results.append((losses, gradient))
    torch.testing.assert_close(results[0][0], results[1][0], rtol=1e-5, atol=0)
    torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-3, atol=1e-6)


def test_a_loss_that_is_not_finite_ends_the_run(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "train_step", lambda state, *_: torch.full((4,), torch.nan))
    with pytest.raises(ValueError, match="learning_rate must keep the loss finite but at step 0 it is nan"):
        train(config, say=quiet)


def test_a_damaged_checkpoint_is_named(config: TrainConfig) -> None:
    Path(config.out).mkdir()
    (Path(config.out) / "checkpoint.pt").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"out must hold a checkpoint of this recipe but .*checkpoint\.pt is none"):
        train(config, resume=True, say=quiet)


def test_the_schedule_warms_up_and_cools_down(config: TrainConfig) -> None:
    state = TrainState(dataclasses.replace(config, steps=1000, warmup=10, learning_rate=1.0))
    rates = []
    for state.step in range(0, 1001, 1):
        rates.append(state.set_learning_rate())
    assert rates[0] == pytest.approx(0.1)
    assert np.argmax(rates) == 9
    assert (np.diff(rates[10:]) < 0).all()
    assert rates[-1] == pytest.approx(0.01)
    timed = TrainState(dataclasses.replace(config, steps=0, hours=2.0))
    timed.elapsed = 3600.0
    assert timed.progress == 0.5


def test_a_pause_is_not_training_time() -> None:
    stopwatch = loop._Stopwatch()
    assert sum(stopwatch.counted(1.0) for _ in range(50)) == 50
    paused = stopwatch.counted(3600.0)
    assert paused < 20
    # Slow steps that come again and again do count in the end.
    assert [stopwatch.counted(600.0) for _ in range(60)][-1] == 600


def test_joints_that_are_not_learnt_are_named(config: TrainConfig, drawn_data: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn_data, tmp_path / "data")
    file = tmp_path / "data" / "people" / "annotations.json"
    content = json.loads(file.read_text())
    content["categories"][0]["keypoints"].append("tail")
    for annotation in content["annotations"]:
        if "keypoints" in annotation:
            annotation["keypoints"] += [10, 10, 2]
    file.write_text(json.dumps(content))
    lines: list[str] = []
    load_sets(dataclasses.replace(config, data=str(tmp_path / "data")), lines.append)
    assert f"people: not learnt, since {config.network.skeleton.name} has no such joints: tail" in lines
    lines.clear()
    load_sets(config, lines.append)
    assert not any("not learnt" in line for line in lines)


def test_photos_without_people_are_held_out_by_path(config: TrainConfig, drawn_data: Path) -> None:
    source = dataclasses.replace(config.sources[1], held_out=1)
    trained, held = read_source(source, drawn_data, OPENPOSE_COCO_18)
    assert [photo.path.name for photo in held] == ["empty.png"]
    assert trained == []


def test_the_loss_of_a_perfect_answer_is_nothing_and_masked_cells_do_not_count() -> None:
    torch.manual_seed(0)
    heatmaps = torch.rand(2, 3, 4, 5) * 0.9 + 0.05
    pafs = torch.rand(2, 4, 4, 5) * 2 - 1
    weights = torch.ones(2, 1, 4, 5)
    perfect = field_loss([(torch.logit(heatmaps), pafs)] * 2, heatmaps, pafs, weights, 4.0)
    assert perfect[0].item() == pytest.approx(0, abs=1e-4)
    assert perfect[1].item() == 0
    wrong_logits, wrong_pafs = torch.logit(heatmaps), pafs.clone()
    wrong_logits[:, :, 0], wrong_pafs[:, :, 0] = 3.0, 5.0
    assert min(field_loss([(wrong_logits, wrong_pafs)], heatmaps, pafs, weights, 4.0)) > 0.1
    weights[:, :, 0] = 0
    masked = field_loss([(wrong_logits, wrong_pafs)], heatmaps, pafs, weights, 4.0)
    assert masked[0].item() == pytest.approx(0, abs=1e-4)
    assert masked[1].item() == 0


def test_data_that_are_not_there_are_an_error_before_anything_else(tmp_path: Path) -> None:
    places = {"data": str(tmp_path / "nowhere"), "out": str(tmp_path / "out")}
    config = TrainConfig(sources=(Source("figures"),), teacher="teacher.xml", **places)
    with pytest.raises(FileNotFoundError, match=r"data must be a folder but there is no .*nowhere"):
        train(config)
    assert not (tmp_path / "out").exists()
