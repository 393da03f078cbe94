"""The training run."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader

from bottomup.networks.field_network import save_network
from bottomup.skeletons import get_skeleton
from bottomup.training.config import Source, TrainConfig
from bottomup.training.crops import Batch, BatchNumbers, CropMaker, Example, load_examples, read_source
from bottomup.training.replicas import Replicas
from bottomup.training.state import TrainState
from bottomup.training.teacher import Teacher
from bottomup.training.validation import validate

_COLUMNS = ("step", "crops", "elapsed", "crop_size", "learning_rate", "loss", "heatmaps", "pafs", "gradient")
_LOG_EVERY = 50
# Seconds; a first step compiles kernels and waits for the first crops.
_PATIENCE = 10.0

Say = Callable[[str], None]


def train(config: TrainConfig, *, resume: bool = False, say: Say = print) -> Path:
    """Train a field network as a recipe says.

    Writes to `config.out`: `config.toml`, `log.csv`, `checkpoint.pt` (everything that a resumed run needs),
    `weights.safetensors` (the averaged weights, float16) and `validation.csv` (step, folder and the statistics of
    `bottomup.evaluation`). The teacher's maps are kept in `teacher/` beside that folder.

    Parameters
    ----------
    config:
        The recipe.
    resume:
        Go on from the checkpoint in `config.out`; without one there, begin.
    say:
        Receives a line of progress now and then.

    Returns the path of the weights. Raises ValueError if a run is in `config.out` already and `resume` is false, if
    a source has no photos, or if the loss is no longer finite.
    """
    out = Path(config.out)
    checkpoint = out / "checkpoint.pt"
    if checkpoint.is_file() and not resume:
        raise ValueError(f"out must be a new folder, or resume be set, but {checkpoint} is there")
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.toml").write_text(config.to_toml())
    sets = load_sets(config, say)
    state = TrainState(config)
    if checkpoint.is_file():
        state.load(checkpoint)
        say(f"going on at step {state.step}")
    crops = CropMaker(config, get_skeleton(config.network.skeleton), sets)
    with (
        contextlib.closing(Replicas(state.network, config, config.threads or torch.get_num_threads())) as replicas,
        _one_thread_each(),
    ):
        _run(state, replicas, crops, out, say)
    return out / "weights.safetensors"


def load_sets(config: TrainConfig, say: Say) -> list[tuple[Source, Sequence[Example]]]:
    """Every source's photos in memory, with the teacher's maps."""
    root, skeleton = Path(config.data), get_skeleton(config.network.skeleton)
    teacher = Teacher(root / config.teacher, skeleton) if config.teacher else None
    cache = Path(config.out).parent / "teacher" / Path(config.teacher).stem
    sets: list[tuple[Source, Sequence[Example]]] = []
    for source in config.sources:
        photos, held = read_source(source, root, skeleton)
        if not photos:
            raise ValueError(f"sources must hold photos to train on but {source.folder} has none")
        say(f"{source.folder}: {len(photos)} photos, {len(held)} held out")
        sets.append((source, load_examples(source, photos, teacher, cache)))
    return sets


def _run(state: TrainState, replicas: Replicas, crops: CropMaker, out: Path, say: Say) -> None:
    config = state.config
    with warnings.catch_warnings():
        # Python 3.12 warns of every fork of a process that has threads; the workers use none of them.
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        batches = iter(_loader(state, crops))
    log = _Log(out / "log.csv", say)
    saved = validated = state.elapsed
    stopwatch = _Stopwatch()
    clock = time.monotonic()
    while state.progress < 1:
        rate = state.set_learning_rate()
        batch = next(batches)
        losses = train_step(state, replicas, batch)
        now = time.monotonic()
        state.elapsed, clock = state.elapsed + stopwatch.counted(now - clock), now
        log.add(state, rate, batch[0].shape[-1], losses)
        if state.elapsed - saved >= 60 * config.checkpoint_minutes and state.progress < 1:
            saved = state.elapsed
            state.save(out / "checkpoint.pt")
            weights = _export(state, out)
            if config.validate_minutes and state.elapsed - validated >= 60 * config.validate_minutes:
                validated = state.elapsed
                _validate(weights, state, out, say)
                clock = time.monotonic()  # the schedule is for training
    state.save(out / "checkpoint.pt")
    _validate(_export(state, out), state, out, say)


class _Stopwatch:
    """Leaves out of the training time what is none: a computer that slept, a process that was stopped meanwhile.

    A step counts at most `_PATIENCE` seconds more than thrice a usual one.
    """

    def __init__(self) -> None:
        self._usual = 0.0

    def counted(self, seconds: float) -> float:
        """How much of a step's time counts."""
        seconds = min(seconds, 3 * self._usual + _PATIENCE)
        self._usual += 0.1 * (seconds - self._usual)
        return seconds


