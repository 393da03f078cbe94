"""What a recipe's `mode` decides: which crops are made, and with what loss."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn
from torch.utils.data import Dataset

from bottomup.skeleton import Skeleton
from bottomup.training.config import TrainConfig
from bottomup.training.crop_dataset import Batch, CropMaker
from bottomup.training.crop_loss import CropLoss
from bottomup.training.examples import Example
from bottomup.training.loss import FieldLoss
from bottomup.training.person_crop_dataset import PersonCropMaker
from bottomup.training.source import Source


def make_crops(
    config: TrainConfig, skeleton: Skeleton, sets: Sequence[tuple[Source, Sequence[Example]]]
) -> Dataset[Batch]:
    """What makes the batches."""
    maker = PersonCropMaker if config.mode == "crops" else CropMaker
    return maker(config, skeleton, sets)


def make_loss(config: TrainConfig, skeleton: Skeleton) -> nn.Module:
    """A module from a network's stages and the rest of a batch to the losses of heatmaps and of pafs."""
    return CropLoss(config, skeleton) if config.mode == "crops" else FieldLoss(config, skeleton)
