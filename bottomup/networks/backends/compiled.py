"""Compiled networks on disk, so that the next process need not prepare them again.

They lie in the folder `compiled` of the cache folder (see `bottomup.weights.cache_folder`), one file for each network
and way to compile it. A file is named by a digest of all that its content depends on (the network's files, the
options, OpenVINO, the processor and how many of its cores may be used, and this package's code that writes networks
down), so that none is ever out of date. It is written under another name first and begins with a digest of the rest:
whatever several processes, a crash or a full disk make of it, it is either right or not used. What was not used for
longest is removed when all of them together are larger than `LIMIT`. Where nothing can be read or written everything
works as without, only slower to start.

`BOTTOMUP_COMPILED=0` in the environment switches it off.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from bottomup.networks.backends.process import is_forked_from
from bottomup.weights import cache_folder

LIMIT = 512 << 20
"""Bytes that all files together may have."""

# OpenVINO prepares each layer for each size of input and keeps that: some 5 MB a size, without end. So many layers are
# kept, the ones last used: those of some 25 sizes.
_OPTIONS = {"PERFORMANCE_HINT": "LATENCY", "CPU_RUNTIME_CACHE_CAPACITY": "1000"}
_DIGEST = hashlib.sha256().digest_size
_ENDING = ".blob"
_UNFINISHED = ".part"
_ABANDONED = 3600  # seconds after which an unfinished file is one that a killed program left
_CODE = ("networks/export", "networks/backends/openvino.py", "networks/backends/runners.py")


def compile_network(
    core: Any, sources: Sequence[Path], build: Callable[[], Any], options: Mapping[str, str] | None = None
) -> Any:
    """An `openvino.CompiledModel` for the CPU, from the disk if it was compiled before.

    Parameters
    ----------
    core:
        The process's `openvino.Core`.
    sources:
        The files that the network is made of; nothing else may what `build` makes depend on. Without any the network is
        not kept.
    build:
        Makes the `openvino.Model`; called only if there is nothing on the disk.
    options:
        OpenVINO's, beside the hint for latency and the bound on what it keeps.
    """
    options = {**_OPTIONS, **(options or {})}
    if is_forked_from("openvino"):
        # The thread of a network that the parent has dropped would be taken, which is no more, and waited for without
        # end. Without streams the caller's thread computes; it takes a quarter more time.
        options["NUM_STREAMS"] = "0"
    path = _place(core, sources, options) if sources else None
    found = None if path is None else _load(core, path, options)
    if found is not None:
        return found
    compiled = core.compile_model(build(), "CPU", options)
    if path is not None:
        with contextlib.suppress(OSError, RuntimeError):  # a folder that cannot be written to, or a full disk
            _store(path, compiled.export_model().getvalue())
    return compiled


def _place(core: Any, sources: Sequence[Path], options: Mapping[str, str]) -> Path | None:
    """Where the compiled network is kept; None if it is not."""
    if os.environ.get("BOTTOMUP_COMPILED", "").strip().lower() in ("0", "off", "no", "false"):
        return None
    import openvino

    facts = [
        openvino.get_version(), *(str(core.get_property("CPU", name)) for name in _PROCESSOR), str(_usable_cores()),
        _code_digest(), *(f"{name}={options[name]}" for name in sorted(options)),
    ]  # fmt: skip
    digest = hashlib.sha256("\n".join(facts).encode())
    try:
        for source in sources:
            with source.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return cache_folder() / "compiled" / (digest.hexdigest() + _ENDING)
    except (OSError, RuntimeError):  # no such file, which `build` reports better; no home folder
        return None


_PROCESSOR = ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _code_digest() -> str:
    """Of the code that writes networks down, which changes between versions while a package is worked on."""
    digest, package = hashlib.sha256(), Path(__file__).parents[2]
    for name in _CODE:
        place = package / name
        for file in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            with contextlib.suppress(OSError):
                digest.update(file.read_bytes())
    return digest.hexdigest()


def _load(core: Any, path: Path, options: Mapping[str, str]) -> Any | None:
    """The compiled network; None if there is none, or what is there is damaged."""
    try:
        with path.open("rb") as file:
            digest, blob = file.read(_DIGEST), file.read()
        if hashlib.sha256(blob).digest() != digest:
            return None
        compiled = core.import_model(blob, "CPU", options)
    except (OSError, RuntimeError):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # the last use
    return compiled


def _store(path: Path, blob: bytes) -> None:
    """Put a file in its place, whole, and remove what is too much."""
    if len(blob) + _DIGEST > LIMIT:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    _make_room(path.parent, LIMIT - len(blob) - _DIGEST)
    # Each process has an unfinished file of its own, which may lie there until the next hour if the process is killed.
    with tempfile.NamedTemporaryFile(suffix=_UNFINISHED, dir=path.parent, delete=False) as file:
        unfinished = Path(file.name)
        try:
            file.write(hashlib.sha256(blob).digest())
            file.write(blob)
            file.close()
            unfinished.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise


def _make_room(folder: Path, limit: int) -> None:
    """Remove the files used longest ago until the rest has at most `limit` bytes, and what killed programs left."""
    kept = []
    for file in folder.iterdir():
        with contextlib.suppress(OSError):  # another process was quicker
            facts = file.stat()
            if file.suffix == _ENDING:
                kept.append((facts.st_mtime, facts.st_size, file))
            elif file.suffix == _UNFINISHED and time.time() - facts.st_mtime > _ABANDONED:
                file.unlink()
    total = sum(size for _, size, _ in kept)
    for _, size, file in sorted(kept):
        if total <= limit:
            break
        with contextlib.suppress(OSError):
            file.unlink()
            total -= size
