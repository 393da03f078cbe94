"""Which published network a checkpoint is of, told from the names of its tensors, and what its outputs mean."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import safe_open
from torch import nn

from bottomup.networks.backbones.shapes import (
    CPN_MEAN,
    CPN_STD,
    HOURGLASS_MEAN,
    HOURGLASS_STD,
    IMAGENET_MEAN,
    IMAGENET_STD,
)
from bottomup.networks.published.caffe import read_caffemodel
from bottomup.networks.published.checkpoint import load_tensors, read_checkpoint
from bottomup.networks.published.cpn import CascadedPyramidNetwork
from bottomup.networks.published.higher_hrnet import HigherHRNet
from bottomup.networks.published.hourglass import StackedHourglass
from bottomup.networks.published.hrnet import HRNet
from bottomup.networks.published.lightweight_openpose import LightweightOpenPose
from bottomup.networks.published.openpose import OpenPose, OpenPoseBody25
from bottomup.networks.published.pose_resnet import PoseResNet
from bottomup.networks.published.residual import RESNET_BLOCKS
from bottomup.networks.published.skeletons import OPENPOSE_MPI_15, TRT_POSE_18
from bottomup.networks.published.trt_pose import TrtPose
from bottomup.skeleton import Skeleton
from bottomup.skeletons import BODY_25, COCO_17, CROWDPOSE_14, MPII_16, OPENPOSE_COCO_18

Tensors = Mapping[str, torch.Tensor]
Answer = tuple[torch.Tensor, torch.Tensor]

# For each limb of `body25` the channels of BODY_25's part affinity fields, x then y (OpenPose, POSE_MAP_INDEX).
_BODY_25_PAFS = (
    0, 1, 22, 23, 14, 15, 24, 25, 16, 17, 26, 27, 18, 19, 8, 9, 6, 7, 10, 11, 2, 3, 12, 13, 4, 5, 30, 31, 34, 35, 32,
    33, 38, 39, 36, 37, 28, 29, 20, 21, 40, 41, 46, 47, 42, 43, 48, 49, 44, 45, 50, 51,
)  # fmt: skip
_SIZE = re.compile(r"(256|384)x(192|256|288)(?!\d)")  # height and width of crops in a file's name


@dataclass(frozen=True)
class Published:
    """A published network with its weights.

    family: its name, with what was read off the tensors.
    network: in eval mode, on the CPU.
    task: `fields` (heatmaps and pafs), `tags` (heatmaps and associative embeddings) or `crops` (heatmaps of a person).
    skeleton: of the outputs.
    stride: network pixels per cell.
    alignment: the sides of an input must be multiples of this.
    input_size: (height, width) of a crop, or the height that pictures are shown at and 0.
    rgb, mean, std: the input is (picture / 255 - mean) / std, RGB or BGR.
    answer: from what the network returns to heatmaps (B, K, h, w) and pafs (B, 2L, h, w), x before y, or tags.
    corner_cells: whether cell c lies on pixel `stride` c, and not on (c + 0.5) `stride` - 0.5.
    """

    family: str
    network: nn.Module
    task: Literal["fields", "tags", "crops"]
    skeleton: Skeleton
    stride: int
    alignment: int
    input_size: tuple[int, int]
    answer: Callable[[Any], Answer]
    rgb: bool = True
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    corner_cells: bool = False

    @torch.inference_mode()
    def __call__(self, images: torch.Tensor) -> Answer:
        """Heatmaps and pafs (or tags, or none for crops) of pictures (B, H, W, 3) uint8 BGR, on their device."""
        return self.fields(images)

    def fields(self, images: torch.Tensor) -> Answer:
        """The same for a tracer."""
        pixels = images.float().flip(-1) if self.rgb else images.float()
        mean, std = (torch.tensor(values, device=images.device) for values in (self.mean, self.std))
        normalised = (pixels / 255 - mean) / std
        return self.answer(self.network(normalised.permute(0, 3, 1, 2).contiguous()))


def load_published(path: str | Path) -> Published:
    """The published network that a checkpoint (.pth, .pth.tar, .pt or .caffemodel) is of, or a file of `convert`.

    For crops the file's name may tell the size that the network was trained for (`384x288`).

    Raises FileNotFoundError if there is no such file, ValueError if it is damaged, of a network that is not known, or
    lacks some of its network's tensors, which are named.
    """
    tensors = read_caffemodel(path) if Path(path).suffix.lower() == ".caffemodel" else read_checkpoint(path)
    for build in (_higher_hrnet, _hrnet, _pose_resnet, _lightweight, _trt_pose, _body_25, _openpose, _hourglass, _cpn):
        published = build(tensors)
        if published is not None:
            load_tensors(published.network, tensors, path)
            if published.task == "crops" and (size := _told_size(Path(path))):
                published = replace(published, input_size=size)
            published.network.eval().requires_grad_(False)
            return published
    raise ValueError(
        "model must be a checkpoint of HigherHRNet, HRNet, Simple Baselines, Lightweight OpenPose, trt_pose, "
        f"OpenPose, a stacked hourglass or CPN but {str(path)!r} is none of them; its first tensors are "
        f"{sorted(tensors)[:3]}"
    )


def _told_size(path: Path) -> tuple[int, int] | None:
    """The size of crops that a checkpoint's name tells, `pose_resnet_50_384x288.pth.tar`, or a converted file's header:
    no tensor does."""
    if path.suffix.lower() == ".safetensors":
        with safe_open(str(path), "np") as file:
            size = json.loads((file.metadata() or {}).get("crop_size", "null"))
        return (int(size[0]), int(size[1])) if isinstance(size, list) else (size, size) if size else None
    found = _SIZE.search(path.name)
    return (int(found[1]), int(found[2])) if found else None


def _outputs(tensors: Tensors, name: str) -> int:
    """Channels of a convolution's output; 0 if there is no such tensor."""
    return len(tensors[name]) if name in tensors else 0


