"""What every backbone promises, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from bottomup.networks.backbones.registry import BACKBONES
from bottomup.networks.field_network import FieldNetwork, NetworkConfig

SHAPES = {
    "pyramid": ((8, 8, 16, 16), (1, 1, 1)),
    "resnet": ((8, 8, 16, 16), (1, 2, 1, 1)),
    "hrnet": ((4,), ()),
    "vgg": ((4, 8, 8, 16), (1, 1, 2, 1)),
    "efficientnet_lite0": ((16,), (1, 1)),
    "efficientnet_lite1": ((16,), (0, 1)),
    "efficientnet_lite0_stride16": ((16,), (1, 1)),
}


def test_every_backbone_is_tried() -> None:
    assert SHAPES.keys() == BACKBONES.keys()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "stride"), [*((name, 8) for name in SHAPES), ("pyramid", 4), ("resnet", 4)])
def test_a_backbone_gives_what_it_says_and_can_be_trained(name: str, stride: int) -> None:
    torch.manual_seed(0)
    network = FieldNetwork(NetworkConfig("coco17", stride, name, 12, *SHAPES[name]))
    backbone = network.backbone
    assert (backbone.stride, backbone.channels) == (stride, 12)
    images = torch.rand(2, 3, 64, 96)
    features = backbone(images)
    assert features.shape == (2, 12, 64 // stride, 96 // stride)
    sum(out.square().mean() for out in network.logits(images)[-1]).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in backbone.parameters())
    touched = sum(bool((p.grad != 0).any()) for p in backbone.parameters() if p.grad is not None)
    assert touched == len(list(backbone.parameters()))


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_shift_of_a_cell_shifts_the_features(name: str) -> None:
    """Features lie where the picture is, up to the corners of strides: a move by the alignment moves them alike."""
    torch.manual_seed(1)
    network = FieldNetwork(NetworkConfig("coco17", 8, name, 12, *SHAPES[name])).eval()
    step = network.alignment
    wide = torch.rand(1, 3, 32, 2560)
    with torch.inference_mode():
        here, there = network.backbone(wide[..., :-step]), network.backbone(wide[..., step:])
    cells = step // 8
    # Far from the sides, where the padding differs; nothing there sees further than 1200 pixels.
    middle = here.shape[-1] // 2
    one, other = here[..., middle + cells : middle + 2 * cells], there[..., middle : middle + cells]
    assert one.std() > 1e-6
    assert (one - other).abs().mean() < 0.01 * one.std()


@pytest.mark.parametrize(
    ("name", "widths", "depths", "message"),
    [
        ("resnet", (8, 8, 8), (1, 1, 1, 1), r"widths must hold 4 numbers and depths 4 from 1 on but are \(8, 8, 8\)"),
        ("resnet", (8, 8, 8, 8), (1, 0, 1, 1), r"depths 4 from 1 on but are .* and \(1, 0, 1, 1\)"),
        ("vgg", (8, 8, 8), (1, 1, 1), r"widths must hold 4 numbers and depths 4 from 1 on but are \(8, 8, 8\)"),
        ("pyramid", (8, 8, 8, 8), (1,), r"widths must hold 4 numbers and depths 3 but are"),
    ],
)
def test_wrong_shapes_are_refused(name: str, widths: tuple[int, ...], depths: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FieldNetwork(NetworkConfig(backbone=name, widths=widths, depths=depths))


def test_vgg_begins_with_the_trunk_of_an_openpose() -> None:
    torch.manual_seed(0)
    network = BACKBONES["vgg"](8, 12, (8, 8, 16, 16), (2, 1, 1, 1))
    names = ("conv1_1", "conv1_2", "conv2_1", "conv3_1", "conv4_1")
    shapes = ((8, 3), (8, 8), (8, 8), (16, 8), (16, 16))
    weights = {f"{name}.weight": torch.randn(*shape, 3, 3) / 5 for name, shape in zip(names, shapes, strict=True)}
    weights |= {f"{name}.bias": torch.randn(shape[0]) for name, shape in zip(names, shapes, strict=True)}
    network.load_published(weights | {"Mconv7_stage6_L1.bias": torch.zeros(38)})
    seen: list[torch.Tensor] = []
    network.fit.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    pixels = torch.randint(0, 256, (1, 3, 32, 64)).float()  # RGB
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (network.mean, network.std))
    network.eval()((pixels / 255 - mean) / std)
    x = pixels.flip(1) / 256 - 0.5  # as OpenPose sees it
    for name in names:
        x = torch.relu(functional.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1))
        if name not in ("conv1_1", "conv4_1"):
            x = functional.max_pool2d(x, 2)
    torch.testing.assert_close(seen[0], x, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match=r"weights must be those of an OpenPose but lack, .* 1 of .*conv3_1\.bias"):
        network.load_published({name: value for name, value in weights.items() if name != "conv3_1.bias"})
