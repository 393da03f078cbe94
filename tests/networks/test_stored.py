"""Weight files that ask for what no network has: refused from their header, before anything is built."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bottomup.networks.backends.factory import load_backend
from bottomup.networks.config import NetworkConfig
from bottomup.networks.stored import read_network
from tests.makers.networks import save_random_network


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return save_random_network(tmp_path_factory.mktemp("networks") / "a.safetensors", "coco17").read_bytes()


def changed(good: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    (size,) = struct.unpack("<Q", good[:8])
    header = json.loads(good[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + good[8 + size :]


def config(**values: Any) -> Callable[[dict[str, Any]], None]:
    def change(header: dict[str, Any]) -> None:
        facts = header["__metadata__"]
        facts["config"] = json.dumps(json.loads(facts["config"]) | values)

    return change


def integers(header: dict[str, Any]) -> None:
    name = next(name for name, tensor in header.items() if name != "__metadata__" and tensor["dtype"] == "F16")
    header[name]["dtype"] = "I16"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (config(stages=10**9), "stages must be from 1 to 8 but is 1000000000"),
        (config(depths=[1, 10**9]), "depths must be from 0 to 64 but is 1000000000"),
        (config(depths=[1] * 10**5), "depths must be at most 8 whole numbers"),
        (config(widths=10**9), "widths must be at most 8 whole numbers but is 1000000000"),
        (config(widths=["8", 8, 8, 8]), "widths must be a whole number but is '8'"),
        (config(channels=10**9), "channels must be from 1 to 1024"),
        (config(channels=True), "channels must be a whole number but is True"),
        (config(input_height=16384), "input_height must be from 0 to 2048 but is 16384"),
        (config(input_height=-1), "input_height must be from 0 to 2048 but is -1"),
        (config(input_height=1e9), "input_height must be a whole number"),
        (config(crop_size=10**9, task="crops"), "crop_size must be from 0 to 2048"),
        (config(person_threshold="0.5"), "person_threshold must be a number"),
        (config(person_threshold=float("nan")), "person_threshold must be from 0 to 1 but is nan"),
        (config(skeleton=["coco17"]), "skeleton must be a table"),
        (config(skeleton="centaur"), "skeleton must be one of"),
        (config(more=1), "unexpected keyword argument 'more'"),
        (lambda header: header["__metadata__"].update(config="[" * 100_000), "config that is understood"),
        (lambda header: header["__metadata__"].update(config="[]"), "config that is understood"),
        (lambda header: header["__metadata__"].pop("config"), "there is none"),
        (lambda header: header["__metadata__"].update(format="other"), "must hold bottomup-field-network-1"),
        (integers, r"must hold weights of F16 or F32 but .* is I16"),
    ],
)
def test_what_a_header_may_not_say(
    good: bytes, change: Callable[[dict[str, Any]], None], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "changed.safetensors"
    path.write_bytes(changed(good, change))
    with pytest.raises(ValueError, match=message):
        read_network(path)
    for backend in ("openvino", "onnxruntime", "torch"):
        with pytest.raises(ValueError, match=message):
            load_backend(path, device="cpu", backend=backend)


def test_a_larger_network_than_its_weights_is_named_by_them(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "changed.safetensors"
    path.write_bytes(changed(good, config(stages=8)))
    for backend in ("openvino", "onnxruntime", "torch"):
        with pytest.raises(ValueError, match=r"weights of its config but in .* the network needs weights stages\.2"):
            load_backend(path, device="cpu", backend=backend)


def test_the_facts_of_a_config() -> None:
    info = NetworkConfig("coco17", 4, person_threshold=0.2, input_height=480).info("mine")
    assert (info.skeleton.name, info.stride, info.alignment, info.task, info.name) == (
        "coco17",
        4,
        32,
        "fields",
        "mine",
    )
    assert dict(info.default_settings) == {"person_threshold": 0.2, "input_height": 480}


@pytest.mark.parametrize(("skeleton", "asks"), [("coco17", True), ("openpose18", True), ("crowdpose14", False)])
def test_a_pose_denoiser_is_asked_for_where_it_knows_the_joints(skeleton: str, asks: bool) -> None:
    """Of a network of other joints that began with the weights of one of COCO's, it would be an error."""
    settings = NetworkConfig(skeleton, pose_denoiser="default").info().default_settings
    assert dict(settings) == ({"pose_denoiser": "default"} if asks else {})
