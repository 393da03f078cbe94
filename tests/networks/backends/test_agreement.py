"""The same weights in every backend: they agree, the quickest is taken, and what is missing is named."""

from __future__ import annotations

import copy
import dataclasses
import importlib.util
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bottomup.networks.backends import factory as backends
from bottomup.networks.backends.base import Backend
from bottomup.networks.backends.factory import load_backend
from bottomup.networks.backends.onnxruntime import choose_providers
from bottomup.networks.backends.openvino import OpenVinoFieldBackend
from bottomup.networks.backends.torch import TorchBackend
from bottomup.networks.export.lowering import lower
from bottomup.networks.export.onnx import export_onnx
from bottomup.networks.field_network import FieldNetwork, NetworkConfig, load_network, save_network
from bottomup.networks.stored import read_network

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
OWN = [name for name, endings in backends.BACKENDS.items() if ".safetensors" in endings]
openvino = pytest.importorskip("openvino")

CONFIGS = {
    "pyramid": NetworkConfig(channels=8, widths=(8, 8, 16, 16), depths=(1, 2, 1)),
    "pyramid4": NetworkConfig("coco17", 4, channels=8, widths=(8, 8, 16, 16), depths=(0, 1, 1), stages=3),
    "lite": NetworkConfig(
        backbone="efficientnet_lite0", channels=8, widths=(16,), depths=(1, 1), person_threshold=0.25
    ),
    "resnet": NetworkConfig(backbone="resnet", channels=8, widths=(8, 8, 16, 16), depths=(1, 2, 1, 1)),
    "lite16": NetworkConfig(backbone="efficientnet_lite0_stride16", channels=8, widths=(16,), depths=(1, 1)),
    "hrnet": NetworkConfig("coco17", 4, "hrnet", channels=8, widths=(4,), depths=()),
    "hrnet8": NetworkConfig("coco17", 8, "hrnet", channels=8, widths=(4,), depths=(), stages=1),
    "vgg": NetworkConfig(backbone="vgg", channels=8, widths=(4, 8, 8, 16), depths=(1, 1, 2, 1), stages=1),
    "resnet50": NetworkConfig(backbone="resnet50", channels=8, widths=(4, 4, 8, 8), depths=(1, 2, 1, 1), stages=1),
    "hourglass": NetworkConfig("coco17", 4, "hourglass", channels=8, widths=(), depths=(2,), stages=2),
    "cpn": NetworkConfig("coco17", 4, "cpn", channels=8, widths=(4, 4, 8, 8), depths=(1, 2, 1, 1), stages=2),
    "resnet4": NetworkConfig("coco17", 4, "resnet", channels=8, widths=(8, 8, 16, 16), depths=(1, 1, 1, 1), stages=1),
}


