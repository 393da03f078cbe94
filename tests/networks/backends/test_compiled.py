"""Compiled networks on disk: found again, never wrong, never in the way."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bottomup.networks.backends import compiled
from bottomup.networks.backends.compiled import compile_network

openvino = pytest.importorskip("openvino")

OPTIONS = {"INFERENCE_PRECISION_HINT": "f32"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of compiled networks."""
    monkeypatch.setenv("BOTTOMUP_COMPILED", "1")
    monkeypatch.setenv("BOTTOMUP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "compiled"


class Network:
    """A file, and a network that multiplies by what the file says; counts how often it is built."""

    def __init__(self, path: Path, factor: int) -> None:
        self.path, self.built = path, 0
        path.write_text(str(factor))

    def build(self) -> Any:
        from openvino import opset13 as ops

        self.built += 1
        numbers = ops.parameter([-1], np.float32, name="numbers")
        factor = np.float32(self.path.read_text())
        return openvino.Model([ops.multiply(numbers, ops.constant(factor))], [numbers], "factor")

    def run(self, **options: str) -> float:
        """What a newly compiled network makes of 2."""
        from bottomup.networks.backends.openvino import shared_core

        network = compile_network(shared_core(), [self.path], self.build, {**OPTIONS, **options})
        request = network.create_infer_request()
        return float(request.infer([np.array([2], np.float32)])[0][0])


def test_a_network_is_compiled_once(tmp_path: Path, folder: Path) -> None:
    """The second time it comes from the disk, and computes the same."""
    network = Network(tmp_path / "network", 3)
    assert [network.run() for _ in range(3)] == [6, 6, 6]
    assert network.built == 1
    assert len(list(folder.iterdir())) == 1


def test_what_has_no_files_is_not_kept(tmp_path: Path, folder: Path) -> None:
    """Two networks without files cannot be told apart."""
    from bottomup.networks.backends.openvino import shared_core

    for factor in (3, 5):
        network = Network(tmp_path / "network", factor)
        request = compile_network(shared_core(), [], network.build, OPTIONS).create_infer_request()
        assert float(request.infer([np.array([2], np.float32)])[0][0]) == 2 * factor
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_network_without_files_runs_in_a_forked_process(tmp_path: Path) -> None:
    """Also where the parent has dropped one like it, whose threads the child has not."""
    program = f"""
import os, signal, sys
import numpy as np
from pathlib import Path
from bottomup.networks.backends.runners import OpenVinoRunner
from tests.networks.backends.test_compiled import Network
path = Path({str(tmp_path / "network")!r})
def run():
    runner = OpenVinoRunner(path, model=Network(path, 3).build())
    (found,) = runner(np.array([2], np.float32)).values()
    return found.item()
assert run() == 6
if os.fork() == 0:
    os._exit(3 if run() == 6 else 1)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    done = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
    assert done.returncode == 3


def test_another_file_of_the_same_name_is_another_network(tmp_path: Path, folder: Path) -> None:
    """What is stale is not used, and what is the same again is found again."""
    path = tmp_path / "network"
    assert Network(path, 3).run() == 6
    assert Network(path, 5).run() == 10
    again = Network(path, 3)
    assert again.run() == 6
    assert again.built == 0
    assert len(list(folder.iterdir())) == 2


def test_other_options_and_processors_are_compiled_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the compiled network depends on."""
    network = Network(tmp_path / "network", 3)
    network.run()
    network.run(INFERENCE_NUM_THREADS="1")
    assert network.built == 2
    for name, value in (("_usable_cores", lambda: 99), ("_code_digest", lambda: "other")):
        monkeypatch.setattr(compiled, name, value)
        network.run()
    monkeypatch.setattr(openvino, "get_version", lambda: "1")
    network.run()
    assert network.built == 5


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "garbage"])
def test_a_damaged_file_is_replaced(tmp_path: Path, folder: Path, damage: str) -> None:
    """Whatever is wrong with it."""
    network = Network(tmp_path / "network", 3)
    network.run()
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    # A right digest of what OpenVINO does not read is also a file that is not used.
    garbage = compiled.hashlib.sha256(b"garbage").digest() + b"garbage"
    file.write_bytes({"cut": whole[:-1], "flipped": flipped, "empty": b"", "garbage": garbage}[damage])
    assert network.run() == 6
    assert network.built == 2
    network.run()
    assert network.built == 2