class _Log:
    """Means of the losses, a row and a line now and then."""

    def __init__(self, path: Path, say: Say) -> None:
        self._path, self._say = path, say
        self._recent: list[list[float]] = []
        if not path.is_file():
            self._append(_COLUMNS)

    def add(self, state: TrainState, rate: float, crop_size: int, losses: list[float]) -> None:
        """Note one step. ValueError once the loss is no longer finite."""
        if not math.isfinite(losses[0]):
            raise ValueError(f"learning_rate must keep the loss finite but at step {state.step} it is {losses[0]}")
        self._recent.append(losses)
        if state.step % _LOG_EVERY and state.progress < 1:
            return
        means = [sum(column) / len(self._recent) for column in zip(*self._recent, strict=True)]
        self._recent.clear()
        crops = state.step * state.config.batch
        self._append([f"{v:.6g}" for v in (state.step, crops, state.elapsed, crop_size, rate, *means)])
        self._say(
            f"{100 * state.progress:5.1f} %  step {state.step}  loss {means[0]:.3f}"
            f" (heatmaps {means[1]:.3f}, pafs {means[2]:.3f})  gradient {means[3]:.2f}"
            f"  rate {rate:.1e}  {crops / max(state.elapsed, 1e-9):.0f} crops/s"
        )

    def _append(self, row: Sequence[str]) -> None:
        with self._path.open("a", newline="") as file:
            csv.writer(file).writerow(row)


def train_step(state: TrainState, replicas: Replicas, batch: Batch) -> list[float]:
    """One step on one batch; returns loss, loss of the heatmaps, loss of the pafs, norm of the gradient."""
    heat_loss, paf_loss = replicas.backward(batch)
    norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), state.config.clip)
    state.optimizer.step()
    state.step += 1
    state.update_average()
    return [heat_loss + paf_loss, heat_loss, paf_loss, norm.item()]


def _loader(state: TrainState, crops: CropMaker) -> DataLoader[Batch]:
    config = state.config

    def crop_size(step: int) -> int:
        # Batches are asked for a little ahead; with `steps` their size must not depend on how far ahead.
        return config.crop_size(step / config.steps if config.steps else state.progress)

    numbers = BatchNumbers(state.step, config.batch, crop_size)
    # Forked workers share the photos in memory with this process.
    extra: dict[str, Any] = {"multiprocessing_context": "fork", "prefetch_factor": 3} if config.workers else {}
    return DataLoader(crops, batch_size=None, sampler=numbers, num_workers=config.workers, **extra)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Replicas and workers are parallel already. Set before the workers fork: a fork has none of OpenCV's threads."""
    torch_threads, cv2_threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(torch_threads)
        cv2.setNumThreads(cv2_threads)


def _export(state: TrainState, out: Path) -> Path:
    path = out / "weights.safetensors"
    # Where this run kept its files is nobody else's matter.
    recipe = dataclasses.replace(state.config, data=".", out=".")
    facts = {
        "step": str(state.step),
        "crops": str(state.step * state.config.batch),
        "training_seconds": f"{state.elapsed:.0f}",
        "recipe": recipe.to_toml(),
    }
    unfinished = path.with_name(path.name + ".part")
    save_network(state.average, unfinished, metadata=facts)
    unfinished.replace(path)
    return path


def _validate(weights: Path, state: TrainState, out: Path, say: Say) -> None:
    for folder, found in validate(weights, state.config).items():
        say(f"{folder}: " + "  ".join(f"{name} {value:.4f}" for name, value in found.items()))
        with (out / "validation.csv").open("a", newline="") as file:
            csv.writer(file).writerow([state.step, folder, *(f"{value:.4f}" for value in found.values())])
