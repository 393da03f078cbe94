"""A job on a Ray cluster: Ray Data reads and streams, its actors hold a Detector each, this process keeps the rows.

Ray moves work away from machines and actors that die and gives each row once; memory stays bounded, since it reads on
only as the rows are taken. Nothing is lost with this process either: the same command goes on with what is missing.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import cv2
import numpy as np

from bottomup.jobs.batch import Finished, SourceGone, Unreadable, look_at, missing_pictures
from bottomup.jobs.inputs import Inputs, Picture, is_container
from bottomup.jobs.rows import plain_text

_GROUP = 32  # pictures that an actor is given at once
_READER = 0.1  # of a core for a task that lists pictures: beside an actor on each core it must find room
_PATIENCE = 5.0  # seconds for a cluster to answer


@contextlib.contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """Join a Ray cluster, or start one on this machine, and leave it at the end. Meanwhile stdout goes to stderr: Ray
    says there what it has to say of machines that are gone, where programs expect results.

    Raises what `connect` raises.
    """
    with contextlib.redirect_stdout(sys.stderr):
        joined = connect(address)
        try:
            yield
        finally:
            if joined:
                _ray().shutdown()


def connect(address: str | None) -> bool:
    """Join a Ray cluster, or start one on this machine; whether that was needed.

    Raises ImportError that names the extra without Ray; ValueError if nobody answers at the address.
    """
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    ray = _ray()
    if ray.is_initialized():
        return False
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "configure_logging": True}
    if address is None:
        os.environ.setdefault("RAY_raylet_start_wait_time_s", "180")  # a busy computer takes longer than Ray's 30
        try:
            ray.init(include_dashboard=False, **quiet)
        except Exception as error:  # Ray raises Exception itself for what does not start
            raise OSError(f"a Ray cluster could not be started on this machine: {error}") from error
        return True
    _check_answer(address)
    try:
        ray.init(address=address, **quiet)
    except Exception as error:
        raise ValueError(f"--ray must be the address of a Ray cluster but {address!r} is none: {error}") from error
    return True


def _ray() -> Any:
    try:
        ray = importlib.import_module("ray")
        importlib.import_module("ray.data")
    except ImportError as error:
        raise ImportError('--ray needs the package ray: pip install "bottomup[ray]"') from error
    return ray


def _check_answer(address: str) -> None:
    """A short try, where Ray itself would wait for minutes."""
    if address == "auto":
        return
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) < 65536):
        raise ValueError(f"--ray must be HOST:PORT, ray://HOST:PORT or auto but is {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise ValueError(
            f"--ray must be the address of a Ray cluster but {address!r} does not answer: {error}"
        ) from error


def look_on_ray(
    inputs: Inputs, done: Iterable[str], *, actors: int | None, detector: Mapping[str, Any]
) -> Iterator[Finished]:
    """Rows of the missing pictures, looked at by `actors` actors, or as many as the cluster has room for.

    `detector` are the arguments of `Detector`. Raises SourceGone if the place of the pictures vanishes.
    """
    ray = _ray()
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    known = frozenset(done)
    files = [{"file": file} for file in inputs.files if is_container(file) or plain_text(file) not in known]
    known = frozenset(name for name in known if "#" in name)  # of shards and videos, which are looked into elsewhere
    if not files:
        return
    room = max(1, int(ray.cluster_resources().get("CPU", 1)))
    most = actors or room
    place = Inputs(inputs.source, (), inputs.root)  # without the files, of which there may be millions
    on_gpu = str(detector.get("device") or "").startswith("cuda")
    share = {"num_gpus": 1, "num_cpus": _READER} if on_gpu else {"num_cpus": 1 - _READER}
    rows = (
        ray.data.from_items(files, override_num_blocks=max(1, min(len(files), 4 * room, 1000)))
        .flat_map(_expand, fn_kwargs={"known": known, "inputs": place}, num_cpus=_READER)
        .map_batches(
            _Look,
            batch_size=_GROUP,
            compute=ray.data.ActorPoolStrategy(min_size=min(actors or 1, most), max_size=most),
            fn_constructor_kwargs={"inputs": place, "detector": dict(detector)},
            **share,
        )
    )
    try:
        for row in rows.iter_rows():
            yield json.loads(row["row"]), row["kind"] or None
    except ray.exceptions.RayError as error:
        if not inputs.is_there():
            raise SourceGone(f"SOURCE must stay there while the job runs but {inputs.root!r} is gone") from error
        raise OSError(f"the Ray cluster could not go on: {str(error).strip().splitlines()[-1]}") from error


def _expand(row: dict[str, Any], known: frozenset[str], inputs: Inputs) -> Iterator[dict[str, Any]]:
    """The pictures of one file, as rows that travel: the address of each, or its encoded content."""
    one = Inputs(inputs.source, (row["file"],), inputs.root)
    return map(_pack, missing_pictures(one, known))


def _pack(picture: Picture | Unreadable) -> dict[str, Any]:
    if isinstance(picture, Unreadable):
        return {"path": picture.path, "address": "", "content": b"", "error": str(picture.error)}
    content = picture.content
    if isinstance(content, np.ndarray):  # a frame; this is quick and changes nothing
        content = cv2.imencode(".bmp", content)[1].tobytes()
    return {"path": picture.path, "address": picture.address or "", "content": content or b"", "error": ""}


def _unpack(row: Mapping[str, Any]) -> Picture | Unreadable:
    if row["error"]:
        return Unreadable(row["path"], ValueError(row["error"]))
    return Picture(row["path"], row["address"] or None, None if row["address"] else row["content"])


class _Look:
    """An actor: one Detector, and pictures through it."""

    def __init__(self, inputs: Inputs, detector: Mapping[str, Any]) -> None:
        from bottomup.detector import Detector

        self._inputs, self._detector = inputs, Detector(**detector)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        rows = [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]
        found = list(look_at(self._detector, map(_unpack, rows), self._inputs))
        return {"row": [json.dumps(row) for row, _ in found], "kind": [kind or "" for _, kind in found]}