@pytest.mark.parametrize("value", ["0", "off", "No"])
def test_it_can_be_switched_off(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Then nothing is read or written."""
    monkeypatch.setenv("BOTTOMUP_COMPILED", value)
    network = Network(tmp_path / "network", 3)
    assert [network.run(), network.run()] == [6, 6]
    assert network.built == 2
    assert not folder.exists()


def test_a_cache_folder_that_cannot_be_made_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is in its place, which stops every user."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BOTTOMUP_CACHE", str(tmp_path / "file" / "cache"))
    network = Network(tmp_path / "network", 3)
    assert [network.run(), network.run()] == [6, 6]
    assert network.built == 2


def test_what_was_not_used_for_longest_makes_room(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All files together stay below the limit, and what killed programs left goes in time."""
    networks = [Network(tmp_path / f"network {factor}", factor) for factor in (2, 3, 4, 5)]
    networks[0].run()
    (first,) = folder.iterdir()
    size = first.stat().st_size
    monkeypatch.setattr(compiled, "LIMIT", 3 * size + 100)
    for age, network in zip((300, 200, 100), networks[:3], strict=True):
        network.run()
        newest = max(folder.iterdir(), key=lambda file: file.stat().st_mtime)
        os.utime(newest, (newest.stat().st_atime - age,) * 2)
    networks[0].run()  # used: now the second one is that of longest ago
    old, new = folder / "old.part", folder / "new.part"
    old.write_bytes(b"left by a killed program")
    new.write_bytes(b"being written")
    os.utime(old, (0, 0))
    networks[3].run()
    assert not old.exists()
    assert new.exists()
    new.unlink()
    assert sum(file.stat().st_size for file in folder.iterdir()) <= compiled.LIMIT
    counts = [network.built for network in networks]
    for network in (networks[0], networks[2], networks[3]):
        network.run()
    assert [network.built for network in networks] == counts
    networks[1].run()
    assert networks[1].built == counts[1] + 1


@pytest.mark.slow
def test_a_network_larger_than_the_limit_is_not_kept(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And does not push the others out."""
    network = Network(tmp_path / "network", 3)
    network.run()
    monkeypatch.setattr(compiled, "LIMIT", 100)
    assert Network(tmp_path / "other", 4).run() == 8
    assert len(list(folder.iterdir())) == 1


@pytest.mark.slow
def test_several_at_once(tmp_path: Path, folder: Path) -> None:
    """Threads that find nothing all write; what stands there in the end is whole."""
    network = Network(tmp_path / "network", 3)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: network.run(), range(8))) == [6] * 8
    built = network.built
    assert network.run() == 6
    assert network.built == built
    assert len(list(folder.iterdir())) == 1


RUN = """
import sys
import numpy as np
from bottomup.networks.backends.factory import load_backend
backend = load_backend(sys.argv[1])
heatmaps, pafs = backend.run((np.arange(96 * 128 * 3) % 251).astype(np.uint8).reshape(1, 96, 128, 3))
print(backend.info.name, float(np.abs(heatmaps).sum()), float(np.abs(pafs).sum()))
"""


@pytest.mark.slow
def test_the_built_in_network_is_the_same_from_the_disk(folder: Path) -> None:
    """In another process, to the last digit."""
    from bottomup.weights import get_weights

    command = [sys.executable, "-c", RUN, str(get_weights("default"))]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert first == second
    assert len(list(folder.iterdir())) == 1
    switched_off = {**os.environ, "BOTTOMUP_COMPILED": "0"}
    assert subprocess.run(command, capture_output=True, text=True, check=True, env=switched_off).stdout == first
