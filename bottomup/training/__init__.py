"""Training the built-in field network: `train(TrainConfig.load(recipe))`."""

from __future__ import annotations

from bottomup.training.config import Source, TrainConfig
from bottomup.training.loop import train

__all__ = ["Source", "TrainConfig", "train"]
