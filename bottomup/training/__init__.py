"""Training field networks: `train(TrainConfig.load(recipe))`, or `train_parts(load_parts(recipe))` for any recipe."""

from __future__ import annotations

try:
    import torch  # noqa: F401
except ModuleNotFoundError as error:
    raise ImportError("training needs torch: pip install torch") from error

from bottomup.training.config import TrainConfig
from bottomup.training.loop import train
from bottomup.training.phases import find_recipe, load_parts, train_parts
from bottomup.training.source import Source

__all__ = ["Source", "TrainConfig", "find_recipe", "load_parts", "train", "train_parts"]
