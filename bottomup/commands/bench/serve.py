"""`bottomup bench serve`: the service under load."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bottomup.commands._options import FAILED, WRONG_USAGE, HeightOption, make_settings, new_app, stop

if TYPE_CHECKING:
    from bottomup.benchmarks.service import LoadFigures, Shot

app = new_app()


@app.command()
def serve(
    photos: Annotated[Path, typer.Argument(metavar="DIR", help="Photos that the clients send.")],
    clients: Annotated[int, typer.Option(min=1, max=5000, help="That send at the same time.")] = 200,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Of load.")] = 60.0,
    broken: Annotated[float, typer.Option(min=0, max=1, help="Share of broken requests.")] = 0.1,
    slow: Annotated[int, typer.Option(min=0, help="Clients beside them whose bodies take for ever.")] = 20,
    pictures: Annotated[int, typer.Option(min=1, help="How many of the photos.")] = 50,
    model: Annotated[str, typer.Option(metavar="NAME|FILE", help="The network.")] = "default",
    input_height: HeightOption = None,
) -> None:
    """Measure `bottomup serve` on this computer, beside calling the Detector in a loop.

    At the end it is told to stop while clients still send. Exit code 1: an answer was wrong, or one was lost.
    """
    from bottomup.benchmarks.service import Load

    try:
        shots, loop_rate = _look(photos, pictures, model, input_height)
    except (ValueError, OSError, ImportError) as error:
        stop(str(error), WRONG_USAGE)
    command = [sys.executable, "-m", "bottomup", "serve", "--port", "0", "--model", model, "--drain", "0.5"]
    command += [] if input_height is None else ["--input-height", str(input_height)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        port = _port(process)
        load = Load(port, shots, broken=broken, slow=slow, pid=process.pid)
        asyncio.run(load.run(min(clients, 8), 2.0))  # until everything is loaded
        load = Load(port, shots, broken=broken, slow=slow, pid=process.pid)
        figures = asyncio.run(load.run(clients, seconds))
        last = Load(port, shots, broken=0.0)
        ending = asyncio.run(last.run(clients, 60.0, (2.0, lambda: process.send_signal(signal.SIGTERM))))
        code = process.wait(60)
    finally:
        process.kill()
        process.wait()
    _report(figures, ending, loop_rate, code)
    if figures.wrong or figures.lost or ending.wrong or ending.lost or 500 in figures.statuses:
        raise typer.Exit(FAILED)


def _look(photos: Path, count: int, model: str, input_height: int | None) -> tuple[list[Shot], float]:
    """The photos with the people that a Detector finds, and how many it does in a second, files and all."""
    from bottomup.benchmarks.service import Shot
    from bottomup.detector import Detector
    from bottomup.image import PICTURE_SUFFIXES, to_bgr

    paths = [path for path in sorted(photos.iterdir()) if path.suffix.lower() in PICTURE_SUFFIXES][:count]
    if not paths:
        raise ValueError(f"{str(photos)!r} must be a folder of photos but has none")
    detector = Detector(model, settings=make_settings(input_height=input_height))
    detector(to_bgr(paths[0]))
    started = time.perf_counter()
    people = [detector(to_bgr(path)) for path in paths]
    rate = len(paths) / (time.perf_counter() - started)
    return [Shot(path.read_bytes(), found.to_dict()["people"]) for path, found in zip(paths, people, strict=True)], rate


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    for line in process.stderr:
        if match := re.search(r"http://127\.0\.0\.1:(\d+)", line):
            # What it still says is shown, and a full pipe would stop it.
            threading.Thread(target=shutil.copyfileobj, args=(process.stderr, sys.stderr), daemon=True).start()
            return int(match[1])
    raise RuntimeError("the service did not start")


def _report(figures: LoadFigures, ending: LoadFigures, loop_rate: float, code: int) -> None:
    answers = ", ".join(f"{status}: {count}" for status, count in sorted(figures.statuses.items()))
    refusals = ", ".join(f"{status}: {count}" for status, count in sorted(figures.broken_statuses.items()))
    print(f"good requests    {sum(figures.statuses.values())} ({answers}); wrong {figures.wrong}, lost {figures.lost}")
    print(f"broken requests  {refusals}")
    print(f"latency          p50 {figures.percentile(50):.2f} s, p99 {figures.percentile(99):.2f} s")
    print(f"throughput       {figures.pictures_per_second:.1f} pictures/s; Detector in a loop {loop_rate:.1f}")
    if figures.memory:
        sizes = [size / 2**20 for _, size in figures.memory]
        third = len(sizes) // 3
        print(
            f"memory           {sizes[0]:.0f} MiB at first, {sizes[third]:.0f} after a third, {sizes[-1]:.0f} at last, "
            f"{max(sizes):.0f} at most"
        )
    print(
        f"stopped by a signal: {len(ending.latencies)} answered, {ending.lost} lost, {ending.refused} not taken any "
        f"more; exit code {code}"
    )
