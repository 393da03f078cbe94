"""The training run."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import time
import warnings
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from bottomup._files import replacing, write_atomically
from bottomup.networks.field_network import change_config, save_network
from bottomup.training.config import TrainConfig
from bottomup.training.crop_dataset import Batch, BatchNumbers
from bottomup.training.devices import Computer, Place, crop_workers, make_computer, one_thread, take_place
from bottomup.training.examples import Example, load_examples, read_source
from bottomup.training.modes import make_crops
from bottomup.training.pose_denoiser import train_pose_denoiser
from bottomup.training.pretrained import is_weight_file
from bottomup.training.report import Log, Say
from bottomup.training.source import Source
from bottomup.training.state import TrainState
from bottomup.training.teacher import KeptMaps, Teacher
from bottomup.training.threshold import judge_held_out
from bottomup.training.unpacking import unpack
from bottomup.training.validation import validate

Sets = list[tuple[Source, Sequence[Example]]]
# Seconds; a first step compiles kernels and waits for the first crops.
_PATIENCE = 10.0
_SHARE_EVERY = 16  # steps
_BEST = "best.safetensors"


def train(config: TrainConfig, *, resume: bool = False, say: Say = print, sets: Sets | None = None) -> Path:
    """Train a network as a recipe says.

    Writes to `config.out`: `config.toml`, `log.csv`, `checkpoint.pt` (everything that a resumed run needs),
    `weights.safetensors` (the averaged weights, float16), `validation.csv` (step, folder, measure and its value)
    and `pictures/` (what the network makes of held-out photos). The teacher's maps are kept in `teacher/` beside that
    folder. With mode `poses` see `train_pose_denoiser`.

    In a process that `torchrun` started it trains together with the others; the first one writes and reports.

    Parameters
    ----------
    config:
        The recipe.
    resume:
        Go on from the checkpoint in `config.out`; without one there, begin.
    say:
        Receives a line of progress now and then.
    sets:
        The photos of the recipe's sources, if `load_sets` has read them already.

    Returns the path of the weights. Raises ValueError if a run is in `config.out` already and `resume` is false, if
    a source has no photos, or if the loss is no longer finite.
    """
    with take_place(config.device) as place:
        return train_at(place, config, resume=resume, say=say, sets=sets)


def train_at(
    place: Place, config: TrainConfig, *, resume: bool = False, say: Say = print, sets: Sets | None = None
) -> Path:
    """See `train`, by a process that has taken its place."""
    if config.mode == "poses":
        if place.is_first:
            train_pose_denoiser(config, say)
        place.wait()
        return Path(config.out) / "weights.safetensors"
    out = Path(config.out)
    checkpoint = out / "checkpoint.pt"
    if checkpoint.is_file() and not resume:
        raise ValueError(f"out must be a new folder, or resume be set, but {checkpoint} is there")
    batch = config.batch or place.world * (64 if place.device.type == "cuda" else 16)
    if batch % place.world:
        raise ValueError(f"batch must be a multiple of the {place.world} processes but is {batch}")
    if not place.is_first:
        say = _say_nothing
        place.wait()  # for the teacher's maps
    if not Path(config.data).exists():
        raise FileNotFoundError(f"data must be a folder but there is no {config.data}")
    out.mkdir(parents=True, exist_ok=True)
    config = dataclasses.replace(config, data=str(unpack(Path(config.data))), batch=batch)
    sets = load_sets(config, say) if sets is None else sets
    if place.is_first:
        write_atomically(out / "config.toml", config.to_toml())
        place.wait()
    state = TrainState(config, place.device, fresh=not checkpoint.is_file())
    if checkpoint.is_file():
        state.load(checkpoint)
        say(f"going on at step {state.step}")
    crops = make_crops(config, config.network.skeleton, sets)
    with contextlib.closing(make_computer(state.network, config, place)) as computer, one_thread():
        _run(state, computer, crops, place, say)
    place.wait()
    return out / "weights.safetensors"


def _say_nothing(_: str) -> None:
    pass


def load_teacher(config: TrainConfig) -> tuple[Teacher | KeptMaps | None, Path]:
    """The recipe's teacher, if it has one that looks at whole photos, and the folder in which its maps are kept."""
    path = Path(config.data) / config.teacher
    if config.mode == "crops":
        return None, path
    if config.teacher and path.is_dir():
        return KeptMaps(), path
    teacher = Teacher(path, config.network.skeleton) if config.teacher else None
    return teacher, Path(config.out).parent / "teacher" / path.stem


def load_sets(config: TrainConfig, say: Say) -> Sets:
    """The photos of every source that does not hold all of them out, with the teacher's maps."""
    root, skeleton = Path(config.data), config.network.skeleton
    teacher, cache = load_teacher(config)
    sets: Sets = []
    for source in config.sources:
        photos, held = read_source(source, root, skeleton)
        if not photos and not held:
            raise ValueError(f"sources must hold photos but {source.folder} has none")
        say(f"{source.folder}: {len(photos)} photos, {len(held)} held out")
        if not photos:
            continue
        if photos[0].unused:
            say(f"{source.folder}: not learnt, since {skeleton.name} has no such joints: {', '.join(photos[0].unused)}")
        sets.append((source, load_examples(source, photos, teacher, cache, keep=config.keep_photos)))
    if not sets:
        raise ValueError("sources must hold photos to train on but all of theirs are held out")
    return sets


