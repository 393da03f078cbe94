"""Everything that decides a training run, in one frozen value that is written as TOML."""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bottomup.datasets import annotation_file, read_labels
from bottomup.networks.field_network import NetworkConfig, read_config
from bottomup.skeleton import Skeleton
from bottomup.training.pretrained import is_weight_file, weight_file
from bottomup.training.recipe_types import check_types
from bottomup.training.source import Requirements, Source

FROM_LABELS = "labels"  # as a recipe's network.skeleton: that of the annotation file
MODES = ("fields", "crops", "poses")
CROP_LOSSES = ("candidates", "softmax", "integral")
HEATMAP_LOSSES = ("cross_entropy", "mse")
ROTATIONS = ("normal", "uniform")
JITTERS = ("uniform", "pgpg")


@dataclass(frozen=True)
class TrainConfig:
    """A training run.

    data: the root that the sources' folders and the teacher are relative to.
    out: folder of checkpoints, log and weights.
    network: its shape; a recipe may say `skeleton = "labels"` in it, for the joints of its first annotation file.
    hours, steps: the schedule ends after this much training time, or after so many steps if `steps` is above 0.
    teacher: OpenVINO network, or a folder of its maps, relative to `data`; empty: learn from labels alone. With mode
        `crops` a crop network with all joints of the skeleton, of any kind that `CropDetector` reads.
    mode: `fields`: a network that sees everybody in a picture; `crops`: one that looks at crops around one person each
        (`CropDetector`), for which `crowd` and `cutmix` are no use; `poses`: a pose denoiser, see
        `bottomup.training.pose_denoiser`, of the people whom the network in `initial_weights` finds.
    crop_loss: of `crops`, see `bottomup.training.crop_loss.CropLoss`: `candidates`, `softmax` or `integral`.
    interference: mu of the joint-candidate loss: how high the joints of others in a crop are in the target.
    crop_jitter: whether crops are larger, smaller and beside the labelled box, as a detector's boxes are.
    jitter_kind: `uniform`, or `pgpg` for edges that are off as a detector's were found to be, see `augment.pgpg`.
    initial_weights: a name in `bottomup.training.pretrained.PRETRAINED`: the backbone starts from that network;
        `default` or a .safetensors file: all starts from that field network; a .pth file: the backbone starts from a
        published network, see `load_published` of `bottomup.networks.backbones`; empty: from random weights.
    inherit: the network is that of `initial_weights`, a whole field network; `network` only says what is different.
    keep_start: share of the initial weights, those of a whole field network, in the weights that are written. The mean
        of where a run began and where it ended often does better than either (Wortsman et al., CVPR 2022).
    frozen_parts: so many parts of a pretrained backbone, from the image upwards, keep their weights. The first
        parts see edges and colours, which are the same here, and cost the most, being the largest maps.
    pretrained_rate: learning rate of the pretrained weights, as a share of that of the others.
    crop_sizes: (progress, pixels) pairs; from that part of the schedule on, crops have that size. Small crops
        first: they teach what a joint looks like at half the cost.
    crop_aspect: of `crops`, width of a crop over its height, which is what `crop_sizes` gives then: 0.75 for people who
        stand (256 x 192).
    batch: crops in a step; 0: 16 on a CPU, 64 on a GPU.
    learning_rate, weight_decay, warmup, clip, ema: the usual; `warmup` in steps, `clip` of the gradient's norm.
    foreground: how much more a cell counts where the target is 1 than where it is 0.
    joint_weights: (name, weight) pairs of joints whose heatmaps count more, or less, than 1; "wrist" is both wrists.
    hard_joints: above 0, only so many joints of a crop count in the last stage, those that are seen worst.
    intermediate: every stage is compared with the target (intermediate supervision), not the last alone.
    dropout: share of the feature maps that the stages see which a step leaves out, each as a whole (SpatialDropout,
        Tompson et al., CVPR 2015, sec. 3.2).
    heatmap_loss: `cross_entropy`, or `mse` for squared error; see `bottomup.training.loss.field_loss`.
    rotation: most degrees to either side.  rotation_kind: `normal` or `uniform`, see `augment.random_degrees`.
    flip: share of mirrored crops.  colour: 0 leaves the colours alone.
    jpeg: share of crops that go through a strong JPEG compression.
    half_body: share of crops around the upper or the lower half of a person, enlarged.
    crowd: share of crops in which a person of another photo stands in front.
    cutmix: share of crops in which another photo shows beyond the first one's edge and in a rectangle: so that photos
        are not learnt by heart.
    keep_photos: all photos stay in memory, decoded (1 GB for 1,100 of 640 x 480); otherwise a photo is read anew for
        each crop, as it must be where there are more of them than memory.
    tensorboard: also write curves for TensorBoard, to `tensorboard/`.
    device: `cpu`, `cuda` or `cuda:N`; empty takes a GPU if there is one.
    bfloat16: compute in bfloat16 where it is safe.
    threads: how many parts of a batch are computed at a time on the CPU, 0 for torch's own choice. A run repeats
        exactly with 1.
    micro_batch: crops in such a part; a GPU, or a process of several, takes the batch in one piece.
    workers: processes that make crops (forks, so none but on Linux); 0 makes them in between; -1: two, or for a GPU as
        many as there are cores for it.
    checkpoint_minutes: how often the run is saved.
    validate_minutes: how often the average precision on the photos held out is measured; 0: only at the end.
    keep_best: the weights that are written at the end are those with the highest average precision on the way.
    calibrate: at the end choose the network's `person_threshold` and the calibration of its scores on the photos held
        out, see `bottomup.training.threshold`.
    patience: the run ends early when so many measurements in a row brought no higher one; 0: it does not.
    """

    sources: tuple[Source, ...]
    data: str = "."
    out: str = "runs/default"
    hours: float = 2.0
    steps: int = 0
    seed: int = 0
    teacher: str = ""
    mode: str = "fields"
    crop_loss: str = "candidates"
    interference: float = 0.5
    crop_jitter: bool = True
    jitter_kind: str = "uniform"
    network: NetworkConfig = field(default_factory=NetworkConfig)
    initial_weights: str = ""
    inherit: bool = False
    keep_start: float = 0.0
    frozen_parts: int = 0
    pretrained_rate: float = 0.25
    crop_sizes: tuple[tuple[float, int], ...] = ((0.0, 256),)
    crop_aspect: float = 1.0
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warmup: int = 300
    clip: float = 5.0
    ema: float = 0.999
    foreground: float = 4.0
    joint_weights: tuple[tuple[str, float], ...] = ()
    hard_joints: int = 0
    intermediate: bool = True
    dropout: float = 0.0
    heatmap_loss: str = "cross_entropy"
    rotation: float = 40.0
    rotation_kind: str = "normal"
    flip: float = 0.5
    colour: float = 1.0
    jpeg: float = 0.0
    half_body: float = 0.0
    crowd: float = 0.0
    cutmix: float = 0.0
    keep_photos: bool = True
    tensorboard: bool = False
    device: str = ""
    bfloat16: bool = True
    threads: int = 0
    micro_batch: int = 8
    workers: int = -1
    checkpoint_minutes: float = 5.0
    validate_minutes: float = 0.0
    keep_best: bool = False
    patience: int = 0
    calibrate: bool = True

    def __post_init__(self) -> None:
        sizes = tuple((float(start), int(size)) for start, size in self.crop_sizes)
        object.__setattr__(self, "crop_sizes", sizes)
        object.__setattr__(self, "joint_weights", tuple((str(n), float(w)) for n, w in self.joint_weights))
        require = Requirements()
        require(self.mode in MODES, "mode", f"one of {MODES}", self.mode)
        require(self.crop_loss in CROP_LOSSES, "crop_loss", f"one of {CROP_LOSSES}", self.crop_loss)
        require(self.heatmap_loss in HEATMAP_LOSSES, "heatmap_loss", f"one of {HEATMAP_LOSSES}", self.heatmap_loss)
        require(self.jitter_kind in JITTERS, "jitter_kind", f"one of {JITTERS}", self.jitter_kind)
        require(0 <= self.dropout < 1, "dropout", "from 0 to below 1", self.dropout)
        require(self.rotation_kind in ROTATIONS, "rotation_kind", f"one of {ROTATIONS}", self.rotation_kind)
        require(0 <= self.interference <= 1, "interference", "from 0 to 1", self.interference)
        require(len(self.sources) > 0, "sources", "at least one folder", self.sources)
        require(bool(sizes) and sizes[0][0] == 0 and list(sizes) == sorted(sizes), "crop_sizes", "rising from 0", sizes)
        step = self.network.alignment
        require(all(size > 0 and size % step == 0 for _, size in sizes), "crop_sizes", f"multiples of {step}", sizes)
        require(self.steps > 0 or self.hours > 0, "hours", "positive", self.hours)
        require(self.seed >= 0, "seed", "at least 0", self.seed)
        if self.mode == "poses":
            require(self.steps > 0, "steps", "above 0 with mode 'poses'", self.steps)
            require(self.batch > 0, "batch", "above 0 with mode 'poses'", self.batch)
            require(bool(self.initial_weights), "initial_weights", "a network that finds people", self.initial_weights)
        require(self.batch >= 0, "batch", "at least 0", self.batch)
        require(self.micro_batch >= 1, "micro_batch", "at least 1", self.micro_batch)
        require(self.threads >= 0, "threads", "at least 0", self.threads)
        require(0 <= self.keep_start < 1, "keep_start", "from 0 to below 1", self.keep_start)
        whole = is_weight_file(self.initial_weights)
        require(self.keep_start == 0 or whole, "keep_start", "0 without a network in initial_weights", self.keep_start)
        require(whole or not self.inherit, "inherit", "false without a network in initial_weights", self.inherit)
        require(self.patience >= 0, "patience", "at least 0", self.patience)
        measures = self.validate_minutes > 0
        require(measures or not self.patience, "patience", "0 without validate_minutes", self.patience)
        require(self.frozen_parts >= 0, "frozen_parts", "at least 0", self.frozen_parts)
        require(
            self.frozen_parts == 0 or bool(self.initial_weights),
            "frozen_parts",
            "0 without initial_weights",
            self.frozen_parts,
        )
        require(0 < self.pretrained_rate <= 1, "pretrained_rate", "above 0 and at most 1", self.pretrained_rate)
        require(self.learning_rate > 0, "learning_rate", "positive", self.learning_rate)
        require(0 <= self.ema < 1, "ema", "from 0 to below 1", self.ema)
        require(self.checkpoint_minutes >= 0, "checkpoint_minutes", "at least 0", self.checkpoint_minutes)
        require(self.validate_minutes >= 0, "validate_minutes", "at least 0", self.validate_minutes)
        weights = [weight for _, weight in self.joint_weights]
        require(all(w > 0 and math.isfinite(w) for w in weights), "joint_weights", "positive", self.joint_weights)
        require(self.hard_joints >= 0, "hard_joints", "at least 0", self.hard_joints)
        for name in ("flip", "jpeg", "half_body", "crowd", "cutmix"):
            require(0 <= getattr(self, name) <= 1, name, "from 0 to 1", getattr(self, name))
        require(self.clip > 0, "clip", "positive", self.clip)
        require(self.workers >= -1, "workers", "at least -1", self.workers)
        if self.mode == "crops":
            for name in ("crowd", "cutmix"):
                require(getattr(self, name) == 0, name, "0 with mode 'crops'", getattr(self, name))
        require(0.25 <= self.crop_aspect <= 4, "crop_aspect", "from 0.25 to 4", self.crop_aspect)
        require(self.mode == "crops" or self.crop_aspect == 1, "crop_aspect", "1 with mode 'fields'", self.crop_aspect)
        require.check()
        self._fit_network()

    def _fit_network(self) -> None:
        """Give the network the task that goes with the mode."""
        task, size, decode = "fields", (0, 0), ""
        if self.mode == "crops":
            task = "crops" if self.crop_loss == "candidates" else "places"
            size = self.crop_shape(self.crop_size(1.0))
            decode = "integral" if self.crop_loss == "integral" else ""  # by what it was trained, it is read
        object.__setattr__(self, "network", replace(self.network, task=task, crop_size=size, decode=decode))

    def crop_size(self, progress: float) -> int:
        """Pixels of a crop's side at this part (0..1) of the schedule."""
        return [size for start, size in self.crop_sizes if start <= progress or start == 0][-1]

    def crop_shape(self, height: int) -> tuple[int, int]:
        """Height and width of a crop of that height; both are multiples of the network's alignment."""
        step = self.network.alignment
        return height, max(round(height * self.crop_aspect / step), 1) * step

    @classmethod
    def load(cls, path: str | Path, **changes: Any) -> TrainConfig:
        """Read a recipe of one part; keyword arguments replace its values. See `bottomup.training.phases.load_parts`.

        ValueError names the file and what it cannot have.
        """
        try:
            return cls.from_values(tomllib.loads(Path(path).read_text(encoding="utf-8")) | changes)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, ValueError) as error:
            raise ValueError(f"path must be a training recipe but {path} is not: {error}") from error

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> TrainConfig:
        """The run that the values of a TOML file describe. TypeError or ValueError names what it cannot have."""
        check_types(values, cls, NetworkConfig, Source)
        sources = tuple(Source(**source) for source in values["sources"])
        network: dict[str, Any] = dict(values.get("network", {}))
        start = str(values.get("initial_weights", ""))
        inherited = read_config(weight_file(start)) if values.get("inherit") and is_weight_file(start) else None
        if inherited is not None:
            network = inherited.to_dict() | network
            network.pop("calibration", None)  # of the weights that it starts from
        if network.get("skeleton") == FROM_LABELS:
            network["skeleton"] = _skeleton_of(Path(values.get("data", ".")), sources, inherited)
        return cls(**{**values, "sources": sources, "network": NetworkConfig(**network)})

    def to_toml(self, within: str = "", **changes: Any) -> str:
        """As a recipe, or as what it holds in the table `within`, with other values for some names."""
        values = dataclasses.asdict(self) | changes
        network, sources = self.network.to_dict(), values.pop("sources")
        del values["network"]
        prefix = f"{within}." if within else ""
        lines = [f"{key} = {_toml(value)}" for key, value in values.items()]
        lines += ["", f"[{prefix}network]", *(f"{key} = {_toml(value)}" for key, value in network.items())]
        for source in sources:
            lines += ["", f"[[{prefix}sources]]", *(f"{key} = {_toml(value)}" for key, value in source.items())]
        return "\n".join(lines) + "\n"


def _skeleton_of(data: Path, sources: tuple[Source, ...], start: NetworkConfig | None) -> Skeleton:
    """The joints of the first labels, or those of the network it starts from if they tell the same."""
    for source in sources:
        folder = data / source.folder
        if not source.labels and not annotation_file(folder).is_file():
            continue
        own = read_labels(folder / source.labels if source.labels else folder).skeleton
        same = start is not None and not start.skeleton.lacks(own) and not own.lacks(start.skeleton)
        return start.skeleton if start is not None and same else own
    raise ValueError(f"skeleton must be given where sources have no labels but is {FROM_LABELS!r}")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(of)}" for key, of in value.items()) + "}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)
