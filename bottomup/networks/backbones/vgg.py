"""VGG-19's first layers, on which OpenPose and convolutional pose machines stand: a plain network to compare with."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

from bottomup.networks.backbones.shapes import CAFFE_MEAN, CAFFE_STD, check_shape, vgg_layers
from bottomup.networks.backbones.start import take_weights
from bottomup.networks.layers import ConvBlock


class Vgg(nn.Module):
    """Groups of 3x3 convolutions at strides 1, 2, 4 and 8 (Simonyan and Zisserman, arXiv:1409.1556), then two more.

    channels: of the output.
    widths, depths: channels and convolutions of each group; (64, 128, 256, 512) and (2, 2, 4, 2) are OpenPose's.

    Raises ValueError unless there are four of each, with at least one convolution, and the stride is 8.
    """

    alignment = 32
    mean, std = CAFFE_MEAN, CAFFE_STD

    def __init__(self, stride: int, channels: int, widths: tuple[int, ...], depths: tuple[int, ...]) -> None:
        super().__init__()
        check_shape("vgg", stride, widths, depths)
        self.stride, self.channels = stride, channels
        self._layers = vgg_layers(widths, depths)
        for name, inputs, outputs, _ in self._layers:
            layer = nn.Conv2d(inputs, outputs, 3, padding=1)
            # Without normalisation between them the scale must not change from layer to layer.
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
            self.add_module(name, layer)
        inner = max(widths[-1] // 2, 1)
        self.fit = nn.Sequential(ConvBlock(widths[-1], inner), ConvBlock(inner, channels))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) normalised images to (B, channels, H / 8, W / 8)."""
        x = images
        for name, _, _, pooled in self._layers:
            x = functional.relu(self.get_submodule(name)(x))
            if pooled:
                x = functional.max_pool2d(x, 2, 2)
        return self.fit(x)  # type: ignore[no-any-return]

    def pretrained_parts(self) -> list[nn.Module]:
        """What published weights are there for, from the image upwards: each group of convolutions."""
        groups: dict[str, list[nn.Module]] = {}
        for name, *_ in self._layers:
            groups.setdefault(name.split("_")[0], []).append(self.get_submodule(name))
        return [nn.ModuleList(layers) for layers in groups.values()]

    def load_published(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take the convolutions of OpenPose's trunk from its checkpoint; what comes after them is left out.

        weights: as `bottomup.networks.published.checkpoint.read_checkpoint` gives them; `conv1_1` sees BGR.

        Raises ValueError that names the tensors which are missing or have another shape.
        """
        own = {
            f"{name}.{part}": getattr(self.get_submodule(name), part)
            for name, *_ in self._layers
            for part in ("weight", "bias")
        }
        first = f"{self._layers[0][0]}.weight"
        seen = {name: value.flip(1) if name == first and value.ndim == 4 else value for name, value in weights.items()}
        take_weights(own, seen, "an OpenPose")
