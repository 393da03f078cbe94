"""All that a training run is made of between two steps: saved whole, so that it can stop at any moment."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from bottomup._files import replacing
from bottomup.networks.field_network import FieldNetwork
from bottomup.training.config import TrainConfig
from bottomup.training.pretrained import load_initial


def _freeze(network: FieldNetwork, config: TrainConfig) -> list[nn.Parameter]:
    """Freeze the first parts of a pretrained backbone; returns the parameters of the parts that still learn."""
    backbone = network.backbone
    if not hasattr(backbone, "pretrained_parts"):
        if config.frozen_parts:
            raise ValueError(
                f"frozen_parts must be 0 for backbone {config.network.backbone!r} but is {config.frozen_parts}"
            )
        return []
    parts = backbone.pretrained_parts()
    for part in parts[: config.frozen_parts]:
        part.requires_grad_(False)
    return [parameter for part in parts[config.frozen_parts :] for parameter in part.parameters()]


def _parameter_groups(
    network: FieldNetwork, config: TrainConfig, pretrained: list[nn.Parameter]
) -> list[dict[str, Any]]:
    """Weights decay, biases and normalisations do not; `share` of the learning rate is for each group."""
    known = {id(parameter) for parameter in pretrained}
    groups = []
    for share, wanted in ((1.0, False), (config.pretrained_rate, True)):
        learning = [p for p in network.parameters() if p.requires_grad and (id(p) in known) == wanted]
        for decay, some in (
            (config.weight_decay, [p for p in learning if p.ndim > 1]),
            (0.0, [p for p in learning if p.ndim <= 1]),
        ):
            if some:
                groups.append({"params": some, "weight_decay": decay, "share": share})
    return groups


class TrainState:
    """Network, its averaged twin, optimiser, and how far the run is.

    step: steps done.  elapsed: seconds of training, over all the times it was resumed.
    best, stale: the highest average precision so far, and how many measurements since then brought no higher one.
    over: whether the run ends here, before its schedule does.

    Begins with the recipe's initial weights, unless they are going to be loaded anyway: `fresh` is False then.
    """

    def __init__(self, config: TrainConfig, device: torch.device | None = None, *, fresh: bool = True) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.network = FieldNetwork(config.network)
        self.network.dropout.p = config.dropout
        pretrained = _freeze(self.network, config) if config.initial_weights else []
        if config.initial_weights and fresh:
            load_initial(self.network, config.initial_weights)
        self.network.to(device or torch.device("cpu"), memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network.train()
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        pairs = list(zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True))
        # Both of a pair stay the same tensors: all that follows writes into them.
        self._means = [(mean, new) for mean, new in pairs if mean.is_floating_point()]
        self._counts = [(mean, new) for mean, new in pairs if not mean.is_floating_point()]
        groups = _parameter_groups(self.network, config, pretrained)
        self.optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99), fused=True)
        self.step = 0
        self.elapsed = 0.0
        self.best, self.stale, self.over = -1.0, 0, False

    @property
    def progress(self) -> float:
        """How much of the schedule is done, 0..1."""
        if self.over:
            return 1.0
        done = self.step / self.config.steps if self.config.steps else self.elapsed / (3600 * self.config.hours)
        return min(1.0, done)

    def set_learning_rate(self) -> float:
        """A warm-up, then half a cosine down to a hundredth; returns the rate of what is not pretrained."""
        warm = min(1.0, (self.step + 1) / max(1, self.config.warmup))
        rate = self.config.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * self.progress)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("share", 1.0)  # checkpoints from before have none
        return rate

    @torch.no_grad()
    def update_average(self) -> None:
        """Move the averaged weights a little towards the trained ones, faster at the beginning."""
        keep = min(self.config.ema, (1 + self.step) / (10 + self.step))
        means, new = map(list, zip(*self._means, strict=True))
        # One kernel for all of them on a GPU.
        get_ema_multi_avg_fn(keep)(means, new, self.step)  # type: ignore[no-untyped-call]
        for count, counted in self._counts:
            count.copy_(counted)

    def measured(self, precision: float) -> bool:
        """Note an average precision that was measured; returns whether it is the highest, and ends the run if
        the recipe's `patience` is at its end."""
        is_best = precision > self.best
        self.best, self.stale = max(precision, self.best), 0 if is_best else self.stale + 1
        self.over = 0 < self.config.patience <= self.stale
        return is_best

    def result(self) -> FieldNetwork:
        """The network of the averaged weights, and of the initial ones as far as the recipe keeps those."""
        share = self.config.keep_start
        if share == 0:
            return self.average
        start = FieldNetwork(self.config.network)
        load_initial(start, self.config.initial_weights)
        network = copy.deepcopy(self.average).cpu()
        with torch.no_grad():
            for mean, first in zip(network.state_dict().values(), start.state_dict().values(), strict=True):
                if mean.is_floating_point():
                    mean.lerp_(first, share)
        return network

    def save(self, path: Path) -> None:
        """Write the state; a run that is killed meanwhile keeps the file it had."""
        content = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "elapsed": self.elapsed,
            "best": self.best,
            "stale": self.stale,
            "random": torch.get_rng_state(),
        }
        with replacing(path) as unfinished, unfinished.open("wb") as file:
            torch.save(content, file)

    def load(self, path: Path) -> None:
        """Take up the state in a file. ValueError names the file if it is of another network or damaged."""
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            self.network.load_state_dict(content["network"])
            self.average.load_state_dict(content["average"])
            self.optimizer.load_state_dict(content["optimizer"])
            self.step, self.elapsed = int(content["step"]), float(content["elapsed"])
            self.best, self.stale = float(content.get("best", -1.0)), int(content.get("stale", 0))
            torch.set_rng_state(content["random"])
        except FileNotFoundError:
            raise
        except Exception as error:  # torch.load raises many kinds for a damaged file
            raise ValueError(f"out must hold a checkpoint of this recipe but {path} is none: {error}") from error
