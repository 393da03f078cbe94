"""What every backbone promises, and what it refuses."""

from __future__ import annotations

import pytest
import torch

from bottomup.networks.backbones.registry import BACKBONES
from bottomup.networks.field_network import FieldNetwork, NetworkConfig

SHAPES = {
    "pyramid": ((8, 8, 16, 16), (1, 1, 1)),
    "resnet": ((8, 8, 16, 16), (1, 2, 1, 1)),
    "hrnet": ((4,), ()),
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
        ("pyramid", (8, 8, 8, 8), (1,), r"widths must hold 4 numbers and depths 3 but are"),
    ],
)
def test_wrong_shapes_are_refused(name: str, widths: tuple[int, ...], depths: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FieldNetwork(NetworkConfig(backbone=name, widths=widths, depths=depths))
