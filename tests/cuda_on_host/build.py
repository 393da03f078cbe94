"""Compiles the extension with its CUDA sources for the processor: `python build.py FOLDER` leaves `_C.so` there.

Where there is a ccache, files that have not changed since they were last compiled come from it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pybind11

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

DEFINES = {
    "BOTTOMUP_VERSION": '"test"',
    "BOTTOMUP_COMPILER": '"the test\'s"',
    "BOTTOMUP_CUDA": '"stand-in"',
    "BOTTOMUP_CUDA_ARCHITECTURES": '"processor"',
    "BOTTOMUP_ISA": "loops_baseline",
    "BOTTOMUP_ISA_NAME": '"portable"',
}


def build(folder: Path, compiler: str = "g++", options: tuple[str, ...] = ()) -> Path:
    """Path of the extension; raises CalledProcessError with what the compiler says if it cannot be built."""
    folder.mkdir(parents=True, exist_ok=True)
    flags = ["-O1", "-std=c++17", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-pthread", *options]
    flags += ["-Wno-unknown-pragmas", *(f"-D{name}={value}" for name, value in DEFINES.items()), "-I", str(HERE)]
    flags += ["-I", pybind11.get_include(), "-I", sysconfig.get_paths()["include"]]
    launcher = ["ccache"] if shutil.which("ccache") else []
    sources = [*sorted((ROOT / "csrc").rglob("*.cpp")), *sorted((ROOT / "csrc/cuda").glob("*.cu"))]

    def compile_one(source: Path) -> str:
        target = folder / f"{source.parent.name}_{source.stem}_{source.suffix[1:]}.o"
        _call([*launcher, compiler, *flags, "-x", "c++", "-c", str(source), "-o", str(target)])
        return str(target)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sources))
    extension = folder / "_C.so"
    _call([compiler, *options, "-shared", "-pthread", *objects, "-o", str(extension)])
    return extension


def _call(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


if __name__ == "__main__":
    try:
        print(build(Path(sys.argv[1]), options=tuple(sys.argv[2:])))
    except subprocess.CalledProcessError as error:
        sys.exit(error.stderr)
