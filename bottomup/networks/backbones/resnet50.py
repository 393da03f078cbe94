"""ResNet-50 with transposed convolutions on top, the network of Simple Baselines.

It is the module that published checkpoints of Simple Baselines load into, so a run can start from one of them, or from
an ImageNet classifier.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from bottomup.networks.backbones.shapes import IMAGENET_MEAN, IMAGENET_STD, check_shape
from bottomup.networks.backbones.start import own_tensors, take_weights
from bottomup.networks.published.pose_resnet import PoseResNetTrunk
from bottomup.networks.published.residual import ResNet


class ResNet50(PoseResNetTrunk):
    """Bottlenecks down to stride 32 (He et al., arXiv:1512.03385), transposed convolutions back up to `stride`.

    channels: of the transposed convolutions, and so of the output; 256 as published.
    widths, depths: channels inside of the blocks and blocks at strides 4, 8, 16 and 32; (64, 128, 256, 512) and
        (3, 4, 6, 3) are ResNet-50, (3, 4, 23, 3) ResNet-101, (3, 8, 36, 3) ResNet-152.

    Raises ValueError unless there are four of each, with at least one block.
    """

    alignment = 32
    mean, std = IMAGENET_MEAN, IMAGENET_STD

    def __init__(self, stride: int, channels: int, widths: tuple[int, ...], depths: tuple[int, ...]) -> None:
        check_shape("resnet50", stride, widths, depths)
        super().__init__(50, widths=widths, depths=depths, channels=channels, doublings={8: 2, 4: 3}[stride])
        self.stride, self.channels = stride, channels

    def pretrained_parts(self) -> list[nn.Module]:
        """What every kind of published weights is there for, from the image upwards: the stem, then each stage."""
        return resnet_parts(self)

    def load_published(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take the weights of Simple Baselines, or of an ImageNet classifier, which has no transposed convolutions.

        weights: as `bottomup.networks.published.checkpoint.read_checkpoint` gives them; torchvision's and timm's names
            are the same.

        Raises ValueError that names the tensors which are missing or have another shape.
        """
        above = () if any(name.startswith("deconv_layers.") for name in weights) else ("deconv_layers.",)
        take_weights(own_tensors(self, without=above), weights, "a ResNet of its widths and depths")


def resnet_parts(network: ResNet) -> list[nn.Module]:
    """The stem of a ResNet and its four stages."""
    stages = [network.get_submodule(f"layer{number}") for number in range(1, 5)]
    return [nn.ModuleList([network.conv1, network.bn1]), *stages]