def _joints_of_person(joints: int, what: str) -> Skeleton:
    """The skeleton of networks for people of COCO, CrowdPose or MPII. ValueError for another number of joints."""
    known = {skeleton.num_joints: skeleton for skeleton in (COCO_17, CROWDPOSE_14, MPII_16)}
    if joints not in known:
        raise ValueError(f"model must have heatmaps of {sorted(known)} joints for {what} but has {joints}")
    return known[joints]


def _no_pafs(heatmaps: torch.Tensor) -> Answer:
    return heatmaps, heatmaps[:, :0]


def _higher_hrnet(tensors: Tensors) -> Published | None:
    joints, width = _outputs(tensors, "final_layers.1.weight"), _outputs(tensors, "transition1.0.0.weight")
    if not (joints and width):
        return None
    network = HigherHRNet(width, joints)
    return Published(
        f"HigherHRNet-W{width}", network, "tags", _joints_of_person(joints, "HigherHRNet"), 2, 32, (512, 0),
        lambda outputs: network.fields_of(*outputs),
    )  # fmt: skip


def _hrnet(tensors: Tensors) -> Published | None:
    joints, width = _outputs(tensors, "final_layer.weight"), _outputs(tensors, "transition1.0.0.weight")
    if not (joints and width):
        return None
    size = (384, 288) if width == 48 else (256, 192)
    skeleton = _joints_of_person(joints, "HRNet")
    return Published(
        f"HRNet-W{width}", HRNet(width, joints), "crops", skeleton, 4, 32, size, _no_pafs, corner_cells=True
    )


def _pose_resnet(tensors: Tensors) -> Published | None:
    joints, third = _outputs(tensors, "final_layer.weight"), "layer{}.{}.conv3.weight"
    if not (joints and "deconv_layers.0.weight" in tensors and third.format(1, 0) in tensors):
        return None
    blocks = tuple(sum(third.format(layer, n) in tensors for n in range(64)) for layer in range(1, 5))
    depth = next((depth for depth, known in RESNET_BLOCKS.items() if depth >= 50 and known == blocks), 50)
    skeleton = _joints_of_person(joints, "Simple Baselines")
    return Published(
        f"Simple Baselines ResNet-{depth}", PoseResNet(depth, joints), "crops", skeleton, 4, 32, (256, 192), _no_pafs,
        corner_cells=True,
    )  # fmt: skip


