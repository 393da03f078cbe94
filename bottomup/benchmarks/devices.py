"""Where fields lie and how time is taken there: CPU memory, or a GPU through torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.benchmarks.timing import Task, copy_task

DEVICE = "device"  # the stage under which a GPU's tasks report the time between their events


def open_device(name: str) -> Cpu | Gpu:
    """A device by name: "cpu", "cuda" or "cuda:1".

    Raises ValueError for another name and for a GPU that is not there or that the kernels were not built for.
    """
    if name == "cpu":
        return Cpu()
    if name.split(":")[0] != "cuda":
        raise ValueError(f"device must be cpu or cuda but is {name!r}")
    return Gpu(name)


class Cpu:
    """CPU memory."""

    def upload(self, array: npt.NDArray[np.floating]) -> Any:
        """The array in the device's memory."""
        return array

    def copy(self, *arrays: Any) -> Task:
        """The floor: copying arrays in the device's memory, into memory that has been written before."""
        return copy_task(*arrays)


class Gpu:
    """A GPU, where times are those between two CUDA events on the current stream, which waits for nothing else."""

    def __init__(self, name: str) -> None:
        import torch

        from bottomup._extension import _C

        if not torch.cuda.is_available():
            raise ValueError(f"device must be one that torch can use but is {name!r}, and torch sees no GPU")
        if not hasattr(_C, "find_peaks_cuda"):
            raise ValueError(f"device must be cpu, since bottomup was built without CUDA, but is {name!r}")
        self.torch = torch
        self.device = torch.device(name)
        torch.cuda.set_device(self.device)

    def upload(self, array: npt.NDArray[np.floating]) -> Any:
        """The array in the device's memory."""
        return self.torch.from_numpy(array).to(self.device)

    def copy(self, *arrays: Any) -> Task:
        """The floor: copying arrays in the device's memory, into memory that has been written before."""
        targets = [array.clone() for array in arrays]

        event: Any = self.torch.cuda.Event  # torch leaves it without types

        def copy() -> dict[str, float]:
            start, end = event(enable_timing=True), event(enable_timing=True)
            self.torch.cuda.synchronize(self.device)
            start.record()
            for target, array in zip(targets, arrays, strict=True):
                target.copy_(array)
            end.record()
            end.synchronize()
            return {DEVICE: start.elapsed_time(end) / 1000}

        return copy
