"""What runs a network: pictures in, fields out, whatever the file format and the library behind it."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from bottomup.networks.info import NetworkInfo
from bottomup.skeleton import Skeleton

Outputs = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


@runtime_checkable
class Backend(Protocol):
    """A network with its weights, ready to run.

    An object that has `skeleton`, `stride` and `alignment` in place of `info` will do for a network that sees fields.

    Attributes
    ----------
    info:
        The facts of the network.
    device:
        Where it runs, for example `cpu` or `cuda:0`.
    """

    @property
    def info(self) -> NetworkInfo: ...
    @property
    def device(self) -> str: ...

    def run(self, images: npt.NDArray[np.uint8]) -> Outputs:
        """What the network makes of (B, H, W, 3) uint8 BGR images whose sides are multiples of `info.alignment`.

        float32 heatmaps (B, K, h, w) and part affinity fields (B, 2L, h, w); or beside the heatmaps, where `info.task`
        is not `fields`, what that says: tags (B, K, h, w), or nothing, (B, 0, h, w). May be called from several
        threads at once.
        """
        ...


class NetworkBackend:
    """What the backends here have in common: the facts by their short names.

    library: what people call the runtime.
    """

    library = ""
    info: NetworkInfo
    device: str

    @property
    def skeleton(self) -> Skeleton:
        """The joints and limbs of the fields."""
        return self.info.skeleton

    @property
    def stride(self) -> int:
        """Network pixels per cell of the fields."""
        return self.info.stride

    @property
    def alignment(self) -> int:
        """The sides of the input must be multiples of this."""
        return self.info.alignment


def info_of(backend: Any) -> NetworkInfo:
    """The facts of a backend; TypeError if it is none."""
    if callable(getattr(backend, "run", None)) and hasattr(backend, "device"):
        if isinstance(info := getattr(backend, "info", None), NetworkInfo):
            return info
        if all(hasattr(backend, name) for name in ("skeleton", "stride", "alignment")):
            return NetworkInfo(backend.skeleton, backend.stride, backend.alignment, name=type(backend).__name__)
    raise TypeError(f"backend must be a name or a Backend but is a {type(backend).__name__}")


def runtime(backend: Backend) -> str:
    """What runs a network and where, as people call it: `OpenVINO on cpu`."""
    library = getattr(backend, "library", "") or type(backend).__name__  # one of one's own need not say
    return f"{library} on {backend.device}"


def no_pafs(heatmaps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Part affinity fields of no limbs, (B, 0, h, w), beside heatmaps."""
    return np.zeros((len(heatmaps), 0, *heatmaps.shape[2:]), np.float32)


def check_outputs(backend: Backend, info: NetworkInfo, images: npt.NDArray[np.uint8], outputs: Any) -> Outputs:
    """What `backend.run(images)` gave; TypeError or ValueError if that is not what `Backend.run` promises."""
    name = type(backend).__name__
    if not (isinstance(outputs, tuple | list) and len(outputs) == 2):
        raise TypeError(f"backend {name} must give two fields but gave a {type(outputs).__name__}")
    batch, height, width, _ = images.shape
    heatmaps, beside = outputs
    skeleton, stride = info.skeleton, info.stride
    second = ("tags", skeleton.num_joints) if info.task == "tags" else ("pafs", 2 * skeleton.num_limbs)
    for field, channels, values in (
        ("heatmaps", skeleton.num_joints, heatmaps),
        (*second, beside),
    ):
        expected = (batch, channels, height // stride, width // stride)
        if np.shape(values) != expected:
            raise ValueError(f"backend {name} must give {field} of shape {expected} but gave {np.shape(values)}")
    return heatmaps, beside


def check_images(images: npt.NDArray[np.uint8], alignment: int) -> npt.NDArray[np.uint8]:
    """The images of a `Backend.run` call, contiguous; ValueError if their shape, dtype or alignment is wrong."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[3] != 3 or 0 in images.shape or images.dtype != np.uint8:
        was = f"has shape {images.shape}, dtype {images.dtype}"
        raise ValueError(f"images must be an array of shape (B, H, W, 3) and dtype uint8 but {was}")
    if images.shape[1] % alignment or images.shape[2] % alignment:
        was = f"are {images.shape[1]} x {images.shape[2]}"
        raise ValueError(f"images must have sides that are multiples of {alignment} but {was} pixels")
    return np.ascontiguousarray(images)
