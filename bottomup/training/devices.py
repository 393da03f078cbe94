"""Where a batch is computed: on the CPU in several threads, on a GPU, or in several processes of `torchrun`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import cv2
import torch
from torch import distributed, nn

from bottomup.networks.backends.torch import choose_device
from bottomup.networks.field_network import FieldNetwork
from bottomup.training.config import TrainConfig
from bottomup.training.crop_dataset import Batch
from bottomup.training.modes import make_loss
from bottomup.training.replicas import Replicas, computes_in_bfloat16

# How long processes wait for each other: the first one lets the teacher look at all photos meanwhile, or validates.
_WAIT = timedelta(hours=3)


@dataclass(frozen=True)
class Place:
    """This process: its device, its number, and how many there are."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        """Whether it is this process that writes files and reports."""
        return self.rank == 0

    def wait(self) -> None:
        """Go on when all processes are here."""
        if self.world > 1:
            distributed.barrier()

    def share(self, value: float) -> float:
        """The first process's value, in all of them."""
        if self.world == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.broadcast(shared, 0)
        return float(shared.item())


@contextlib.contextmanager
def take_place(device: str) -> Iterator[Place]:
    """Join the processes that `torchrun` started, if it did; each takes a GPU of its own, if there are any.

    device: `cpu`, `cuda` or `cuda:N`; empty takes a GPU if there is one. ValueError if it is not there.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = choose_device(device or None)
    if chosen.type == "cuda":
        chosen = choose_device(f"cuda:{os.environ['LOCAL_RANK'] if world > 1 else chosen.index or 0}")
        torch.cuda.set_device(chosen)
        torch.backends.cudnn.benchmark = True  # crops have few sizes
    if world == 1:
        yield Place(chosen)
        return
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=_WAIT)
    try:
        yield Place(chosen, distributed.get_rank(), world)
    finally:
        distributed.destroy_process_group()


def crop_workers(config: TrainConfig, place: Place) -> int:
    """How many processes make crops for this one: the recipe's `workers`, or what the device can take up.

    A core makes 250 crops of 224 pixels a second with a teacher's maps, a GPU trains on thousands. Workers are forks,
    which share the photos in memory, and on other systems than Linux there are none: Windows cannot fork, and macOS's
    own libraries do not survive it.
    """
    if sys.platform != "linux":
        return 0
    if config.workers >= 0:
        return config.workers
    if place.device.type == "cpu":
        return 2
    return max(2, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")) - 1)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch and OpenCV to one thread.

    Replicas and workers are parallel already, and threads that wait for each other on a busy machine lose more than
    they win. Set before the workers fork: a fork has none of OpenCV's threads.
    """
    torch_threads, cv2_threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(torch_threads)
        cv2.setNumThreads(cv2_threads)


class Computer(Protocol):
    """What computes a batch."""

    def backward(self, batch: Batch) -> torch.Tensor:
        """Set the network's gradients and statistics from one batch; returns (2,) the losses of heatmaps and pafs."""
        ...

    def close(self) -> None:
        """Give back what was taken."""
        ...


def make_computer(network: FieldNetwork, config: TrainConfig, place: Place) -> Computer:
    """The computer for a place."""
    if place.device.type == "cpu" and place.world == 1:
        return Replicas(network, config, config.threads or torch.get_num_threads())
    return WholeBatch(network, config, place)


class WholeBatch:
    """Computes a batch in one piece on the place's device; gradients are the mean over all processes."""

    def __init__(self, network: FieldNetwork, config: TrainConfig, place: Place) -> None:
        self._network, self._place = network, place
        self._loss: nn.Module = _Loss(network, config)
        if place.world > 1:
            # Every process counts batch statistics of its own; those of the first are the ones that are kept.
            self._loss = nn.parallel.DistributedDataParallel(self._loss)

    def close(self) -> None:
        """Nothing was taken."""

    def backward(self, batch: Batch) -> torch.Tensor:
        """See `Computer.backward`; the losses are those of this process, on its device, and not waited for."""
        parts = (part.to(self._place.device, non_blocking=True) for part in batch)
        self._network.zero_grad(set_to_none=True)
        losses = torch.stack(self._loss(*parts))
        losses.sum().backward()  # type: ignore[no-untyped-call]
        return losses.detach()


class _Loss(nn.Module):
    """The losses as the output of a module, which is what DistributedDataParallel wraps."""

    def __init__(self, network: FieldNetwork, config: TrainConfig) -> None:
        super().__init__()
        self.network, device = network, network.mean.device
        self._bfloat16 = config.bfloat16 and computes_in_bfloat16(device)
        self.compare = make_loss(config, network.skeleton).to(device)

    def forward(self, images: torch.Tensor, *target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pixels = images.to(memory_format=torch.channels_last).float() / 255
        autocast = torch.autocast(images.device.type, torch.bfloat16) if self._bfloat16 else contextlib.nullcontext()
        with autocast:
            stages = self.network.logits(pixels)
        losses: tuple[torch.Tensor, torch.Tensor] = self.compare(stages, *target)
        return losses
