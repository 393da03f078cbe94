from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bottomup.networks.backends.base import Backend
from bottomup.networks.backends.factory import load_backend
from bottomup.networks.backends.torch import choose_device
from tests.makers.networks import save_random_network


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random_network(tmp_path_factory.mktemp("networks") / "small.safetensors", "coco17")


def test_the_backend_runs_the_network_on_rgb_in_0_to_1(small: Path) -> None:
    from bottomup.networks.field_network import load_network

    backend, network = load_backend(small, device="cpu", backend="torch"), load_network(small)
    assert isinstance(backend, Backend)
    assert backend.device == "cpu"
    assert (backend.skeleton, backend.stride, backend.alignment) == (network.skeleton, 8, network.alignment)
    side = 2 * network.alignment
    images = np.random.default_rng(0).integers(0, 256, (2, side, side + network.alignment, 3), dtype=np.uint8)
    heatmaps, pafs = backend.run(images)
    rgb = np.ascontiguousarray(images[..., ::-1].transpose(0, 3, 1, 2))
    with torch.inference_mode():
        expected = network(torch.from_numpy(rgb).float() / 255)[-1]
    for result, wanted in zip((heatmaps, pafs), expected, strict=True):
        assert result.dtype == np.float32
        assert result.flags.c_contiguous
        np.testing.assert_allclose(result, wanted.numpy(), atol=1e-4)
    assert np.abs(backend.run(images[..., ::-1])[0] - heatmaps).max() > 0.01  # the order of colours matters


def test_wrong_images(small: Path) -> None:
    backend = load_backend(small, device="cpu", backend="torch")
    with pytest.raises(ValueError, match=rf"multiples of {backend.alignment} but are"):
        backend.run(np.zeros((1, backend.alignment, backend.alignment + 8, 3), np.uint8))
    with pytest.raises(ValueError, match="dtype float32"):
        backend.run(np.zeros((1, 64, 64, 3), np.float32))  # type: ignore[arg-type]


def test_damaged_and_missing_files(small: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"model must be an existing file but '.*none\.safetensors'"):
        load_backend(tmp_path / "none.safetensors", backend="torch")
    damaged = tmp_path / "damaged.safetensors"
    for data in (b"", b"nothing of the kind", small.read_bytes()[:-100]):
        damaged.write_bytes(data)
        with pytest.raises(ValueError, match=r"damaged\.safetensors"):
            load_backend(damaged, backend="torch")


def test_choose_device() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    for wrong in ("gpu", "", "meta", "mps", "cuda:x"):
        with pytest.raises(ValueError, match=rf"device must be 'cpu', 'cuda' or 'cuda:N' but is '{wrong}'"):
            choose_device(wrong)
    with pytest.raises(ValueError, match=r"device must be one that is there but is 'cuda:99': torch .* sees"):
        choose_device("cuda:99")


def test_cuda_without_a_gpu(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert load_backend(small, backend="torch").device == "cpu"
    with pytest.raises(ValueError, match=r"device must be one that is there but is 'cuda': torch .* sees 0 GPUs"):
        load_backend(small, device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
def test_the_gpu_agrees_with_the_cpu(small: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 128, 192, 3), dtype=np.uint8)
    assert load_backend(small).device.startswith("cuda")
    for on_gpu, on_cpu in zip(
        load_backend(small).run(images), load_backend(small, device="cpu", backend="torch").run(images), strict=True
    ):
        np.testing.assert_allclose(on_gpu, on_cpu, atol=1e-2)


FORK = """
import os, pickle, sys
import numpy as np
import torch
from bottomup.networks.backends.factory import load_backend

torch.set_num_threads(2)
backend = load_backend(sys.argv[1], device="cpu", backend="torch")
images = np.zeros((1, 8 * backend.alignment, 8 * backend.alignment, 3), np.uint8)
backend.run(images)
child = os.fork()
if child == 0:
    backend.run(images)
    pickle.loads(pickle.dumps(backend)).run(images)
    load_backend(sys.argv[1], device="cpu", backend="torch").run(images)
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_runs_in_a_forked_process(small: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORK, str(small)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "7\n"
