"""Published networks: known by their tensors' names, with as many parameters as published, and the same outputs."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from bottomup import decode_fields
from bottomup.networks.published import families
from bottomup.networks.published.converted import convert
from bottomup.networks.published.cpn import CascadedPyramidNetwork
from bottomup.networks.published.families import Published, load_published
from bottomup.networks.published.higher_hrnet import HigherHRNet
from bottomup.networks.published.hourglass import StackedHourglass
from bottomup.networks.published.hrnet import HRNet
from bottomup.networks.published.lightweight_openpose import LightweightOpenPose
from bottomup.networks.published.openpose import OpenPose, OpenPoseBody25
from bottomup.networks.published.pose_resnet import PoseResNet
from bottomup.networks.published.residual import ResNet
from bottomup.networks.published.skeletons import TRT_POSE_18
from bottomup.networks.published.trt_pose import TrtPose
from bottomup.skeletons import BODY_25

# Parameters of each (counted in the published implementations), what it is recognised as, its joints and what for.
NETWORKS: dict[str, tuple[Callable[[], nn.Module], int, str, int, str]] = {
    "higherhrnet_w32": (lambda: HigherHRNet(32, 17), 28_645_331, "HigherHRNet-W32", 17, "tags"),
    "higherhrnet_crowdpose": (lambda: HigherHRNet(32, 14), 0, "HigherHRNet-W32", 14, "tags"),
    "hrnet_w32": (lambda: HRNet(32), 28_536_113, "HRNet-W32", 17, "crops"),
    "hrnet_w48": (lambda: HRNet(48), 0, "HRNet-W48", 17, "crops"),
    "pose_resnet50": (lambda: PoseResNet(50), 33_999_697, "Simple Baselines ResNet-50", 17, "crops"),
    "pose_resnet152": (lambda: PoseResNet(152), 0, "Simple Baselines ResNet-152", 17, "crops"),
    "lightweight": (LightweightOpenPose, 4_091_698, "Lightweight OpenPose", 18, "fields"),
    "trt_resnet18": (TrtPose, 21_278_308 - 512 * 1000 - 1000, "trt_pose resnet18", 18, "fields"),
    "trt_densenet121": (lambda: TrtPose("densenet121"), 0, "trt_pose densenet121", 18, "fields"),
    "openpose_coco": (OpenPose, 52_311_446, "OpenPose COCO", 18, "fields"),
    "openpose_mpi": (lambda: OpenPose(16, 28), 0, "OpenPose MPI", 15, "fields"),
    "openpose_body25": (OpenPoseBody25, 0, "OpenPose BODY_25", 25, "fields"),
    "hourglass": (StackedHourglass, 6_730_912, "stacked hourglass, 2 stacks", 16, "crops"),
    "cpn": (CascadedPyramidNetwork, 27_406_826, "CPN ResNet-50", 17, "crops"),
}  # fmt: skip


# Of these, one of the same kind is tried in the quick tests as well.
LARGER = {"higherhrnet_crowdpose", "hrnet_w48", "openpose_mpi", "pose_resnet152", "trt_densenet121"}
CASES = [pytest.param(name, marks=[pytest.mark.slow] if name in LARGER else []) for name in NETWORKS]


@pytest.mark.parametrize("name", CASES)
def test_networks_are_known_by_their_tensors(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    build, parameters, family, joints, task = NETWORKS[name]
    with torch.device("meta"):  # shapes alone
        network = build()
        monkeypatch.setattr(families, "read_checkpoint", lambda _: network.state_dict())
        monkeypatch.setattr(families, "load_tensors", check_shapes)
        found = load_published(tmp_path / "network.pth")
    if parameters:
        assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert (found.family, found.skeleton.num_joints, found.task) == (family, joints, task)
    assert not found.network.training


def check_shapes(network: nn.Module, tensors: dict[str, torch.Tensor], _: Path) -> None:
    own = network.state_dict()
    assert {name: value.shape for name, value in own.items()} == {name: v.shape for name, v in tensors.items()}


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("pose_hrnet_w32_384x288.pth", (384, 288)),
        ("hrnet_w32_coco_256x192-c78dce93_20200708.pth", (256, 192)),
        ("a.pth", (256, 192)),
        ("pose_hrnet_w32_384x2880.pth", (256, 192)),
    ],
)
def test_the_size_of_crops_is_in_the_name(
    name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with torch.device("meta"):
        network = HRNet(32)
        monkeypatch.setattr(families, "read_checkpoint", lambda _: network.state_dict())
        monkeypatch.setattr(families, "load_tensors", check_shapes)
        assert load_published(tmp_path / name).input_size == size


def test_a_converted_file_keeps_the_size_of_crops(tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(HRNet(8).state_dict(), tmp_path / "pose_hrnet_w8_384x288.pth")
    convert(tmp_path / "pose_hrnet_w8_384x288.pth", tmp_path / "a.safetensors")
    assert load_published(tmp_path / "a.safetensors").input_size == (384, 288)


def test_other_files_are_refused(tmp_path: Path) -> None:
    torch.save({"encoder.weight": torch.zeros(2)}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"is none of them; its first tensors are \['encoder.weight'\]"):
        load_published(tmp_path / "a.pth")
    torch.save(
        {"final_layer.weight": torch.zeros(5, 32, 1, 1), "transition1.0.0.weight": torch.zeros(32, 1)},
        tmp_path / "b.pth",
    )
    with pytest.raises(ValueError, match=r"heatmaps of \[14, 16, 17\] joints for HRNet but has 5"):
        load_published(tmp_path / "b.pth")
    with pytest.raises(ValueError, match=r"depth must be one of \[18, 34, 50, 101, 152\] but is 19"):
        ResNet(19)


@pytest.mark.parametrize("rgb", [True, False])
def test_pictures_are_prepared_as_published(rgb: bool) -> None:
    seen: list[torch.Tensor] = []
    network = nn.Identity()
    network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    published = Published(
        "x", network, "crops", BODY_25, 4, 4, (4, 4), lambda x: (x, x[:, :0]), rgb, (0.1, 0.2, 0.3), (1.0, 2.0, 4.0)
    )
    picture = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3), np.uint8)
    published(torch.from_numpy(picture))
    order = picture[..., ::-1] if rgb else picture
    wanted = (order / 255 - [0.1, 0.2, 0.3]) / [1, 2, 4]
    np.testing.assert_allclose(seen[0].numpy(), wanted.transpose(0, 3, 1, 2), atol=1e-6)


# -- against what the published implementations gave, where that is at hand ----------------------------------------


@pytest.fixture(scope="module")
def golden(data_root: Path) -> tuple[Path, ModuleType]:
    """The folder of recorded outputs, and the program that fills networks with stand-in weights."""
    folder = data_root / "networks"
    if not (folder / "fill_weights.py").is_file():
        pytest.skip(f"{folder} holds no recorded outputs of published networks")
    spec = importlib.util.spec_from_file_location("fill_weights", folder / "fill_weights.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return folder, module


# Recorded outputs by name, from a network's own.
OUTPUTS: dict[str, Callable[..., dict[str, torch.Tensor]]] = {
    "hrnet_w32_256x192": lambda out: {"heatmaps_stride4": out},
    "mmpose:hrnet_w32_256x192": lambda out: {"heatmaps_stride4": out},
    "hrnet_w48_384x288": lambda out: {"heatmaps_stride4": out},
    "higherhrnet_w32_512_coco": lambda out: {"output0_stride4": out[0], "output1_stride2": out[1]},
    "higherhrnet_w32_512_crowdpose": lambda out: {"output0_stride4": out[0], "output1_stride2": out[1]},
    "pose_resnet50_256x192": lambda out: {"heatmaps_stride4": out},
    "lightweight_openpose": lambda out: {"stage1_heat": out[1][0], "stage1_paf": out[1][1]},
    "trt_pose_resnet18_att_224": lambda out: {"cmap": out[0], "paf": out[1]},
    "pytorch_openpose_body": lambda out: {"paf_L1": out[1], "heat_L2_before_relu": out[0]},
    "coco.caffemodel": lambda out: {"paf_L1": out[1], "heat_L2_before_relu": out[0]},
    "body_25.caffemodel": lambda out: {"net_output": torch.cat(out, 1)},
    "hourglass_s2_b1_mpii": lambda out: {"stack0_heatmaps": out[0], "stack1_heatmaps": out[1]},
    "cpn50": lambda out: {"global0_from_stride32": out[0][0], "refine": out[1]},
}  # fmt: skip
RECORDED = {"coco.caffemodel": "pytorch_openpose_body", "body_25.caffemodel": "openpose_body25_caffemodel"}


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_are_the_published_ones(name: str, golden: tuple[Path, ModuleType], tmp_path: Path) -> None:
    folder, filler = golden
    record = folder / "golden" / f"{RECORDED.get(name, name).removeprefix('mmpose:')}.npz"
    if not record.is_file():
        pytest.skip(f"{record} is not there")
    caffe = name.endswith(".caffemodel")
    path = tmp_path / (name if caffe else "network.pth")
    program = "make_caffemodel.py" if caffe else "fill_weights.py"
    what = name.removesuffix(".caffemodel")
    subprocess.run([sys.executable, str(folder / program), str(folder), what, str(path)], check=True)
    published = load_published(path)
    seen: list[object] = []
    published.network.register_forward_hook(lambda *arguments: seen.append(arguments[2]))
    with np.load(record) as values:
        height, width = values["b_input_shape"][2:]
        picture = filler.make_picture(*values["b_picture_hw"])
        padded = np.full((height, width, 3), 128, np.uint8)  # nothing, after OpenPose's normalisation
        padded[: picture.shape[0], : picture.shape[1]] = picture
        heatmaps, pafs = published(torch.from_numpy(padded)[None])
        for key, output in OUTPUTS[name](seen[0]).items():
            got = output.numpy()
            assert got.shape == tuple(values[f"b_{key}_shape"])
            errors = np.abs(got.ravel()[values[f"b_{key}_index"]] - values[f"b_{key}_value"])
            assert errors.max() < 1e-4 * values[f"b_{key}_std"], key
    assert heatmaps.shape[1] == published.skeleton.num_joints
    assert heatmaps.shape[2:] == (height // published.stride, width // published.stride)
    wanted = {"fields": 2 * published.skeleton.num_limbs, "tags": published.skeleton.num_joints, "crops": 0}
    assert pafs.shape[1] == wanted[published.task]


def test_trt_pose_fields_are_decoded_where_they_were_drawn(golden: tuple[Path, ModuleType]) -> None:
    with np.load(golden[0] / "golden" / "decode_trt_pose.npz") as values:
        cmap, paf, drawn = values["cmap"], values["paf"], values["drawn_xy_cells"]
        topology, pairs = values["topology"], values["skeleton_1_based"]
        drawn[values["objects"] < 0] = np.nan  # not drawn, and not found
    np.testing.assert_array_equal(topology[:, 2:], TRT_POSE_18.limbs)
    np.testing.assert_array_equal(pairs - 1, TRT_POSE_18.limbs)
    swapped = paf[:, [2 * limb + axis for limb in range(21) for axis in (1, 0)]]
    (people,) = decode_fields(cmap, np.ascontiguousarray(swapped), TRT_POSE_18, stride=4)
    assert_found(people.keypoints, (drawn + 0.5) * 4 - 0.5, 2.5)


def test_body_25_fields_are_decoded_where_they_were_drawn(golden: tuple[Path, ModuleType]) -> None:
    with np.load(golden[0] / "golden" / "decode_body25_drawn.npz") as values:
        output, drawn = torch.from_numpy(values["net_output"]), values["drawn_xy_cells"]
    with torch.device("meta"):
        published = families._body_25({"Mconv7_stage1_L1.weight": torch.zeros(1)})
    assert published is not None
    order = torch.tensor(families._BODY_25_PAFS)
    heatmaps, pafs = output[:, :25], output[:, 26:][:, order]
    (people,) = decode_fields(heatmaps, pafs, BODY_25, stride=8)
    assert_found(people.keypoints, (drawn + 0.5) * 8 - 0.5, 2.0)


def assert_found(keypoints: np.ndarray, drawn: np.ndarray, pixels: float) -> None:
    """The people that were drawn, in any order, with every joint that is in the picture."""
    assert len(keypoints) == len(drawn)
    for person in drawn:
        known = np.isfinite(person[:, 0])
        distances = np.linalg.norm(keypoints[:, known] - person[known], axis=2)
        assert (distances < pixels).all(axis=1).sum() == 1
