"""The stacked hourglass to train: the module of its published checkpoints, with heads for any fields."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from bottomup.networks.backbones.shapes import HOURGLASS_MEAN, HOURGLASS_STD, check_stages
from bottomup.networks.backbones.start import own_tensors, take_weights
from bottomup.networks.published.hourglass import StackedHourglass


class Hourglass(StackedHourglass):
    """Hourglasses in a row, each with a prediction that the next one sees (Newell et al., ECCV 2016).

    channels: of the features; 256 as published.
    widths: none.  depths: (residual blocks in each part of an hourglass,); 1 as published.
    stages: hourglasses; 2 and 8 as published.
    outputs: channels of each prediction.

    Raises ValueError for other numbers of widths and depths, another stride than 4, channels that 4 does not divide.
    """

    alignment = 64
    mean, std = HOURGLASS_MEAN, HOURGLASS_STD
    # Modules that give and that read the predictions' channels.
    gives, reads = (r"score\.\d+",), (r"score_\.\d+",)

    def __init__(
        self, stride: int, channels: int, widths: tuple[int, ...], depths: tuple[int, ...], stages: int, outputs: int
    ) -> None:
        check_stages("hourglass", stride, channels, widths, depths, stages)
        super().__init__(stages, depths[0], outputs, channels)
        self.stride, self.channels = stride, channels

    def pretrained_parts(self) -> list[nn.Module]:
        """What published weights are there for, from the image upwards: the stem, then each hourglass."""
        stem = nn.ModuleList([self.conv1, self.bn1, self.layer1, self.layer2, self.layer3])
        stacks = [
            nn.ModuleList([self.hg[n], self.res[n], self.fc[n], *self.fc_[n : n + 1]]) for n in range(len(self.hg))
        ]
        return [stem, *stacks]

    def load_published(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take the weights of a published stacked hourglass of as many stacks; its predictions are left out.

        weights: as `bottomup.networks.published.checkpoint.read_checkpoint` gives them.

        Raises ValueError that names the tensors which are missing or have another shape.
        """
        own = own_tensors(self, without=("score.", "score_."))
        take_weights(own, weights, f"a stacked hourglass of {len(self.hg)} stacks")
