"""The same training in one piece, in parts, and in several processes."""

from __future__ import annotations

import csv
import dataclasses
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed

import bottomup
from bottomup.networks.field_network import FieldNetwork, load_network
from bottomup.skeletons import get_skeleton
from bottomup.training import TrainConfig, load_parts, train, train_parts
from bottomup.training.crop_dataset import BatchNumbers, CropMaker
from bottomup.training.devices import (
    Place,
    WholeBatch,
    computes_in_bfloat16,
    crop_workers,
    make_computer,
    take_place,
)
from bottomup.training.loop import load_sets
from bottomup.training.modes import make_crops
from bottomup.training.replicas import Replicas
from bottomup.training.state import TrainState

pytest.importorskip("pycocotools")


def quiet(_: str) -> None:
    pass


def together(*arguments: str) -> str:
    """What two processes of torchrun print that run a program."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments]
    environment = os.environ | {"PYTHONPATH": str(Path(bottomup.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return run.stdout


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
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=0)
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


@pytest.mark.slow
def test_several_processes_train_what_one_would(config: TrainConfig, tmp_path: Path) -> None:
    # Normalisation sees the parts one by one, so one process computes in the same parts.
    config = dataclasses.replace(config, bfloat16=False, micro_batch=2, device="cpu", checkpoint_minutes=60.0)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(config.to_toml() + "[[parts]]\nsteps = 2\n[[parts]]\nsteps = 4\n")
    alone = load_network(train_parts(load_parts(recipe), say=quiet))
    output = together("-m", "bottomup", "train", str(recipe), "--out", str(tmp_path / "together"))
    assert output.count("step 4 ") == 1  # one of them reports
    network = load_network(tmp_path / "together" / "weights.safetensors")
    wanted = dict(alone.named_parameters())
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter, wanted[name], rtol=1e-2, atol=1e-3, msg=name)
    for folder, steps in (("together-part-1", "2"), ("together", "4")):
        with (tmp_path / folder / "validation.csv").open() as file:
            _, *measured = csv.reader(file)
            assert {tuple(row[:2]) for row in measured} == {(steps, "people")}


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


@pytest.mark.parametrize(
    "changes",
    [
        {"hard_joints": 4, "joint_weights": (("wrist", 1.5),)},
        {"intermediate": False},
        {"mode": "crops"},
        {"mode": "crops", "crop_loss": "softmax", "joint_weights": (("wrist", 1.5),)},
        {"mode": "crops", "crop_loss": "integral"},
    ],
)
def test_a_batch_is_computed_where_the_network_is(config: TrainConfig, changes: dict[str, Any]) -> None:
    # A device that only keeps shapes stands for a GPU: it too refuses tensors that were left behind on the CPU.
    config = dataclasses.replace(config, **changes)
    crops = make_crops(config, get_skeleton("openpose18"), load_sets(config, quiet))
    elsewhere = Place(torch.device("meta"))
    network = FieldNetwork(config.network).to(elsewhere.device)
    with closing(make_computer(network, config, elsewhere)) as computer:
        losses = computer.backward(crops[0, 4, 64])
    assert (losses.device, losses.shape) == (elsewhere.device, (2,))
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    assert len(gradients) > 10
    assert {gradient.device for gradient in gradients} == {elsewhere.device}


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Two GPUs, as far as torch can tell; returns those that were made the current one."""
    current: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: [(7, 5), (9, 0)][device.index])
    monkeypatch.setattr(torch._C, "_cuda_setDevice", current.append, raising=False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    return current


@pytest.mark.parametrize(("name", "index"), [("", 0), ("cuda", 0), ("cuda:1", 1)])
def test_a_process_takes_the_gpu_that_it_is_told(gpus: list[int], name: str, index: int) -> None:
    with take_place(name) as place:
        assert place == Place(torch.device("cuda", index))
    assert gpus == [index]
    with pytest.raises(ValueError, match="device must be one that is there but is 'cuda:2'"), take_place("cuda:2"):
        pass


@pytest.mark.usefixtures("gpus")
def test_every_process_takes_a_gpu_of_its_own(gpus: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    joined: list[str] = []
    monkeypatch.setattr(distributed, "init_process_group", lambda backend, timeout: joined.append(backend))
    monkeypatch.setattr(distributed, "destroy_process_group", lambda: None)
    monkeypatch.setattr(distributed, "get_rank", lambda: 3)
    for name, value in (("WORLD_SIZE", "4"), ("LOCAL_RANK", "1"), ("LOCAL_WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    with take_place("cuda") as place:
        assert (place.device, place.rank, place.world, place.is_first) == (torch.device("cuda", 1), 3, 4, False)
    assert (gpus, joined) == ([1], ["nccl"])


@pytest.mark.usefixtures("gpus")
def test_bfloat16_where_it_is_no_imitation(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [computes_in_bfloat16(torch.device(name)) for name in ("cuda:0", "cuda:1")] == [False, True]
    for has in (True, False):
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda has=has: has)
        assert computes_in_bfloat16(torch.device("cpu")) is has


def test_a_gpu_is_fed_by_all_cores(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 32)
    cpu, gpu = Place(torch.device("cpu")), Place(torch.device("cuda", 0))
    assert (crop_workers(config, cpu), crop_workers(config, gpu)) == (0, 0)  # the recipe's own
    config = dataclasses.replace(config, workers=-1)
    assert (crop_workers(config, cpu), crop_workers(config, gpu)) == (2, 31)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert crop_workers(config, gpu) == 7
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert crop_workers(config, gpu) == 2


def test_there_are_no_workers_but_on_linux(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    config = dataclasses.replace(config, workers=2)
    monkeypatch.setattr("sys.platform", "win32")
    assert crop_workers(config, Place(torch.device("cuda", 0))) == 0


# Two processes: a run from beginning to end, then another that both of them give up in the middle, and go on with.
_KILLED_TOGETHER = """
import dataclasses, sys
import torch
from bottomup.training import TrainConfig, loop
from bottomup.training.devices import take_place

config = TrainConfig.load(sys.argv[1])
step = loop.train_step

class Killed(Exception):
    pass

def killed(state, *rest):
    if state.step == 3:
        raise Killed
    return step(state, *rest)

def quiet(line):
    pass

with take_place("cpu") as place:
    loop.train_at(place, dataclasses.replace(config, out=config.out + "-whole"), say=quiet)
    loop.train_step = killed
    try:
        loop.train_at(place, config, say=quiet)
    except Killed:
        loop.train_step = step
        loop.train_at(place, config, resume=True, say=print)
"""


@pytest.mark.slow
def test_processes_that_were_killed_go_on_as_if_nothing_had_been(config: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(dataclasses.replace(config, steps=6, hours=1.0).to_toml())
    (tmp_path / "killed.py").write_text(_KILLED_TOGETHER)
    output = together(str(tmp_path / "killed.py"), str(tmp_path / "recipe.toml"))
    assert "going on at step 3" in output
    whole, resumed = (load_network(Path(config.out + end) / "weights.safetensors") for end in ("-whole", ""))
    for name, tensor in resumed.state_dict().items():
        torch.testing.assert_close(tensor, whole.state_dict()[name], rtol=0, atol=0, msg=name)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
def test_a_gpu_trains_and_resumes(config: TrainConfig) -> None:
    config = dataclasses.replace(config, device="cuda", steps=3)
    load_network(train(config, say=quiet))
    longer = dataclasses.replace(config, steps=5)
    lines: list[str] = []
    train(longer, resume=True, say=lines.append)
    assert "going on at step 3" in lines
