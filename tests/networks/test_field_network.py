"""The field network: shapes, receptive behaviour, files that come back the same, files that must be refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from bottomup.networks.field_network import FieldNetwork, NetworkConfig, load_network, save_network
from bottomup.skeletons import COCO_17

SMALL = NetworkConfig(channels=8, widths=(8, 8, 16, 16), depths=(1, 1, 1))


@pytest.fixture
def network() -> FieldNetwork:
    torch.manual_seed(0)
    return FieldNetwork(SMALL).eval()


@pytest.mark.parametrize("stride", [4, 8])
@pytest.mark.parametrize("size", [(32, 32), (96, 160)])
def test_every_stage_gives_all_fields(stride: int, size: tuple[int, int]) -> None:
    config = NetworkConfig("coco17", stride, channels=8, widths=(8, 8, 16, 16), depths=(0, 1, 1), stages=3)
    stages = FieldNetwork(config).eval()(torch.rand(2, 3, *size))
    assert len(stages) == 3
    for heatmaps, pafs in stages:
        assert heatmaps.shape == (2, 17, size[0] // stride, size[1] // stride)
        assert pafs.shape == (2, 2 * COCO_17.num_limbs, size[0] // stride, size[1] // stride)
        assert ((heatmaps >= 0) & (heatmaps <= 1)).all()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 3, 40, 64), "images must have sides that are multiples of 32"),
        ((1, 3, 0, 64), "images must have sides that are multiples of 32"),
        ((1, 4, 64, 64), r"images must have shape \(B, 3, H, W\)"),
        ((3, 64, 64), r"images must have shape \(B, 3, H, W\)"),
    ],
)
def test_refuses_other_images(network: FieldNetwork, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(torch.zeros(shape))


def test_the_default_is_small_enough_for_the_package() -> None:
    parameters = sum(parameter.numel() for parameter in FieldNetwork().parameters())
    assert parameters * 2 < 10_000_000


def test_an_untrained_network_sees_nobody(network: FieldNetwork) -> None:
    heatmaps, _ = network(torch.rand(1, 3, 64, 64))[-1]
    assert heatmaps.max() < 0.1


def test_a_file_gives_the_same_network(network: FieldNetwork, tmp_path: Path) -> None:
    # As after training: statistics that are not those of a new network.
    network.train()(torch.rand(4, 3, 64, 64))
    network.eval()
    save_network(network, tmp_path / "a.safetensors", metadata={"crops": "12"})
    loaded = load_network(tmp_path / "a.safetensors")
    assert not loaded.training
    assert loaded.config == network.config
    assert all(parameter.dtype == torch.float32 for parameter in loaded.parameters())
    images = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        for (heat, pafs), (loaded_heat, loaded_pafs) in zip(network(images), loaded(images), strict=True):
            torch.testing.assert_close(loaded_heat, heat, atol=2e-3, rtol=0)
            torch.testing.assert_close(loaded_pafs, pafs, atol=2e-3, rtol=0)
    with safe_open(str(tmp_path / "a.safetensors"), "pt") as file:
        assert file.metadata()["crops"] == "12"
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118


def test_refuses_files_that_are_none_of_its_own(network: FieldNetwork, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with pytest.raises(FileNotFoundError, match=r"a\.safetensors"):
        load_network(path)
    path.write_bytes(b"no weights")
    with pytest.raises(ValueError, match=r"a\.safetensors is damaged or none"):
        load_network(path)
    save_network(network, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"a\.safetensors is damaged or none"):
        load_network(path)
    save_file({"weight": torch.zeros(3)}, str(path))
    with pytest.raises(ValueError, match="must hold bottomup-field-network-1 but"):
        load_network(path)


@pytest.mark.parametrize(
    "change",
    [{"skeleton": "coco17"}, {"skeleton": "centaur"}, {"channels": 9}, {"stages": 3}, {"stride": 6}, {"colour": "red"}],
)
def test_refuses_a_config_that_does_not_fit(network: FieldNetwork, tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "a.safetensors"
    save_network(network, path)
    tensors = load_file(str(path))
    with safe_open(str(path), "pt") as file:
        header = dict(file.metadata())
    header["config"] = json.dumps(json.loads(header["config"]) | change)
    save_file(tensors, str(path), header)
    with pytest.raises(ValueError, match=r"path must hold .*a\.safetensors"):
        load_network(path)


def test_refuses_weights_that_are_not_numbers(network: FieldNetwork, tmp_path: Path) -> None:
    with torch.no_grad():
        next(network.parameters()).fill_(np.nan)
    save_network(network, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="finite weights"):
        load_network(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"skeleton": "centaur"}, "skeleton must be one of"),
        ({"stride": 16}, "stride must be 4 or 8 but is 16"),
        ({"backbone": "sundial"}, "backbone must be one of"),
        ({"stages": 0}, "stages must be from 1 to 8 but is 0"),
        ({"pose_denoiser": "mine"}, r"pose_denoiser must be one of \['', 'default'\] but is 'mine'"),
        ({"person_threshold": 1.5}, "person_threshold must be from 0 to 1 but is 1.5"),
        ({"depths": (-1, 1, 1)}, "depths must be from 0 to 64 but is -1"),
    ],
)
def test_config_says_what_is_wrong(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NetworkConfig(**change)


def test_dropout_leaves_out_whole_feature_maps_in_training_alone() -> None:
    torch.manual_seed(0)
    network = FieldNetwork(NetworkConfig(channels=16, widths=(4, 4, 4, 4), stages=1))
    network.dropout.p = 0.5
    seen: list[torch.Tensor] = []
    network.stages[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images = torch.rand(2, 3, 64, 64)
    network.train()(images)
    network.eval()(images)
    empty = [(maps.flatten(2) == 0).all(dim=2).float().mean().item() for maps in seen]
    assert 0.2 < empty[0] < 0.8
    assert empty[1] == 0
    assert not [name for name in network.state_dict() if "dropout" in name]
