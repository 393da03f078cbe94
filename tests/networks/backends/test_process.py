"""What a forked process makes of runtimes that its parent used: they answer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bottomup.networks.backends.process import PerProcess
from tests.makers.networks import save_random_network

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")

FORK = """
import os, sys
import numpy as np
import bottomup
from bottomup import Detector, Settings, detect_people

model, backend = sys.argv[1:]
image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
small = Settings(input_height=96)
detector = Detector(model, device="cpu", backend=backend, settings=small)
expected = detector.fields(image)
detect_people(image, model=model, device="cpu", settings=small)
Detector(model, device="cpu", backend=backend, settings=small).fields(image)  # what it leaves idle is not taken over
child = os.fork()
if child == 0:
    for own in (detector, Detector(model, device="cpu", backend=backend, settings=small)):
        np.testing.assert_allclose(own.fields(image).heatmaps, expected.heatmaps, atol=1e-4)
    detect_people(image, model=model, device="cpu", settings=Settings(input_height=64))
    if os.fork() == 0:
        Detector(model, device="cpu", backend=backend, settings=small).fields(image)
        os._exit(3)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 3
    if "torch" in sys.modules:
        detect_people(sys.modules["torch"].rand(3, 1000, 1000), model=model, device="cpu", settings=small)
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["openvino", "onnxruntime", "torch"])
def test_a_forked_process_answers(backend: str, tmp_path: Path) -> None:
    pytest.importorskip(backend)
    weights = save_random_network(tmp_path / "small.safetensors", "coco17")
    command = [sys.executable, "-W", "ignore", "-c", FORK, str(weights), backend]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout == "7\n"


def test_each_process_makes_its_own_and_lets_that_of_its_parent_be() -> None:
    read, write = os.pipe()
    made: list[int] = []

    class Noted:
        def __init__(self) -> None:
            made.append(os.getpid())

        def __del__(self) -> None:
            os.write(write, b"ended")

    value = PerProcess(Noted)
    assert value() is value()
    value._lock.acquire()  # as another thread would hold it at the time of the fork
    child = os.fork()
    if child == 0:
        same = value() is value()
        del value
        os._exit(10 * len(made) + same)
    value._lock.release()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 21
    assert made == [os.getpid()]
    del value
    os.close(write)
    assert os.read(read, 100) in (b"endedended", b"ended")  # the child's own may end, its parent's not
