"""The networks that bottomup knows by name: the built-in one, and those that it can download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_OPEN_MODEL_ZOO = (
    "https://storage.openvinotoolkit.org/repositories/open_model_zoo/2021.4/models_bin/3/human-pose-estimation-0001"
)


@dataclass(frozen=True)
class RemoteFile:
    """A file of a network: where it is, how many bytes it has and their SHA-256."""

    name: str
    url: str  # empty if its page has no address that a program may fetch
    size: int  # 0 if it is not told
    sha256: str


@dataclass(frozen=True)
class Network:
    """A network by name. The first of its files is the one to open; the built-in network has none to download.

    family, joints, stride: what it is of.
    ap: average precision on COCO val2017 or test-dev as published, or as `measured` here; 0 if neither is known.
    commercial: whether its licence allows commercial use.
    page: where its files are to be had, for those that have no address.
    """

    name: str
    description: str
    licence: str
    files: tuple[RemoteFile, ...] = ()
    family: str = ""
    joints: int = 17
    stride: int = 8
    ap: float = 0.0
    measured: bool = False
    commercial: bool = True
    page: str = ""

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(file.size for file in self.files)


def _human_pose_estimation_0001(
    name: str, precision: str, note: str, xml: tuple[int, str], bin: tuple[int, str]
) -> Network:
    files = tuple(
        RemoteFile(
            f"human-pose-estimation-0001{ending}",
            f"{_OPEN_MODEL_ZOO}/{precision}/human-pose-estimation-0001{ending}",
            *size_and_sha256,
        )
        for ending, size_and_sha256 in ((".xml", xml), (".bin", bin))
    )
    description = f"Open Model Zoo's Lightweight OpenPose, {precision} weights ({note}); needs bottomup[openvino]"
    return Network(name, description, "Apache-2.0", files, "Lightweight OpenPose", 18, 8, 0.428)


_ALL = (
    Network(
        "default", "part of the package", "Apache-2.0", family="bottomup", joints=18, stride=8, ap=0.327, measured=True
    ),
    _human_pose_estimation_0001(
        "human-pose-estimation-0001",
        "FP16-INT8",
        "the quickest",
        (426_156, "581b082e749848fdfc6d4b4b70e8189c3c2bae1c2d59c6b2c1a026a5471754e3"),
        (4_170_034, "df2a9f41f15c3a0c8a0c5a704650338a3cc5c7bb588f2bfc14ea7093fa37b446"),
    ),
    _human_pose_estimation_0001(
        "human-pose-estimation-0001-fp16",
        "FP16",
        "not quantised",
        (153_702, "560880b45f2e58f1f4d5388000e0364c30199ef656a1b2fd07cd4cdb7b53561c"),
        (8_197_356, "40dfef77d8216f23b83d86d8915659e3ade89abadbb9173bc9b946cffb6c1c9e"),
    ),
    _human_pose_estimation_0001(
        "human-pose-estimation-0001-fp32",
        "FP32",
        "as trained",
        (153_774, "a4312443bb77b8528080c75fff2e5b99ad46d660d5c4cc753ee218dd3deb01f5"),
        (16_394_712, "746bddef69d602945f7db09401d0567176f805fa0ea2086d2b857b459e316254"),
    ),
)

_OTHERS = (
    Network(
        "openpose-coco",
        "OpenPose's COCO network in Hzzone/pytorch-openpose's file",
        "OpenPose: academic or non-profit use only",
        (
            RemoteFile(
                "body_pose_model.pth",
                "https://huggingface.co/lllyasviel/Annotators/resolve/main/body_pose_model.pth",
                209_267_595,
                "25a948c16078b0f08e236bda51a385d855ef4c153598947c28c0d47ed94bb746",
            ),
        ),
        "OpenPose",
        18,
        8,
        0.618,
        commercial=False,
    ),
    Network(
        "lightweight-openpose",
        "the network that human-pose-estimation-0001 came from, as it was trained",
        "Apache-2.0",
        (
            RemoteFile(
                "checkpoint_iter_370000.pth",
                "",
                0,
                "517c86f769c6636583083f1467e3d212a0006c27109edb3aeffc19a79622d411",
            ),
        ),
        "Lightweight OpenPose",
        18,
        8,
        0.40,
        page="https://github.com/Daniil-Osokin/lightweight-human-pose-estimation.pytorch",
    ),
    *(
        Network(
            f"hrnet-w{width}",
            "for crops: refine=, CropDetector",
            "MIT",
            (RemoteFile(f"pose_hrnet_w{width}_{size}.pth", "", 0, sha256),),
            "HRNet",
            17,
            4,
            ap,
            page="https://github.com/leoxiaobin/deep-high-resolution-net.pytorch",
        )
        for width, size, sha256, ap in (
            (32, "256x192", "19bc083708bb8d873211e50d85d56344c10290c6e8b564c813fdde09645c4c1c", 0.744),
            (48, "384x288", "95e0fec3194826d5e3f806ea89be68bbb84517b114c3a32b3058c56610b5ef61", 0.763),
        )
    ),
)

NETWORKS: Mapping[str, Network] = MappingProxyType({network.name: network for network in (*_ALL, *_OTHERS)})


def get_network(name: str) -> Network:
    """The registry's entry of that name; ValueError lists the names there are."""
    if name not in NETWORKS:
        raise ValueError(f"name must be one of {list(NETWORKS)} but is {name!r}")
    return NETWORKS[name]
