"""What every backbone promises, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from bottomup.networks.backbones.registry import BACKBONES, STAGED
from bottomup.networks.config import BACKBONE_NAMES, STAGED_NAMES
from bottomup.networks.field_network import FieldNetwork, NetworkConfig
from bottomup.networks.published.cpn import CascadedPyramidNetwork
from bottomup.networks.published.hourglass import StackedHourglass
from bottomup.networks.published.pose_resnet import PoseResNet
from bottomup.networks.published.residual import ResNet

SHAPES = {
    "pyramid": ((8, 8, 16, 16), (1, 1, 1)),
    "resnet": ((8, 8, 16, 16), (1, 2, 1, 1)),
    "resnet50": ((4, 4, 8, 8), (1, 2, 1, 1)),
    "hrnet": ((4,), ()),
    "vgg": ((4, 8, 8, 16), (1, 1, 2, 1)),
    "efficientnet_lite0": ((16,), (1, 1)),
    "efficientnet_lite1": ((16,), (0, 1)),
    "efficientnet_lite0_stride16": ((16,), (1, 1)),
}


# Of those that make the predictions themselves also the stride, and how many predictions of two stages there are.
PREDICTING = {"hourglass": ((), (1,), 4, 2), "cpn": ((4, 4, 8, 8), (1, 1, 1, 1), 4, 5)}


def test_every_backbone_is_tried() -> None:
    assert SHAPES.keys() == BACKBONES.keys()
    assert PREDICTING.keys() == STAGED.keys() == set(STAGED_NAMES)
    assert {*SHAPES, *PREDICTING} == set(BACKBONE_NAMES)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "stride"), [*((name, 8) for name in SHAPES), ("pyramid", 4), ("resnet", 4), ("resnet50", 4)]
)
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


@pytest.mark.parametrize("task", ["fields", "crops"])
@pytest.mark.parametrize("name", sorted(PREDICTING))
def test_a_backbone_that_predicts_is_supervised_at_every_stage(name: str, task: str) -> None:
    torch.manual_seed(0)
    widths, depths, stride, count = PREDICTING[name]
    size = 128 if task == "crops" else 0
    config = NetworkConfig("coco17", stride, name, 8, widths, depths, stages=2, task=task, crop_size=size)
    network = FieldNetwork(config)
    stages = network.logits(torch.rand(2, 3, 64, 128))
    pafs = 2 * network.skeleton.num_limbs if task == "fields" else 0
    assert [(one.shape[1:], two.shape[1:]) for one, two in stages] == [((17, 16, 32), (pafs, 16, 32))] * count
    # At first joints are hardly anywhere.
    assert all(torch.sigmoid(heatmaps).mean() < 0.1 for heatmaps, _ in stages)
    sum(torch.cat(pair, 1).square().mean() for pair in stages).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())
    gives = [name for name, gives in network.heads() if gives and network.get_submodule(name).weight.ndim == 4]  # type: ignore[operator,union-attr]
    assert len(gives) == count
    # Whole feature maps are left out before the predictions.
    one = network.logits(torch.ones(2, 3, 64, 64))[-1][0]
    network.dropout.p = 0.9
    assert (network.logits(torch.ones(2, 3, 64, 64))[-1][0] - one).abs().max() > 1e-5


def test_published_networks_are_the_modules_that_learn() -> None:
    """Checkpoints of others give all but the predictions; of an ImageNet classifier the ResNet is taken."""
    torch.manual_seed(0)
    widths, depths = (64, 128, 256, 512), (3, 4, 6, 3)
    hourglass = StackedHourglass(2, 1, 16, 16)
    cases: list[tuple[nn.Module, nn.Module, tuple[str, ...]]] = [
        (hourglass, STAGED["hourglass"](4, 16, (), (1,), 2, 17), ("score.", "score_.")),
        (
            CascadedPyramidNetwork(14, 8, widths=(4, 4, 8, 8)), STAGED["cpn"](4, 8, (4, 4, 8, 8), depths, 2, 17),
            (*(f"global_net.predict.{n}.{part}" for n in range(4) for part in (3, 5)), "refine_net.final_predict.1",
             "refine_net.final_predict.2"),
        ),
        (PoseResNet(50, 16), BACKBONES["resnet50"](4, 256, widths, depths), ()),
        (PoseResNet(50, 16), BACKBONES["resnet50"](8, 256, widths, depths), ()),
    ]  # fmt: skip
    for published, network, predictions in cases:
        given = published.state_dict()
        network.load_published(given)
        for name, tensor in network.state_dict().items():
            if not name.startswith(predictions) and "num_batches" not in name:
                torch.testing.assert_close(tensor, given[name], rtol=0, atol=0)
            assert name in given
    classifier = ResNet(50, widths=(4, 4, 8, 8)).state_dict() | {"fc.bias": torch.zeros(1000)}
    resnet, cpn = BACKBONES["resnet50"](4, 8, (4, 4, 8, 8), depths), STAGED["cpn"](4, 8, (4, 4, 8, 8), depths, 2, 17)
    resnet.load_published(classifier)
    cpn.load_published(classifier)
    pixels = torch.rand(1, 3, 64, 64)
    one, other = (
        functional.conv2d((pixels - mean_of(network)[0]) / mean_of(network)[1], first.conv1.weight)
        for network, first in ((resnet, resnet), (cpn, cpn.resnet))
    )
    torch.testing.assert_close(one, other, rtol=0, atol=0.1)
    torch.testing.assert_close(cpn.resnet.layer4[2].conv3.weight, classifier["layer4.2.conv3.weight"])
    del classifier["layer3.0.conv1.weight"]
    for network in (resnet, cpn):
        with pytest.raises(ValueError, match=r"a ResNet of its widths and depths but lack, .* 1 of its .*layer3\.0"):
            network.load_published(classifier)
    with pytest.raises(ValueError, match=r"those of a stacked hourglass of 3 stacks but lack, .*hg\.2"):
        STAGED["hourglass"](4, 16, (), (1,), 3, 17).load_published(hourglass.state_dict())


def mean_of(network: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and spread of the pixels that a backbone wants."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (network.mean, network.std))
    return mean, std


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
        ("resnet50", (8, 8, 8, 8), (1, 1, 1), r"widths must hold 4 numbers and depths 4 from 1 on but are"),
        ("hourglass", (8,), (1,), r"widths must hold none and depths 1 number from 1 on but are \(8,\)"),
        ("hourglass", (), (0,), r"widths must hold none and depths 1 number from 1 on but are \(\) and \(0,\)"),
        ("cpn", (8, 8, 8), (1, 1, 1, 1), r"widths must hold 4 numbers and depths 4 from 1 on but are \(8, 8, 8\)"),
        ("pyramid", (8, 8, 8, 8), (1,), r"widths must hold 4 numbers and depths 3 but are"),
    ],
)
def test_wrong_shapes_are_refused(name: str, widths: tuple[int, ...], depths: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FieldNetwork(NetworkConfig(backbone=name, widths=widths, depths=depths))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride": 8}, "stride must be 4 for a backbone cpn but is 8"),
        ({"stages": 3}, "stages must be 2 for a backbone cpn, GlobalNet and RefineNet, but is 3"),
        ({"channels": 9}, "channels must be a multiple of 2 for a backbone cpn but is 9"),
    ],
)
def test_what_a_pyramid_of_stages_cannot_be(changes: dict[str, int], message: str) -> None:
    shape = {"stride": 4, "channels": 8, "stages": 2} | changes
    with pytest.raises(ValueError, match=message):
        FieldNetwork(NetworkConfig(backbone="cpn", widths=(8, 8, 8, 8), depths=(1, 1, 1, 1), **shape))  # type: ignore[arg-type]


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
