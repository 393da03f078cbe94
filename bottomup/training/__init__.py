"""Training the built-in field network: `train(TrainConfig.load(recipe))`."""

from __future__ import annotations

from bottomup.training.config import TrainConfig
from bottomup.training.loop import train
from bottomup.training.source import Source

__all__ = ["Source", "TrainConfig", "train"]
