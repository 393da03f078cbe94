"""Load on a running service: many clients at once, some of them broken, slow or gone; and the signal to stop."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

_CLOSE_ENOUGH = 0.1  # pixels; a batch of several pictures rounds otherwise than one
_SCORE_CLOSE_ENOUGH = 0.01
_SLOW_PIECE = 0.2  # seconds between the bytes of a slow client


@dataclass
class LoadFigures:
    """What clients saw.

    latencies: seconds of good requests, from the connection to the whole answer.
    statuses: of all answers. wrong: answers of good requests that were not what the Detector found.
    lost: good requests that were sent in full and never answered. refused: connections that were not taken any more.
    seconds: how long the load lasted. memory: (seconds, bytes) of the server's resident memory.
    """

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    broken_statuses: Counter[int] = field(default_factory=Counter)
    wrong: int = 0
    lost: int = 0
    refused: int = 0
    seconds: float = 0.0
    memory: list[tuple[float, int]] = field(default_factory=list)

    def percentile(self, percent: float) -> float:
        """Of the latencies, seconds; NaN if there are none."""
        return float(np.percentile(self.latencies, percent)) if self.latencies else float("nan")

    @property
    def pictures_per_second(self) -> float:
        """Good answers over the time of the load."""
        return len(self.latencies) / self.seconds if self.seconds else float("nan")


@dataclass(frozen=True)
class Shot:
    """A picture to send, and the people that have to come back."""

    data: bytes
    people: list[dict[str, Any]]


class Load:
    """Clients of the service on one port of this computer.

    Parameters
    ----------
    port:
        Where it listens, on 127.0.0.1.
    shots:
        What good clients send, in turn.
    broken:
        Share of requests that are broken, 0 to 1.
    slow:
        Clients, beside the others, that send their bodies a few bytes at a time.
    pid:
        The server's process, whose memory is watched; None to do without.
    """

    def __init__(
        self, port: int, shots: Sequence[Shot], *, broken: float = 0.1, slow: int = 0, pid: int | None = None
    ) -> None:
        self._port, self._shots, self._broken, self._slow, self._pid = port, shots, broken, slow, pid
        self.figures = LoadFigures()
        self._ends = 0.0

    async def run(
        self, clients: int, seconds: float, at: tuple[float, Callable[[], None]] | None = None
    ) -> LoadFigures:
        """Keep up the load; `at` is a time, in seconds from the start, and what is done then."""
        started = time.monotonic()
        self._ends = started + seconds
        others = [self._crawl(random.Random(-number)) for number in range(self._slow)]
        if self._pid is not None:
            others.append(self._watch(started, self._pid))
        if at is not None:
            others.append(_later(*at))
        watching = [asyncio.create_task(other) for other in others]
        await asyncio.gather(*(self._client(random.Random(number)) for number in range(clients)))
        self.figures.seconds = time.monotonic() - started
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        return self.figures

    async def _client(self, choice: random.Random) -> None:
        while time.monotonic() < self._ends:
            if choice.random() < self._broken:
                await self._send_broken(choice)
            elif not await self._send_good(self._shots[choice.randrange(len(self._shots))]):
                return

    async def _send_good(self, shot: Shot) -> bool:
        """Whether the service still takes connections."""
        started = time.monotonic()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            self.figures.refused += 1
            return False
        try:
            writer.write(_request(len(shot.data)) + shot.data)
            await writer.drain()
            status, body = await _answer(reader)
        except (OSError, EOFError, ValueError):
            self.figures.lost += 1
            return True
        finally:
            writer.close()
        self.figures.statuses[status] += 1
        if status == 200:
            self.figures.latencies.append(time.monotonic() - started)
            self.figures.wrong += not same_people(json.loads(body)["rows"][0]["people"], shot.people)
        elif status == 429:
            await asyncio.sleep(0.5)
        return True

    async def _send_broken(self, choice: random.Random) -> None:
        good = self._shots[choice.randrange(len(self._shots))].data
        data, length = choice.choice([
            (good[: len(good) // 2], None),  # a file that ends too soon
            (choice.randbytes(5000), None),
            (b"", None),
            (good[:1000], len(good)),  # a client that goes in the middle
            (good[:1000], 10**9),  # more than is allowed
            (b"--x\r\nContent-Disposition: form-data\r\n\r\nabc", None),
        ])  # fmt: skip
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return
        try:
            writer.write(_request(len(data) if length is None else length) + data)
            await writer.drain()
            if length is None or length > len(good):
                status, _ = await _answer(reader)
                self.figures.broken_statuses[status] += 1
        except (OSError, EOFError, ValueError):
            self.figures.broken_statuses[0] += 1
        finally:
            writer.close()

    async def _crawl(self, choice: random.Random) -> None:
        """A client whose body takes for ever."""
        while True:
            data = self._shots[choice.randrange(len(self._shots))].data
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.write(_request(len(data)))
                for start in range(0, len(data), 100):
                    writer.write(data[start : start + 100])
                    await writer.drain()
                    await asyncio.sleep(_SLOW_PIECE)
            except OSError:
                await asyncio.sleep(1)

    async def _watch(self, started: float, pid: int) -> None:
        while (size := resident_bytes(pid)) is not None:
            self.figures.memory.append((time.monotonic() - started, size))
            await asyncio.sleep(1)


async def _later(seconds: float, action: Callable[[], None]) -> None:
    await asyncio.sleep(seconds)
    action()


def _request(length: int) -> bytes:
    return f"POST /v1/detect HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n".encode()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body; EOFError if the connection ends before."""
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    if not head:
        raise EOFError
    return int(head.split()[1]), body


def same_people(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> bool:
    """Whether people, as in rows, are the same but for what a batch of several pictures rounds otherwise than one."""
    if len(found) != len(expected):
        return False
    for one, other in zip(found, expected, strict=True):
        difference = np.abs(np.reshape(one["keypoints"], (-1, 3)) - np.reshape(other["keypoints"], (-1, 3)))
        if difference[:, :2].max() > _CLOSE_ENOUGH or difference[:, 2].max() > _SCORE_CLOSE_ENOUGH:
            return False
    return True


def resident_bytes(pid: int) -> int | None:
    """A process's resident memory; None where it has ended or the system does not tell."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return None
    lines = (line.split() for line in text.splitlines() if line.startswith("VmRSS:"))
    return next((1024 * int(words[1]) for words in lines), None)
