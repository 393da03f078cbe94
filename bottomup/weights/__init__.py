"""Where the weights of networks are: in the package, in an offline folder, in the cache, or still to be downloaded."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from bottomup.weights.intact import DownloadError, is_intact
from bottomup.weights.registry import NETWORKS, Network, get_network

__all__ = [
    "NETWORKS",
    "DownloadError",
    "Network",
    "accept_licence",
    "cache_folder",
    "check_licence",
    "find_crop_weights",
    "find_pose_denoiser",
    "find_weights",
    "get_weights",
    "list_weights",
    "resolve_model",
]

_BUILT_IN = Path(__file__).with_name("default.safetensors")
_BUILT_IN_CROPS = Path(__file__).with_name("crops.safetensors")
_BUILT_IN_POSES = Path(__file__).with_name("poses.safetensors")


def find_crop_weights() -> Path:
    """The file of the built-in network for crops; FileNotFoundError if this installation has none."""
    if not _BUILT_IN_CROPS.is_file():
        raise FileNotFoundError(
            f"refine must name a network for crops: there is no built-in one in this installation ({_BUILT_IN_CROPS})"
        )
    return _BUILT_IN_CROPS


def find_pose_denoiser() -> Path:
    """The file of the built-in pose denoiser; FileNotFoundError if this installation has none."""
    if not _BUILT_IN_POSES.is_file():
        raise FileNotFoundError(
            f"pose_denoiser must be a file: there is no built-in one in this installation ({_BUILT_IN_POSES})"
        )
    return _BUILT_IN_POSES


def list_weights() -> list[Network]:
    """The networks that can be named, the built-in one first."""
    return list(NETWORKS.values())


def find_weights(name: str) -> Path | None:
    """The file to open of a network that is already on this computer, None if it has to be downloaded first.

    Files in the folder that `BOTTOMUP_WEIGHTS` names come first, as `FOLDER/NAME/FILE`. They are used as they
    are, without a checksum: whoever sets up the folder may put another release there. Files in the cache count
    only if they are intact.

    Raises ValueError if there is no network of that name.
    """
    network = get_network(name)
    if not network.files:
        return _BUILT_IN if _BUILT_IN.is_file() else None
    main = network.files[0].name
    if chosen := os.environ.get("BOTTOMUP_WEIGHTS"):
        offline = Path(chosen).expanduser() / name
        if all((offline / file.name).is_file() for file in network.files):
            return offline / main
    cached = cache_folder() / name
    return cached / main if all(is_intact(cached / file.name, file) for file in network.files) else None


def get_weights(name: str, *, progress: bool | None = None) -> Path:
    """The file to open of a network, downloaded into the cache if it is not yet on this computer.

    Parameters
    ----------
    name:
        A name of `list_weights`.
    progress:
        Show a progress bar; None shows one if the standard error stream is a terminal.

    Raises
    ------
    ValueError
        If there is no network of that name; the message lists those there are.
    FileNotFoundError
        If the built-in network is missing from the installed package.
    DownloadError
        If it cannot be downloaded; see `bottomup.weights.download.fetch`.
    """
    found = find_weights(name)
    if found is not None:
        return found
    network = get_network(name)
    if not network.files:
        raise FileNotFoundError(
            f"the package must hold the built-in network but {_BUILT_IN} is missing; install it again"
        )
    from bottomup.weights.download import fetch  # slow to import, and seldom needed

    check_licence(network)
    for file in network.files:
        if not file.url:
            raise DownloadError(
                f"{name} has no address that it could be downloaded from: get {file.name} from {network.page}, put it "
                f"into FOLDER/{name} and let BOTTOMUP_WEIGHTS name that FOLDER"
            )
        fetch(file, cache_folder() / name, progress=progress)
    return cache_folder() / name / network.files[0].name


def check_licence(network: Network) -> None:
    """DownloadError unless a network's licence allows commercial use or was accepted; see `accept_licence`."""
    if not network.commercial and not _accepted(network).is_file():
        raise DownloadError(
            f"{network.name} is not for commercial use ({network.licence}): `bottomup weights get {network.name} "
            "--accept-licence` accepts that, once"
        )


def accept_licence(network: Network) -> None:
    """Remember on this computer that a network's licence was accepted."""
    _accepted(network).parent.mkdir(parents=True, exist_ok=True)
    _accepted(network).write_text(network.licence + "\n", encoding="utf-8")


def _accepted(network: Network) -> Path:
    return cache_folder() / network.name / "licence-accepted.txt"


def resolve_model(model: str | os.PathLike[str]) -> Path:
    """The file of a `model` argument: a network's name, or the path of an `.xml` or `.safetensors` file.

    A name is downloaded if need be; a path need not exist. Raises ValueError if `model` is neither, ImportError, before
    anything is downloaded, if what runs it is not installed, and otherwise as `get_weights` does.
    """
    if not isinstance(model, (str, os.PathLike)):
        raise TypeError(f"model must be a name or a path but is a {type(model).__name__}")
    name = os.fspath(model)
    if name in NETWORKS:
        files = get_network(name).files
        if files and files[0].name.endswith(".xml") and importlib.util.find_spec("openvino") is None:
            raise ImportError(f'model {name!r} needs the package openvino: pip install "bottomup[openvino]"')
        return get_weights(name)
    path = Path(model)
    if path.suffix.lower() not in (".xml", ".safetensors", ".onnx", ".pb", ".pdmodel") and not path.exists():
        known = ", ".join(repr(name) for name in NETWORKS)
        raise ValueError(
            f"model must be one of {known} or the path of a .safetensors, .xml or .onnx file but is {name!r}"
        )
    return path


def cache_folder() -> Path:
    """Where downloads are kept: `BOTTOMUP_CACHE` if it is set, else the platform's place for caches."""
    if chosen := os.environ.get("BOTTOMUP_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "bottomup" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "bottomup"
    # The XDG Base Directory Specification has relative paths ignored.
    base = Path(os.environ.get("XDG_CACHE_HOME") or "")
    return (base if base.is_absolute() else Path.home() / ".cache") / "bottomup"
