"""The same training in one piece, in parts, and in several processes."""

from __future__ import annotations

import csv
import dataclasses
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import torch

import bottomup
from bottomup.networks.field_network import load_network
from bottomup.skeletons import get_skeleton
from bottomup.training import TrainConfig, train
from bottomup.training.crops import BatchNumbers, CropMaker
from bottomup.training.devices import Place, WholeBatch, make_computer, take_place
from bottomup.training.loop import load_sets
from bottomup.training.replicas import Replicas
from bottomup.training.state import TrainState

pytest.importorskip("pycocotools")


def quiet(_: str) -> None:
    pass


def test_one_piece_gives_the_gradient_of_one_part(config: TrainConfig) -> None:
    config = dataclasses.replace(config, bfloat16=False, micro_batch=4)
    batch = CropMaker(config, get_skeleton("openpose18"), load_sets(config, quiet))[(0, 4, 64)]
    gradients, losses = [], []
    for kind in ("parts", "whole"):
        state = TrainState(config)
        place = Place(torch.device("cpu"))
        computer = Replicas(state.network, config, 1) if kind == "parts" else WholeBatch(state.network, config, place)
        with closing(computer):
            losses.append(computer.backward(batch))
        gradients.append(torch.cat([p.grad.reshape(-1) for p in state.network.parameters() if p.grad is not None]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-6)


def test_each_process_asks_for_its_own_part_of_a_batch() -> None:
    def first_two(rank: int, world: int) -> list[tuple[int, int, int]]:
        numbers = iter(BatchNumbers(3, 8, lambda step: 64 + step, rank, world))
        return [next(numbers), next(numbers)]

    assert first_two(0, 1) == [(24, 8, 67), (32, 8, 68)]
    assert [first_two(rank, 2) for rank in (0, 1)] == [
        [(24, 4, 67), (32, 4, 68)],
        [(28, 4, 67), (36, 4, 68)],
    ]


def test_several_processes_train_what_one_would(config: TrainConfig, tmp_path: Path) -> None:
    # Normalisation sees the parts one by one, so one process computes in the same parts.
    config = dataclasses.replace(config, bfloat16=False, steps=4, micro_batch=2, device="cpu", checkpoint_minutes=60.0)
    alone = load_network(train(config, say=quiet))
    together = dataclasses.replace(config, out=str(tmp_path / "together"))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(together.to_toml())
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"PYTHONPATH": str(Path(bottomup.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [*command, "-m", "bottomup", "train", str(recipe)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("step 4 ") == 1  # one of them reports
    network = load_network(Path(together.out) / "weights.safetensors")
    wanted = dict(alone.named_parameters())
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter, wanted[name], rtol=1e-2, atol=1e-3, msg=name)
    with (Path(together.out) / "validation.csv").open() as file:
        assert [row[:2] for row in csv.reader(file)] == [["4", "people"]]


def test_a_batch_must_divide_among_the_processes(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import contextmanager

    @contextmanager
    def three(_: str):  # type: ignore[no-untyped-def]
        yield Place(torch.device("cpu"), 0, 3)

    monkeypatch.setattr("bottomup.training.loop.take_place", three)
    with pytest.raises(ValueError, match="batch must be a multiple of the 3 processes but is 4"):
        train(config, say=quiet)


def test_a_device_that_is_not_there(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device must be one that is there but is 'cuda'"), take_place("cuda"):
        pass
    with take_place("") as place:
        assert (place.device.type, place.rank, place.world, place.is_first) == ("cpu", 0, 1, True)
        assert place.share(2.5) == 2.5
        state = TrainState(config, place.device)
        with closing(make_computer(state.network, config, place)) as computer:
            assert isinstance(computer, Replicas)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
def test_a_gpu_trains_and_resumes(config: TrainConfig) -> None:
    config = dataclasses.replace(config, device="cuda", steps=3)
    load_network(train(config, say=quiet))
    longer = dataclasses.replace(config, steps=5)
    lines: list[str] = []
    train(longer, resume=True, say=lines.append)
    assert "going on at step 3" in lines