def _lightweight(tensors: Tensors) -> Published | None:
    if "initial_stage.heatmaps.1.0.weight" not in tensors:
        return None
    return Published(
        "Lightweight OpenPose", LightweightOpenPose(), "fields", OPENPOSE_COCO_18, 8, 8, (368, 0),
        lambda stages: (stages[-1][0][:, :-1], stages[-1][1]),
        rgb=False, mean=(128 / 255,) * 3, std=(256 / 255,) * 3,
    )  # fmt: skip


def _trt_pose(tensors: Tensors) -> Published | None:
    if "1.cmap_conv.weight" not in tensors:
        return None
    backbone = "resnet18" if "0.resnet.conv1.weight" in tensors else "densenet121"
    order = torch.tensor([2 * limb + axis for limb in range(TRT_POSE_18.num_limbs) for axis in (1, 0)])
    return Published(
        f"trt_pose {backbone}", TrtPose(backbone), "fields", TRT_POSE_18, 4, 32, (256, 0),
        lambda outputs: (outputs[0], outputs[1][:, order.to(outputs[1].device)]),
    )  # fmt: skip


_CAFFE: dict[str, Any] = {"rgb": False, "mean": (128 / 255,) * 3, "std": (256 / 255,) * 3}


def _openpose(tensors: Tensors) -> Published | None:
    heatmaps, pafs = (_outputs(tensors, f"Mconv7_stage6_{branch}.weight") for branch in ("L2", "L1"))
    if not (heatmaps and pafs):
        return None
    name, skeleton = (
        ("MPI", OPENPOSE_MPI_15) if heatmaps == OPENPOSE_MPI_15.num_joints + 1 else ("COCO", OPENPOSE_COCO_18)
    )
    return Published(
        f"OpenPose {name}", OpenPose(skeleton.num_joints + 1, 2 * skeleton.num_limbs), "fields", skeleton, 8, 16,
        (368, 0), lambda outputs: (outputs[0][:, :-1], outputs[1]), **_CAFFE,
    )  # fmt: skip


def _body_25(tensors: Tensors) -> Published | None:
    if "Mconv7_stage1_L1.weight" not in tensors:
        return None
    order = torch.tensor(_BODY_25_PAFS)
    return Published(
        "OpenPose BODY_25", OpenPoseBody25(), "fields", BODY_25, 8, 16, (368, 0),
        lambda outputs: (outputs[0][:, :-1], outputs[1][:, order.to(outputs[1].device)]), **_CAFFE,
    )  # fmt: skip


def _hourglass(tensors: Tensors) -> Published | None:
    if "hg.0.hg.0.0.0.conv1.weight" not in tensors:
        return None
    stacks = sum(f"score.{n}.weight" in tensors for n in range(64))
    blocks = sum(f"hg.0.hg.0.0.{n}.conv1.weight" in tensors for n in range(64))
    skeleton = _joints_of_person(_outputs(tensors, "score.0.weight"), "a stacked hourglass")
    return Published(
        f"stacked hourglass, {stacks} stacks", StackedHourglass(stacks, blocks, skeleton.num_joints), "crops", skeleton,
        4, 64, (256, 256), lambda stages: _no_pafs(stages[-1]), mean=HOURGLASS_MEAN, std=HOURGLASS_STD,
    )  # fmt: skip


def _cpn(tensors: Tensors) -> Published | None:
    if "refine_net.final_predict.1.weight" not in tensors:
        return None
    return Published(
        "CPN ResNet-50", CascadedPyramidNetwork(), "crops", COCO_17, 4, 32, (256, 192),
        lambda outputs: _no_pafs(outputs[1]), mean=CPN_MEAN, std=CPN_STD, corner_cells=True,
    )  # fmt: skip