def _run(state: TrainState, computer: Computer, crops: Dataset[Batch], place: Place, say: Say) -> None:
    config, out = state.config, Path(state.config.out)
    with contextlib.ExitStack() as stack:
        log = Log(out, say, tensorboard=config.tensorboard) if place.is_first else None
        if log is not None:
            stack.callback(log.close)
        # Workers end here: Python crashed when OpenVINO had run since they were forked, and they ended after that.
        with contextlib.closing(_batches(state, crops, place)) as batches:
            _go_through(state, computer, batches, place, log)
        if log is not None:
            state.save(out / "checkpoint.pt")
            _finish(state, _export(state, out), log, say)


def _measure(state: TrainState, weights: Path, log: Log) -> bool:
    """Validate the weights and keep a copy of the best; returns whether these are."""
    found = validate(weights, state.config, weights.parent / "pictures")
    log.validated(state.step, found)
    precisions = [values["AP"] for values in found.values() if "AP" in values]
    is_best = bool(precisions) and state.measured(sum(precisions) / len(precisions))
    if is_best and state.config.keep_best:
        shutil.copyfile(weights, weights.with_name(_BEST))
    return is_best


def _finish(state: TrainState, weights: Path, log: Log, say: Say) -> None:
    """The last validation, the best weights if those are wanted, and what their scores mean."""
    best = weights.with_name(_BEST)
    if not _measure(state, weights, log) and state.config.keep_best and best.is_file():
        shutil.copyfile(best, weights)
        say(f"kept the best weights on the way: AP {state.best:.4f}")
    # A network for crops that is to have a part in what others find is judged by what the built-in network finds.
    if state.config.calibrate and (state.config.mode == "fields" or state.config.network.refine_share < 1):
        judged = judge_held_out(weights, state.config)
        if (threshold := judged.person_threshold) is not None:
            change_config(weights, person_threshold=threshold)
            say(f"person_threshold {threshold:.2f}")
        if (curves := judged.found.calibration) is not None:
            change_config(weights, calibration=curves)
            say(
                f"half are right of people with score {curves.people.half:.2f}, of joints with {curves.joints.half:.2f}"
            )


def _go_through(state: TrainState, computer: Computer, batches: Iterator[Batch], place: Place, log: Log | None) -> None:
    """Train to the end of the schedule; the process that has a log writes it and saves now and then."""
    config, out = state.config, Path(state.config.out)
    stopwatch = _Stopwatch()
    saved = validated = state.elapsed
    spent, clock = 0.0, time.monotonic()
    while state.progress < 1:
        rate = state.set_learning_rate()
        batch = next(batches)
        losses = train_step(state, computer, batch)
        now = time.monotonic()
        spent, clock = spent + stopwatch.counted(now - clock), now
        # All processes must agree on how far they are; to ask at every step would keep GPUs waiting.
        if place.world == 1 or state.step % _SHARE_EVERY == 0 or state.progress >= 1:
            state.elapsed, spent = place.share(state.elapsed + spent), 0.0
            state.over = bool(place.share(float(state.over)))
        if log is None:
            continue
        log.add(state, rate, batch[0].shape[-1], losses)
        if state.elapsed - saved >= 60 * config.checkpoint_minutes and state.progress < 1:
            saved = state.elapsed
            log.check()
            state.save(out / "checkpoint.pt")
            weights = _export(state, out)
            if config.validate_minutes and state.elapsed - validated >= 60 * config.validate_minutes:
                validated = state.elapsed
                _measure(state, weights, log)
                clock = time.monotonic()  # the schedule is for training


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


def train_step(state: TrainState, computer: Computer, batch: Batch) -> torch.Tensor:
    """One step on one batch; returns (4,) loss, loss of the heatmaps, loss of the pafs, norm of the gradient."""
    losses = computer.backward(batch)
    norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), state.config.clip)
    state.optimizer.step()
    state.step += 1
    state.update_average()
    return torch.stack([losses.sum(), *losses, norm])


def _batches(state: TrainState, crops: Dataset[Batch], place: Place) -> Generator[Batch, None, None]:
    """The batches from the state's step on, without end; closing it ends the workers."""
    config, workers = state.config, crop_workers(state.config, place)

    def crop_size(step: int) -> int:
        # Batches are asked for a little ahead; with `steps` their size must not depend on how far ahead.
        return config.crop_size(step / config.steps if config.steps else state.progress)

    numbers = BatchNumbers(state.step, config.batch, crop_size, place.rank, place.world)
    # Forked workers share the photos in memory with this process.
    extra: dict[str, Any] = {"multiprocessing_context": "fork", "prefetch_factor": 3} if workers else {}
    extra["pin_memory"] = place.device.type == "cuda"
    with warnings.catch_warnings():
        # Python 3.12 warns of every fork of a process that has threads; the workers use none of them.
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        batches = iter(DataLoader(crops, batch_size=None, sampler=numbers, num_workers=workers, **extra))
    yield from batches


def _export(state: TrainState, out: Path) -> Path:
    path = out / "weights.safetensors"
    # Where this run kept its files concerns no other.
    started_from = state.config.initial_weights
    if is_weight_file(started_from):
        started_from = Path(started_from).name
    recipe = dataclasses.replace(state.config, data=".", out=".", initial_weights=started_from)
    facts = {
        "step": str(state.step),
        "crops": str(state.step * state.config.batch),
        "training_seconds": f"{state.elapsed:.0f}",
        "recipe": recipe.to_toml(),
    }
    with replacing(path) as unfinished:
        save_network(state.result(), unfinished, metadata=facts)
    return path
