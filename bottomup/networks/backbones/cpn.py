"""The cascaded pyramid network to train: the module of its published checkpoint, with heads for any fields."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from bottomup.networks.backbones.resnet50 import resnet_parts
from bottomup.networks.backbones.shapes import CPN_MEAN, CPN_STD, IMAGENET_STD, check_stages
from bottomup.networks.backbones.start import own_tensors, take_weights
from bottomup.networks.published.cpn import CascadedPyramidNetwork


class Cpn(CascadedPyramidNetwork):
    """GlobalNet's prediction at each level of its pyramid, then RefineNet's (Chen et al., CVPR 2018), all at stride 4.

    A recipe's `hard_joints` (8 in the paper) is for the last, RefineNet's: online hard keypoint mining.

    channels: of the pyramid's features; 256 as published.
    widths, depths: channels inside of the blocks and blocks at strides 4, 8, 16 and 32, as in `ResNet50`.
    stages: 2, GlobalNet and RefineNet.
    outputs: channels of each prediction.

    Raises ValueError unless there are four widths and depths, two stages, a stride of 4 and an even number of channels.
    """

    alignment = 32
    mean, std = CPN_MEAN, CPN_STD
    # Modules that give and that read the predictions' channels.
    gives, reads = (r"global_net\.predict\.\d\.[35]", r"refine_net\.final_predict\.[12]"), ()

    def __init__(
        self, stride: int, channels: int, widths: tuple[int, ...], depths: tuple[int, ...], stages: int, outputs: int
    ) -> None:
        check_stages("cpn", stride, channels, widths, depths, stages)
        super().__init__(outputs, channels, widths=widths, depths=depths)
        self.stride, self.channels = stride, channels

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:  # type: ignore[override]
        """The predictions (B, outputs, H / 4, W / 4) of normalised images (B, 3, H, W), RefineNet's last."""
        levels, refined = super().forward(images)
        return [*levels, refined]

    def pretrained_parts(self) -> list[nn.Module]:
        """What every kind of published weights is there for, from the image upwards: ResNet's stem and stages."""
        return resnet_parts(self.resnet)

    def load_published(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take the weights of pytorch-cpn without its predictions, or of an ImageNet classifier for the ResNet alone.

        weights: as `bottomup.networks.published.checkpoint.read_checkpoint` gives them.

        Raises ValueError that names the tensors which are missing or have another shape.
        """
        if any(name.startswith("global_net.") for name in weights):
            heads = [f"global_net.predict.{level}.{part}." for level in range(4) for part in (3, 5)]
            heads += [f"refine_net.final_predict.{part}." for part in (1, 2)]
            own = own_tensors(self, without=heads)
            take_weights(own, weights, "a CPN of its widths and depths")
            return
        take_weights(own_tensors(self.resnet), weights, "a ResNet of its widths and depths")
        # A classifier sees pixels over their spread, this network does not; their means differ by a grey level.
        with torch.no_grad():
            self.resnet.conv1.weight /= torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
