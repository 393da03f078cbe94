"""The CUDA sources without a GPU: compiled for the processor, where they must pass the tests that a GPU has to pass."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.makers.fields import ON_HOST

HERE = Path(__file__).parent
STAND_IN = HERE.parent / "cuda_on_host"

pytestmark = [
    pytest.mark.skipif(ON_HOST, reason="this is the run of the CUDA sources compiled for the processor"),
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's contexts"),
    pytest.mark.skipif(shutil.which("g++") is None, reason="no g++"),
    pytest.mark.skipif(importlib.util.find_spec("pybind11") is None, reason="pybind11 is not installed"),
    pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc's contexts"),
]


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cuda_on_host")
    command = [sys.executable, str(STAND_IN / "build.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "_C.so"


@pytest.mark.slow
@pytest.mark.parametrize("pools", [True, False], ids=["with memory pools", "without"])
def test_cuda_sources_pass_the_tests_for_a_gpu(extension: Path, pools: bool) -> None:
    files = [
        "test_cuda.py",
        "test_cuda_memory.py",
        "test_upsample.py",
        "test_peaks.py",
        "test_limbs.py",
        "test_gpu_array.py",
        "test_gpu_array.py",
    ]
    chosen = "cuda or gpu or device" if pools else "test_both_kernels_in_one_call"
    command = [sys.executable, str(STAND_IN / "run.py"), str(extension), "-q", "-p", "no:cacheprovider", "-k", chosen]
    environment = os.environ | ({} if pools else {"BOTTOMUP_NO_POOLS": "1"})
    done = subprocess.run(
        [*command, *(str(HERE / file) for file in files)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    assert "passed" in done.stdout
