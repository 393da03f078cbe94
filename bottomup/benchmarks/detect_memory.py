"""How much memory finding people in a picture takes, from its file or pixels on, in a process of its own for each case.

What the interpreter, the libraries and the compiled network hold before is counted apart.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.benchmarks.memory import forget_peak, peak_size, resident_size, source_root

CASES = {"640 x 480, array": (480, 640, False), "640 x 480, JPEG": (480, 640, True),
         "48 megapixels, JPEG": (6000, 8000, True), "48 megapixels, array": (6000, 8000, False)}  # fmt: skip
"""Height, width, and whether the picture is a file."""

_SMALL = 96, 128  # pixels of the picture that is looked at again and again
_SETTLED = 0.1  # share of the calls after which memory should not grow any more
_MB = 1e6


@dataclass(frozen=True)
class DetectMemory:
    """Megabytes (10^6 bytes) of resident memory.

    loaded_mb: of the process when the network is ready to run and has seen a picture of that shape.
    picture_mb: of the picture's pixels, where the caller holds them; 0 for a file.
    first_mb: by how much the peak of the first call exceeds these two.
    again_mb: by how much that of the next call exceeds what the first one has left.
    """

    loaded_mb: float
    picture_mb: float
    first_mb: float
    again_mb: float


@dataclass(frozen=True)
class Growth:
    """Megabytes (10^6 bytes): resident memory after a tenth of so many calls, and after all of them."""

    calls: int
    settled_mb: float
    end_mb: float


def detect_memory(case: str, *, model: str = "default") -> DetectMemory:
    """Memory of `Detector(model)(picture)` for one of `CASES`. RuntimeError if the process that measures fails."""
    height, width, as_file = CASES[case]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.jpg"
        if as_file:
            from PIL import Image

            Image.fromarray(_picture(height, width)).save(path, quality=90)
        return DetectMemory(**_in_own_process("case", model, str(height), str(width), str(path) if as_file else ""))


def memory_growth(calls: int, *, model: str = "default") -> Growth:
    """Memory over many calls on a small picture. RuntimeError if the process that measures fails."""
    if calls < 10:
        raise ValueError(f"calls must be at least 10 but is {calls}")
    return Growth(**_in_own_process("growth", model, str(calls)))


def _in_own_process(*arguments: str) -> dict[str, Any]:
    call = [sys.executable, "-m", "bottomup.benchmarks.detect_memory", *arguments]
    run = subprocess.run(call, capture_output=True, text=True, check=False, cwd=source_root())
    if run.returncode:
        raise RuntimeError(f"the process that measures memory failed: {run.stderr.strip()[-2000:]}")
    result: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return result


def _picture(height: int, width: int) -> npt.NDArray[np.uint8]:
    """Soft shapes, as photos have them."""
    import cv2

    small = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _measure_case(model: str, height: int, width: int, path: str) -> DetectMemory:
    from bottomup.detector import Detector

    detector = Detector(model, device="cpu")
    detector.fields(_picture(*_SMALL))
    loaded = resident_size()
    picture: Any = path or _picture(height, width)
    held = 0 if path else picture.nbytes
    peaks: list[int] = []
    for _ in range(2):
        forget_peak()
        before = resident_size()
        detector(picture)
        peaks.append(peak_size() - (before if peaks else loaded + held))
    return DetectMemory(loaded / _MB, held / _MB, peaks[0] / _MB, peaks[1] / _MB)


def _measure_growth(model: str, calls: int) -> Growth:
    from bottomup.detector import Detector
    from bottomup.settings import Settings

    detector = Detector(model, device="cpu", settings=Settings(input_height=_SMALL[0]))
    picture = _picture(*_SMALL)
    settled = 0
    for call in range(calls):
        detector(picture)
        if call + 1 == round(_SETTLED * calls):
            settled = resident_size()
    return Growth(calls, settled / _MB, resident_size() / _MB)


def _main(arguments: Sequence[str]) -> None:
    kind, model, *rest = arguments
    if kind == "case":
        height, width, path = rest
        print(json.dumps(asdict(_measure_case(model, int(height), int(width), path))))
    else:
        print(json.dumps(asdict(_measure_growth(model, int(rest[0])))))


if __name__ == "__main__":
    _main(sys.argv[1:])
