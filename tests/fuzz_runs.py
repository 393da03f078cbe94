"""Faults in the middle of `bottomup detect` and `bottomup eval`: nothing that was found is lost, exit codes are right.

    python -m tests.fuzz_runs --count 200 --seed 0

Each run is disturbed at a random time in one way: killed, interrupted, its files limited as by a full disk, its folder
of results or some of its pictures removed, its stdout full or closed. Each has a seed, which is printed with what went
wrong; `--seed N --count 1` makes it again.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.makers.evaluation import pose, write_labels
from tests.makers.jobs import encoded, start_slowly

PICTURES = 24
FAULTS = ("kill", "interrupt", "disk", "folder", "pictures", "full", "closed")
Disturb = Callable[[subprocess.Popen[str], np.random.Generator], None]


class Case:
    """A folder with pictures of one person each, labels of them, and a place for results."""

    def __init__(self, folder: Path, command: str) -> None:
        self.data, self.out, self.command = folder / "data", folder / "out", command
        (self.data / "images").mkdir(parents=True)
        for key in range(1, PICTURES + 1):
            (self.data / "images" / f"{key}.png").write_bytes(encoded(1, (240, 320)))
        sizes = {key: {"width": 320, "height": 240} for key in range(1, PICTURES + 1)}
        write_labels(self.data / "annotations.json", {key: [pose()] for key in sizes}, images=sizes)

    def start(self, output: str = "") -> subprocess.Popen[str]:
        """The command in a process of its own."""
        what = ["detect", str(self.data / "images"), "--no-draw"] if self.command == "detect" else self._eval()
        return start_slowly(*what, "--out", str(self.out), pause=0.03, output=output)

    def _eval(self) -> list[str]:
        return ["eval", "coco", str(self.data), "--worst", "0"]

    def found(self) -> set[int]:
        """The pictures whose people are in the file of results; empty if there is none."""
        path = self.out / "results.json"
        return {entry["image_id"] for entry in json.loads(path.read_text())} if path.is_file() else set()

    def lines(self) -> int:
        """Pictures in the log of a run that did not end; ValueError if a line but the last is broken."""
        logs = [*self.out.glob("*.partial*"), *self.out.glob("*.jsonl")]
        whole = [line for log in logs for line in log.read_bytes().split(b"\n")[:-1]]
        return sum("people" in json.loads(line) or "keypoints" in str(line) for line in whole)


def disturb(case: Case, fault: str, process: subprocess.Popen[str], rng: np.random.Generator) -> None:
    """Do it to a run: at any time between its first result and its end, or from the beginning."""
    if fault == "disk":
        limit = int(rng.integers(1, 60_000))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, limit))
    if fault in ("disk", "full", "closed"):
        return
    wanted, patience = int(rng.integers(0, PICTURES)), time.monotonic() + 60
    while process.poll() is None and case.lines() < wanted and time.monotonic() < patience:
        time.sleep(0.005)
    time.sleep(float(rng.random()) * 0.05)
    if fault == "kill":
        process.kill()
    elif fault == "interrupt":
        process.send_signal(signal.SIGINT)
    elif fault == "folder":
        shutil.rmtree(case.out, ignore_errors=True)
    else:
        for key in rng.choice(np.arange(1, PICTURES + 1), 8, replace=False):
            (case.data / "images" / f"{key}.png").unlink()


def inject(seed: int, folder: Path) -> tuple[str, str]:
    """What was done in the run of this seed, and what is wrong with what came of it, "" if nothing is."""
    rng = np.random.default_rng(seed)
    command, fault = ("detect", "eval")[seed % 2], FAULTS[seed // 2 % len(FAULTS)]
    case, name = Case(folder, command), f"{command}, {fault}"
    process = case.start(output=fault if fault in ("full", "closed") else "")
    try:
        disturb(case, fault, process, rng)
        output, errors = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return name, "it hangs"
    # Python itself tells of an interruption while it still starts and imports the package.
    starts = fault == "interrupt" and errors.rstrip().endswith("KeyboardInterrupt") and "<frozen " in errors
    if starts and not case.found() and not case.lines():
        return name, ""
    if "Traceback" in errors or "Exception ignored" in errors:
        return name, errors[-800:]
    return name, _judge(case, fault, process.returncode, output or "", errors)


def _judge(case: Case, fault: str, code: int, output: str, errors: str) -> str:
    everything, found, kept = set(range(1, PICTURES + 1)), case.found(), case.lines()
    codes = {
        "kill": (-signal.SIGKILL, 0), "interrupt": (130, 0, -signal.SIGINT), "disk": (0, 1), "folder": (0, 1),
        "pictures": (0, 1), "full": (1,), "closed": (1,),
    }[fault]  # fmt: skip
    if code not in codes:
        return f"exit code {code}: {errors[-400:]}"
    begun = bool(found or kept)  # Python itself is ended by it before the command's first line and after its last
    if code == -signal.SIGINT and found != everything and begun:
        return f"ended by the signal with {len(found)} of {PICTURES} pictures"
    if code == 1 and not errors.strip() and case.command == "eval":
        return "exit code 1 without a word"
    if fault == "folder" and code == 0 and not case.out.exists():
        return _judge_second_run(case, fault, found, kept, everything)  # removed after the results were whole
    if code == 0 and found != everything and fault != "pictures":
        return f"exit code 0 with {len(found)} of {PICTURES} pictures"
    if fault in ("full", "closed") and found != everything:
        return f"{len(found)} of {PICTURES} pictures, though only the output failed"
    told = f"after {max(len(found), kept)} of {PICTURES}" in errors or found == everything  # nothing to tell at the end
    if fault == "interrupt" and code == 130 and not told:
        return f"{len(found)} pictures in the results, {kept} in the log, but told: {errors[-300:]}"
    if fault == "pictures":
        return _judge_pictures(case, code, found, errors)
    return _judge_second_run(case, fault, found, kept, everything)


def _judge_pictures(case: Case, code: int, found: set[int], errors: str) -> str:
    there = {int(path.stem) for path in (case.data / "images").glob("*.png")}
    if not there <= found:
        return f"pictures {sorted(there - found)} are there but without results: {errors[-300:]}"
    return "" if (code == 0) == (len(found) == PICTURES) else f"exit code {code} with {len(found)} pictures"


def _judge_second_run(case: Case, fault: str, found: set[int], kept: int, everything: set[int]) -> str:
    """The same command again, undisturbed: it is whole, and what the first one kept is still there."""
    process = case.start()
    _, errors = process.communicate(timeout=120)
    if process.returncode != 0 or case.found() != everything:
        return f"the next run ends with {process.returncode} and {len(case.found())} pictures: {errors[-400:]}"
    if case.command == "detect" and case.lines() < kept:
        return f"the first run kept {kept} pictures, of which {case.lines()} are left"
    if case.command == "eval" and kept and f"{kept} of {PICTURES} photos were looked at before" not in errors:
        return f"the first run kept {kept} pictures but the next tells {errors[-300:]}"
    return ""


def fuzz(seed: int, count: int) -> tuple[Counter[str], list[str]]:
    """How many runs were disturbed in which way, and what was found, each with its seed."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for number in range(seed, seed + count):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            name, what = inject(number, Path(folder))
        counts[name] += 1
        if what:
            wrong.append(f"seed {number}, {name}: {what}")
    return counts, wrong


def main() -> int:
    """The exit code: 1 if anything was found."""
    parser: Any = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    counts, wrong = fuzz(options.seed, options.count)
    print(f"seeds {options.seed} to {options.seed + options.count - 1}: {dict(sorted(counts.items()))}")
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
