"""What a run tells: a line and a row now and then, TensorBoard if wanted, pictures of what the network sees."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from bottomup._files import LineLog
from bottomup.training.state import TrainState

COLUMNS = ("step", "crops", "elapsed", "crop_size", "learning_rate", "loss", "heatmaps", "pafs", "gradient")
VALIDATION_COLUMNS = ("step", "folder", "measure", "value")
LOG_EVERY = 50

Say = Callable[[str], None]


class Log:
    """Means of the losses, every `LOG_EVERY` steps: a row of `log.csv`, a line, and TensorBoard's curves.

    Raises ImportError that names the extra if TensorBoard is wanted and not installed.
    """

    def __init__(self, out: Path, say: Say, *, tensorboard: bool = False) -> None:
        self._out, self._say = out, say
        self._recent: list[tuple[int, torch.Tensor]] = []
        self._board = _open_board(out) if tensorboard else None
        if not (out / "log.csv").is_file():
            self._append("log.csv", COLUMNS)
        if not (out / "validation.csv").is_file():
            self._append("validation.csv", VALIDATION_COLUMNS)

    def close(self) -> None:
        """Finish TensorBoard's file."""
        if self._board is not None:
            self._board.close()

    def add(self, state: TrainState, rate: float, crop_size: int, losses: torch.Tensor) -> None:
        """Note one step: (4,) loss, loss of the heatmaps, loss of the pafs, norm of the gradient, on any device.

        They are looked at when a row is written, not before, so that a GPU need not be waited for. ValueError then
        if the loss is no longer finite.
        """
        self._recent.append((state.step, losses))
        if state.step % LOG_EVERY and state.progress < 1:
            return
        means = self.check().mean(0).tolist()
        self._recent.clear()
        crops = state.step * state.config.batch
        row = dict(zip(COLUMNS, (state.step, crops, state.elapsed, crop_size, rate, *means), strict=True))
        self._append("log.csv", [f"{value:.6g}" for value in row.values()])
        self._draw({name: row[name] for name in COLUMNS[3:]}, state.step)
        done = state.progress
        left = state.elapsed * (1 - done) / max(done, 1e-9)
        self._say(
            f"{100 * done:5.1f} %  step {state.step}  loss {means[0]:.3f}"
            f" (heatmaps {means[1]:.3f}, pafs {means[2]:.3f})  gradient {means[3]:.2f}"
            f"  rate {rate:.1e}  {crops / max(state.elapsed, 1e-9):.0f} crops/s  {left / 60:.0f} min left"
        )

    def check(self) -> torch.Tensor:
        """(n, 4) what was noted since the last row. ValueError if the loss is no longer finite."""
        if not self._recent:
            return torch.zeros(0, 4)
        losses = torch.stack([losses for _, losses in self._recent]).cpu()
        for (step, _), loss in zip(self._recent, losses[:, 0].tolist(), strict=True):
            if not math.isfinite(loss):
                raise ValueError(f"learning_rate must keep the loss finite but at step {step} it is {loss}")
        return losses

    def validated(self, step: int, found: dict[str, dict[str, float]]) -> None:
        """Note what the held-out photos gave."""
        for folder, values in found.items():
            self._say(f"{folder}: " + "  ".join(f"{name} {value:.4f}" for name, value in values.items()))
            for name, value in values.items():
                self._append("validation.csv", [step, folder, name, f"{value:.4f}"])
            self._draw({f"{folder}/{name}": value for name, value in values.items()}, step)

    def _append(self, name: str, row: Sequence[Any]) -> None:
        with LineLog(self._out / name) as log:
            line = io.StringIO()
            csv.writer(line, lineterminator="").writerow(row)
            log.add_line(line.getvalue())

    def _draw(self, values: dict[str, float], step: int) -> None:
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)


def _open_board(out: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError('tensorboard = true needs the package tensorboard: pip install "bottomup[train]"') from error
    return SummaryWriter(str(out / "tensorboard"))
