"""How much memory a decode needs at its peak, measured in a process of its own."""

from __future__ import annotations

import contextlib
import json
import pickle
import subprocess
import sys
import tempfile
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bottomup.settings import Settings
from bottomup.skeleton import Skeleton

_MB = 1e6


@dataclass(frozen=True)
class Memory:
    """Megabytes (10^6 bytes).

    fields_mb: the fields themselves, which the caller holds.
    python_mb: highest sum of what Python and NumPy held beyond them during one decode, as tracemalloc counts it; it
        does not see what the compiled code takes for itself.
    process_mb: by how much the highest resident size of a fresh process rose when it decoded for the first time,
        everything included: also what the compiled code takes, and code that is loaded only then. Some 0.1 MB coarse.
        Where the system cannot forget an earlier peak (any but Linux) it may be too low.
    """

    fields_mb: float
    python_mb: float
    process_mb: float


def decode_memory(
    heatmaps: npt.NDArray[np.floating],
    pafs: npt.NDArray[np.floating],
    skeleton: Skeleton,
    stride: float,
    settings: Settings,
) -> Memory:
    """Peak memory of `decode_fields` on one image's fields. Starts a Python process, which takes a second.

    Raises RuntimeError with the other process's words if it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "heatmaps.npy", heatmaps)
        np.save(Path(folder) / "pafs.npy", pafs)
        (Path(folder) / "how.pickle").write_bytes(pickle.dumps((skeleton, stride, settings)))
        call = [sys.executable, "-m", "bottomup.benchmarks.memory", folder]
        run = subprocess.run(call, capture_output=True, text=True, check=False, cwd=source_root())
    if run.returncode:
        raise RuntimeError(f"the process that measures memory failed: {run.stderr.strip()[-2000:]}")
    return Memory(**json.loads(run.stdout))


def source_root() -> Path:
    """Where this package was imported from, so that the other process imports the same."""
    return Path(__file__).resolve().parents[2]


def _measure(folder: Path) -> Memory:
    """In the process of its own."""
    from bottomup.decoder import decode_fields

    heatmaps, pafs = np.load(folder / "heatmaps.npy"), np.load(folder / "pafs.npy")
    skeleton, stride, settings = pickle.loads((folder / "how.pickle").read_bytes())
    size = (heatmaps.nbytes + pafs.nbytes) / _MB
    forget_peak()
    before = peak_size()
    decode_fields(heatmaps, pafs, skeleton, stride=stride, settings=settings)
    grown = peak_size() - before
    tracemalloc.start()
    decode_fields(heatmaps, pafs, skeleton, stride=stride, settings=settings)
    held = tracemalloc.get_traced_memory()[1]
    return Memory(size, held / _MB, grown / _MB)


def forget_peak() -> None:
    """Lower the highest resident size to the present one, where the system lets one: Linux (proc(5), clear_refs)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def peak_size() -> int:
    """Bytes; the highest resident size of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024  # "kB" there are KiB
    if sys.platform == "win32":
        return _windows_peak()
    import resource  # which Windows does not have

    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return highest if sys.platform == "darwin" else highest * 1024


def resident_size() -> int:
    """Bytes that this process has in memory now; where the system does not tell, the highest so far."""
    status = Path("/proc/self/status")
    if not status.exists():
        return peak_size()
    lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
    return int(lines["VmRSS"].split()[0]) * 1024  # "kB" there are KiB


def _windows_peak() -> int:
    """Bytes; PeakWorkingSetSize of PROCESS_MEMORY_COUNTERS (Win32, psapi.h), whose other sizes are not read."""
    import ctypes
    from ctypes import wintypes

    class Counters(ctypes.Structure):
        _fields_ = (
            ("cb", wintypes.DWORD), ("page_faults", wintypes.DWORD), ("peak", ctypes.c_size_t),
            ("others", ctypes.c_size_t * 7),
        )  # fmt: skip

    counters = Counters(cb=ctypes.sizeof(Counters))
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    kernel.GetCurrentProcess.restype = wintypes.HANDLE
    kernel.K32GetProcessMemoryInfo.argtypes = (wintypes.HANDLE, ctypes.POINTER(Counters), wintypes.DWORD)
    if not kernel.K32GetProcessMemoryInfo(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb):
        raise OSError(f"GetProcessMemoryInfo failed with code {ctypes.get_last_error()}")  # type: ignore[attr-defined,unused-ignore]
    return int(counters.peak)


if __name__ == "__main__":
    from bottomup.benchmarks import memory  # under its real name, or the result would be of another class

    measured = memory._measure(Path(sys.argv[1]))
    print(json.dumps(measured.__dict__))
