"""Writing measurements down: CSV for tables, JSON with all that is needed to measure the same again."""

from __future__ import annotations

import csv
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = ("bottomup", "numpy", "scipy", "opencv-python", "torch")


def machine() -> dict[str, Any]:
    """What figures were measured on: processor, cores, instruction set in use, versions."""
    from bottomup._extension import _C

    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "instructions": _C.cpu_isa(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_file(option: str, path: str | Path) -> None:
    """ValueError that names the option if no file can be written there. Makes missing folders."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{option} must be a file that can be written but is {str(path)!r}: {error}") from error
    there = path if path.exists() else path.parent
    if path.is_dir() or not os.access(there, os.W_OK):
        raise ValueError(f"{option} must be a file that can be written but is {str(path)!r}")


def write_csv(path: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """One line a row under the names of all their keys; empty where a row lacks one. Makes missing folders."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def write_json(path: str | Path, rows: Sequence[Mapping[str, Any]], **about: Any) -> None:
    """The rows with the machine, the command line and whatever else is said `about` them. Makes missing folders."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine(), "command": sys.argv[1:], **about, "results": list(rows)}
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
