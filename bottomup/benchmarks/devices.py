"""Where fields lie and how time is taken there: CPU memory, or a GPU through torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bottomup.benchmarks.timing import Task, copy_task

DEVICE = "device"  # the stage under which a GPU's tasks report the time between their events


class Device(Protocol):
    """What the benchmarks need of a device."""

    def upload(self, array: npt.NDArray[np.floating]) -> Any:
        """The array in its memory."""

    def copy(self, *arrays: Any) -> Task:
        """The floor: copying arrays in its memory, into memory that has been written before."""

    def timed(self, call: Callable[[], object]) -> Task:
        """A call, timed on the device if that has a clock of its own."""


def open_device(name: str) -> Device:
    """A device by name: "cpu", "cuda" or "cuda:1".

    Raises ValueError for another name and for a GPU that is not there or that the kernels were not built for.
    """
    if name == "cpu":
        return _Cpu()
    if name.split(":")[0] != "cuda":
        raise ValueError(f"device must be cpu or cuda but is {name!r}")
    return _Gpu(name)


class _Cpu:
    def upload(self, array: npt.NDArray[np.floating]) -> Any:
        return array

    def copy(self, *arrays: Any) -> Task:
        return copy_task(*arrays)

    def timed(self, call: Callable[[], object]) -> Task:
        def run() -> None:
            call()

        return run


class _Gpu:
    """Times are those between two CUDA events on the current stream, which waits for nothing else."""

    def __init__(self, name: str) -> None:
        import torch

        from bottomup import _C

        if not torch.cuda.is_available():
            raise ValueError(f"device must be one that torch can use but is {name!r}, and torch sees no GPU")
        if not hasattr(_C, "find_peaks_cuda"):
            raise ValueError(f"device must be cpu, since bottomup was built without CUDA, but is {name!r}")
        self.torch = torch
        self.device = torch.device(name)
        torch.cuda.set_device(self.device)

    def upload(self, array: npt.NDArray[np.floating]) -> Any:
        return self.torch.from_numpy(array).to(self.device)

    def copy(self, *arrays: Any) -> Task:
        targets = [array.clone() for array in arrays]

        def copy() -> None:
            for target, array in zip(targets, arrays, strict=True):
                target.copy_(array)

        return self.timed(copy)

    def timed(self, call: Callable[[], object]) -> Task:
        event: Any = self.torch.cuda.Event  # torch leaves it without types

        def run() -> dict[str, float]:
            start, end = event(enable_timing=True), event(enable_timing=True)
            self.torch.cuda.synchronize(self.device)
            start.record()
            call()
            end.record()
            end.synchronize()
            return {DEVICE: start.elapsed_time(end) / 1000}

        return run
