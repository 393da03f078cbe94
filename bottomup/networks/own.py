"""What has to be said of a network of others: `NetworkFacts`, from arguments or a TOML file beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np
import numpy.typing as npt

from bottomup.networks.calibration import Calibration
from bottomup.networks.info import MAX_INPUT, NetworkInfo, check_whole
from bottomup.skeleton import Skeleton
from bottomup.skeletons import read_skeleton

BACKGROUNDS = ("", "first", "last")
PAF_ORDERS = ("xy", "yx", "x then y", "y then x")
LAYOUTS = ("", "nchw", "nhwc")
_MOST_GAIN = 1000
_USUAL_ALIGNMENT = 32  # most backbones go down to a stride of 32


class Facts(TypedDict, total=False):
    """The arguments of `NetworkFacts`, all by name; the skeleton and the stride have to be there."""

    skeleton: Skeleton | str | Mapping[str, Any]
    stride: int
    outputs: Sequence[str]
    alignment: int
    background: str
    pafs: str
    rgb: bool
    mean: float | Sequence[float]
    scale: float | Sequence[float]
    layout: str
    input_height: int
    task: str
    crop_size: int | Sequence[int]
    crop_margin: float
    padding: int
    corner_cells: bool
    single: bool
    gain: float
    calibration: Calibration | Mapping[str, Any]


@dataclass(frozen=True)
class NetworkFacts:
    """How a network wants its pictures and what its outputs are.

    skeleton: whose joints and limbs the outputs have, in their order: a `Skeleton`, the name of a built-in one, or its
        table.
    stride: pixels of the input for a cell of the outputs.
    outputs: names of the output of heatmaps and of that of part affinity fields, or of one output that holds both, the
        heatmaps first. Of a torch module that returns several tensors the names are "0", "1" and so on. Empty: the
        outputs in their order.
    alignment: the sides of its input must be multiples of this; 32 where the stride divides that, unless given.
    background: whether a heatmap of the background is `first` or `last` among the heatmaps; empty if there is none.
    pafs: order of the part affinity channels. `xy`: x and y of the first limb, of the second, and so on; `yx`: y and x;
        `x then y`: x of all limbs, then y of all; `y then x`.
    rgb: whether it sees RGB, else BGR.
    mean, scale: of the pixel values 0..255 it sees (pixel - mean) / scale: a number, or three in the order of the
        channels that it sees.
    layout: `nchw` or `nhwc`; empty reads it off the input's shape.
    input_height: at which it sees best, where `Settings` leave it open; 0: the usual.
    task: `fields`, or `crops` for heatmaps of one person in a crop (`CropDetector`); then `crop_size` (height, width),
        `crop_margin`, `padding` and `corner_cells` are those of `NetworkInfo`.
    single: whether pictures are shown to it one by one.
    gain: what its outputs are multiplied by, heatmaps up to 1; above 1 for a network whose peaks stay low.
    calibration: what its scores mean, a `Calibration` or its table, which `bottomup eval` tells.

    Raises ValueError (TypeError for a wrong type) that names the fact, what it must be and what it was.
    """

    skeleton: Skeleton
    stride: int
    outputs: tuple[str, ...] = ()
    alignment: int = 0
    background: str = ""
    pafs: str = "xy"
    rgb: bool = False
    mean: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)
    layout: str = ""
    input_height: int = 0
    task: Literal["fields", "crops"] = "fields"
    crop_size: int | tuple[int, int] = 0
    crop_margin: float = 1.25
    padding: int = 128
    corner_cells: bool = False
    single: bool = False
    gain: float = 1.0
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "skeleton", read_skeleton(self.skeleton))
        check_whole("stride", self.stride, 1, 64)
        check_whole("alignment", self.alignment, 0, MAX_INPUT)
        check_whole("input_height", self.input_height, 0, MAX_INPUT)
        if not self.alignment:
            put(self, "alignment", _USUAL_ALIGNMENT if _USUAL_ALIGNMENT % self.stride == 0 else self.stride)
        names = (self.outputs,) if isinstance(self.outputs, str) else tuple(self.outputs)
        most = 2 if self.task == "fields" else 1
        if len(names) > most or not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"outputs must be at most {most} names for {self.task} but is {self.outputs!r}")
        put(self, "outputs", names)
        for name, known in (("background", BACKGROUNDS), ("pafs", PAF_ORDERS), ("layout", LAYOUTS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {known} but is {getattr(self, name)!r}")
        for name in ("rgb", "corner_cells", "single"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False but is {getattr(self, name)!r}")
        for name in ("mean", "scale"):
            put(self, name, _numbers(name, getattr(self, name)))
        if 0 in self.scale:
            raise ValueError(f"scale must not be 0 but is {self.scale}")
        if isinstance(self.gain, bool) or not isinstance(self.gain, (int, float)) or not 0 < self.gain <= _MOST_GAIN:
            raise ValueError(f"gain must be a number above 0 and at most {_MOST_GAIN} but is {self.gain!r}")
        if isinstance(self.crop_size, list):  # as TOML has it
            put(self, "crop_size", tuple(self.crop_size))
        if self.task not in ("fields", "crops"):
            raise ValueError(f"task must be 'fields' or 'crops' but is {self.task!r}")
        if not isinstance(self.calibration, Calibration | None):
            put(self, "calibration", Calibration.from_dict(self.calibration))
        self.info("")  # checks the rest

    @classmethod
    def of(cls, facts: Mapping[str, Any], source: str = "") -> NetworkFacts:
        """The facts by name; `source` is told in errors. ValueError names what is missing or unknown."""
        known = [field.name for field in dataclasses.fields(cls)]
        if unknown := sorted(set(facts) - set(known)):
            raise ValueError(f"{source}facts of a network must be of {known} but has {unknown}")
        if missing := [name for name in ("skeleton", "stride") if name not in facts]:
            raise ValueError(f"{source}facts of a network must have skeleton and stride but lack {missing}")
        try:
            return cls(**facts)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{source}{error}") from error

    def info(self, name: str) -> NetworkInfo:
        """The facts as everything around a network asks for them."""
        return NetworkInfo(
            skeleton=self.skeleton,
            stride=self.stride,
            alignment=self.alignment,
            task=self.task,
            name=name,
            crop_size=self.crop_size,
            crop_margin=self.crop_margin,
            padding=self.padding,
            corner_cells=self.corner_cells,
            default_settings={"input_height": self.input_height} if self.input_height else {},
            calibration=self.calibration,
        )

    def see(self, images: npt.NDArray[np.uint8], layout: str) -> npt.NDArray[np.float32]:
        """(B, H, W, 3) uint8 BGR pictures as the network wants them."""
        pixels = images[..., ::-1] if self.rgb else images
        seen = (pixels.astype(np.float32) - np.array(self.mean, np.float32)) / np.array(self.scale, np.float32)
        return np.ascontiguousarray(seen.transpose(0, 3, 1, 2) if layout == "nchw" else seen, np.float32)

    @property
    def paf_channels(self) -> npt.NDArray[np.int64]:
        """(2L,) the network's channel of x and of y of each limb in turn."""
        limbs = self.skeleton.num_limbs
        pairs = (
            np.arange(2 * limbs).reshape(limbs, 2) if len(self.pafs) == 2 else np.arange(2 * limbs).reshape(2, limbs).T
        )
        return (pairs[:, ::-1] if self.pafs.startswith("y") else pairs).reshape(-1)


def facts_beside(path: Path) -> NetworkFacts | None:
    """The facts in the TOML file beside a network (`hand.toml` for `hand.onnx`), None if there is none."""
    table = path.with_suffix(".toml")
    if not table.is_file():
        return None
    import tomllib  # slow to import

    try:
        content = tomllib.loads(table.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{table} must be a TOML file with the facts of {path.name} but cannot be read: {error}"
        ) from error
    return NetworkFacts.of(content, f"{table}: ")


def _numbers(name: str, value: Any) -> tuple[float, ...]:
    """One number or three, finite."""
    given = value if isinstance(value, (list, tuple)) else (value,)
    try:
        numbers = tuple(float(one) for one in given)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number or three but is {value!r}") from None
    if len(numbers) not in (1, 3) or not np.isfinite(numbers).all():
        raise ValueError(f"{name} must be a number or three, finite, but is {value!r}")
    return numbers
