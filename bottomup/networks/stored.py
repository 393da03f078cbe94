"""Weight files of the project's own networks, read without torch and checked before anything is built of them."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from bottomup.networks.config import NetworkConfig

FORMAT = "bottomup-field-network-1"
_TYPES = ("F16", "F32")  # those that NumPy has and networks compute in
_MAX_METADATA = 1 << 20  # characters of the config, where a hundred are usual


@dataclass(frozen=True)
class StoredNetwork:
    """A network as its file holds it.

    config: its shape.
    tensors: arrays by the names of torch's modules, float16 or float32.
    metadata: the rest of the file's header.
    name: for people to read.
    """

    config: NetworkConfig
    tensors: Mapping[str, npt.NDArray[np.floating[Any]]]
    metadata: Mapping[str, str]
    name: str = ""


def read_network(path: str | Path) -> StoredNetwork:
    """Read a `.safetensors` file that `save_network` wrote.

    Raises FileNotFoundError if there is no such file, ValueError naming it if it is damaged, of another kind, holds
    anything but finite floating-point values, or asks for what no network has.
    """
    with _opened(path) as (file, config, metadata):
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if not all(np.isfinite(values).all() for values in tensors.values()):
        raise ValueError(f"path must hold finite weights but {path} has NaN or infinite ones")
    return StoredNetwork(config, tensors, metadata, Path(path).stem)


def read_config(path: str | Path) -> NetworkConfig:
    """The config in the header of a file that `save_network` wrote; its weights are not read.

    Raises as `read_network` does, as far as the header goes.
    """
    with _opened(path) as (_, config, _):
        return config


def holds_network(path: str | Path) -> bool:
    """Whether a `.safetensors` file is one of `save_network`: so it is taken to be unless it shows that it is not."""
    if not Path(path).is_file():
        return True
    try:
        with safe_open(str(path), "np") as file:
            return (file.metadata() or {}).get("format") == FORMAT
    except SafetensorError:
        return True


def change_config(path: str | Path, **changes: Any) -> None:
    """Give the file of `save_network` other values of its config; its weights, and a reader of it, are not disturbed.

    Raises as `read_network` does, and ValueError for a value that the config cannot have.
    """
    with _opened(path) as (file, config, metadata):
        changed = dataclasses.replace(config, **changes)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header = {**metadata, "config": json.dumps(changed.to_dict())}
    unfinished = Path(path).with_name(Path(path).name + ".part")
    save_file(tensors, str(unfinished), header)
    shutil.copymode(path, unfinished)  # else only its owner could read it
    unfinished.replace(path)


@contextmanager
def _opened(path: str | Path) -> Iterator[tuple[Any, NetworkConfig, Mapping[str, str]]]:
    if not Path(path).is_file():
        raise FileNotFoundError(f"path must be a weight file but there is no file {path}")
    try:
        with safe_open(str(path), "np") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError(f"path must hold {FORMAT} but {path} holds {metadata.get('format')!r}")
            config = _config(metadata, path)
            for name in file.keys():  # noqa: SIM118
                if (kind := file.get_slice(name).get_dtype()) not in _TYPES:
                    raise ValueError(f"path must hold weights of {' or '.join(_TYPES)} but {name} in {path} is {kind}")
            yield file, config, metadata
    except SafetensorError as error:
        raise ValueError(f"path must be a safetensors file but {path} is damaged or none: {error}") from error


def _config(metadata: Mapping[str, str], path: str | Path) -> NetworkConfig:
    try:
        text = metadata["config"]
        if len(text) > _MAX_METADATA:
            raise ValueError(f"it has {len(text)} characters")
        return NetworkConfig(**json.loads(text))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        reason = "there is none" if isinstance(error, KeyError) else error
        raise ValueError(f"path must hold a config that is understood but that of {path} is not: {reason}") from error