@pytest.fixture(scope="module", params=sorted(CONFIGS))
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random network whose normalisations do something and whose outputs differ from cell to cell."""
    torch.manual_seed(0)
    network = FieldNetwork(CONFIGS[request.param])
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.6, 1.5)  # type: ignore[operator]
            for tensor in (module.bias.data, module.running_mean):
                tensor.normal_(0, 0.2)  # type: ignore[operator]
    for name, gives in network.heads():
        if gives and isinstance(head := network.get_submodule(name), nn.Conv2d):
            nn.init.normal_(head.weight, std=1.0 if "backbone" in name else 3.0)
    path = tmp_path_factory.mktemp("networks") / f"{request.param}.safetensors"
    save_network(network, path)
    return path


def pictures(batch: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 256, (batch, height, width, 3), dtype=np.uint8)


@pytest.mark.slow
def test_backends_can_be_pickled_and_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_network(FieldNetwork(CONFIGS["pyramid"]), tmp_path / "network.safetensors")
    monkeypatch.chdir(tmp_path)
    images = pictures(1, 64, 96)
    made = [load_backend("network.safetensors", device="cpu", backend=name) for name in OWN]
    made.append(OpenVinoFieldBackend(Path("network.safetensors"), exact=True))
    monkeypatch.chdir("/")  # where the relative path means nothing
    for backend in made:
        for again in (pickle.loads(pickle.dumps(backend)), copy.deepcopy(backend)):
            assert type(again) is type(backend)
            for field, expected in zip(again.run(images), backend.run(images), strict=True):
                np.testing.assert_array_equal(field, expected)


@pytest.mark.slow
def test_all_backends_agree_on_any_size(weights: Path, tmp_path: Path) -> None:
    export_onnx(load_network(weights), tmp_path / "network.onnx")
    reference = load_backend(weights, device="cpu", backend="torch")
    others: list[Backend] = [
        OpenVinoFieldBackend(weights, exact=True),
        load_backend(weights, device="cpu", backend="onnxruntime"),
        load_backend(tmp_path / "network.onnx", device="cpu"),
    ]
    for size in ((1, 2, 3), (3, 3, 1), (1, 2, 3)):
        images = pictures(size[0], size[1] * reference.alignment, size[2] * reference.alignment)
        expected = reference.run(images)
        assert expected[0].std() > 0.01
        assert expected[1].std() > 0.01
        for backend in others:
            assert isinstance(backend, Backend)
            assert dataclasses.replace(backend.info, name=weights.stem) == reference.info
            assert backend.device == "cpu"
            for result, wanted in zip(backend.run(images), expected, strict=True):
                assert result.dtype == np.float32
                np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=2e-4)


@pytest.mark.slow
def test_openvino_may_round_to_bfloat16_and_no_further(weights: Path) -> None:
    backend, images = load_backend(weights, device="cpu", backend="openvino"), pictures(2, 64, 128)
    exact = OpenVinoFieldBackend(weights, exact=True).run(images)
    for result, wanted in zip(backend.run(images), exact, strict=True):
        # It keeps 8 bits of every number on the way.
        assert np.abs(result - wanted).mean() < 0.1 * wanted.std()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_wrong_images_are_refused(weights: Path, name: str) -> None:
    backend = load_backend(weights, device="cpu", backend=name)
    multiple = backend.alignment
    with pytest.raises(ValueError, match=f"images must have sides that are multiples of {multiple} but are 64 x 40"):
        backend.run(np.zeros((1, 64, 40, 3), np.uint8))
    with pytest.raises(ValueError, match="dtype float32"):
        backend.run(np.zeros((1, 64, 64, 3), np.float32))  # type: ignore[arg-type]


def test_lowering_folds_every_normalisation_and_leaves_nothing_unused(weights: Path) -> None:
    network = load_network(weights)
    lowered = lower(network)
    used = {number for layer in lowered.layers for number in layer.inputs} | set(lowered.outputs.values())
    assert used == set(range(len(lowered.layers)))
    assert all(source < number for number, layer in enumerate(lowered.layers) for source in layer.inputs)
    # What only training compares with the labels is not there.
    convolutions = [
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d) and "global_net.predict" not in name
    ]
    assert sum(layer.kind == "conv" for layer in lowered.layers) >= len(convolutions)


def test_weights_that_do_not_fit_are_named(weights: Path) -> None:
    stored = read_network(weights)
    name = min(name for name in stored.tensors if name.endswith((".bias", ".running_var")))
    for tensors, message in (
        (
            {n: v for n, v in stored.tensors.items() if n != name},
            rf"needs weights {name} of shape .* but there are none",
        ),
        ({**stored.tensors, name: np.zeros(3, np.float32)}, rf"needs weights {name} .* but those have shape \(3,\)"),
        ({**stored.tensors, "more": np.zeros(3, np.float32)}, r"has no use for the weights \['more'\]"),
    ):
        with pytest.raises(ValueError, match=message):
            lower(dataclasses.replace(stored, tensors=tensors))


@pytest.mark.slow
def test_the_quickest_installed_backend_is_taken(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(load_backend(weights, device="cpu"), OpenVinoFieldBackend)
    monkeypatch.setattr(backends, "_has_driver", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert backends._choose(weights, None) == "torch"
    assert backends._choose(weights, "cuda:0") == "torch"
    assert backends._choose(weights, "cpu") == "openvino"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert backends._choose(weights, None) == "openvino"
    there = importlib.util.find_spec
    for missing, chosen in (("openvino", "onnxruntime"), ("onnx", "torch")):
        previous = importlib.util.find_spec

        def without(name: str, missing: str = missing, previous: Any = previous) -> Any:
            return None if name == missing else previous(name)

        monkeypatch.setattr(importlib.util, "find_spec", without)
        assert backends._choose(weights, None) == chosen
    assert isinstance(load_backend(weights, device="cpu"), TorchBackend)
    assert there("openvino") is not None


def test_damaged_and_foreign_onnx_files(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    with pytest.raises(FileNotFoundError, match=r"model must be an existing file but '.*a\.onnx' is none"):
        load_backend(path)
    for damaged in (b"", b"nothing of the kind"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"model must be an ONNX network but '.*a\.onnx' cannot be read"):
            load_backend(path)
    torch.manual_seed(0)
    export_onnx(FieldNetwork(CONFIGS["pyramid"]), path)
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, path)
    with pytest.raises(ValueError, match=r"file of `bottomup export onnx` but '.*a\.onnx' is none: it has format None"):
        load_backend(path)


def test_onnx_runtime_is_asked_for_what_runs_on_the_device() -> None:
    cuda, tensorrt, cpu = "CUDAExecutionProvider", "TensorrtExecutionProvider", "CPUExecutionProvider"
    every = [tensorrt, cuda, cpu]
    on = {"device_id": 1}
    assert choose_providers(None, [cpu]) == ("cpu", [cpu])
    assert choose_providers(None, every) == ("cuda:0", [(cuda, {"device_id": 0}), cpu])
    assert choose_providers("cuda:1", every) == ("cuda:1", [(cuda, on), cpu])
    assert choose_providers("tensorrt:1", every) == ("tensorrt:1", [(tensorrt, on), (cuda, on), cpu])
    with pytest.raises(ValueError, match="which has no TensorRT, but is 'tensorrt'"):
        choose_providers("tensorrt", [cuda, cpu])


@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_a_gpu_that_the_runtime_has_not(weights: Path, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ValueError, match=f"device must be 'cpu' for this build of ONNX Runtime, .* but is '{device}'"):
        load_backend(weights, device=device, backend="onnxruntime")
    with pytest.raises(ValueError, match=r"device must be 'cpu', 'cuda', 'cuda:N', 'tensorrt' .* but is 'tpu'"):
        load_backend(weights, device="tpu", backend="onnxruntime")
    with pytest.raises(ValueError, match=f"device must be 'cpu' for an OpenVINO network but is '{device}'"):
        load_backend(weights, device=device, backend="openvino")


@pytest.mark.parametrize(
    ("backend", "package", "extra"),
    [("openvino", "openvino", "openvino"), ("onnxruntime", "onnxruntime", "onnx"), ("onnxruntime", "onnx", "onnx")],
)
def test_a_missing_package_is_named(
    weights: Path, backend: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, package, None)  # an import of it now fails
    with pytest.raises(ImportError, match=rf'needs the package {package}: pip install "bottomup\[{extra}\]"'):
        load_backend(weights, device="cpu", backend=backend)


def test_exporting_names_the_missing_package_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'needs the package onnx: pip install "bottomup\[onnx\]"'):
        export_onnx(FieldNetwork(CONFIGS["pyramid"]), tmp_path / "network.onnx")


def test_damaged_weights_are_refused_by_every_backend(weights: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(weights.read_bytes()[:-100])
    for name in OWN:
        with pytest.raises(ValueError, match=r"damaged\.safetensors"):
            load_backend(damaged, device="cpu", backend=name)
