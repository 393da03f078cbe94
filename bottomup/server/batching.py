"""Dynamic batching: pictures of many requests are shown to the network together, none waits long for others."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bottomup.detector import Detector
from bottomup.image import BgrImage
from bottomup.people import People
from bottomup.server.errors import RefusalError, internal_error, log
from bottomup.server.metrics import Metrics
from bottomup.server.options import ServerOptions

_SLOWEST_GUESS = 60  # seconds; nobody is told to come back later than that
_GPU_BATCH = 8  # enough to fill a GPU, as `Detector` takes of a list
_HOPEFUL = 0.7  # of the time for an answer may pass in the queue, as far as can be foreseen
_FIRST_PACE = 0.1  # seconds per picture before any was answered
_MEMORY = 0.95  # of what is known of the pace stays with each answer, so that it is that of the last 20 or so


@dataclass(eq=False)
class _Job:
    """One picture, what is to be done with it, and where its answer goes."""

    detector: Detector
    picture: BgrImage
    key: Hashable  # pictures of one key can be shown to the network at once
    answer: asyncio.Future[People]
    arrived: float


class Batcher:
    """A queue of pictures before worker threads that run a Detector.

    Pictures for the same Detector that the network sees at the same size go together, up to `batch_size` of them. The
    oldest picture is always in the next batch, and waits at most `batch_latency` seconds for others while a
    worker is free. While all are busy the queue fills, and the next batch with it.

    Parameters
    ----------
    options:
        `batch_size`, `batch_latency`, `workers`, `max_queue`, `request_timeout` and `stop_timeout` count.
    metrics:
        Where batch sizes, waiting times and the length of the queue are counted.
    """

    def __init__(self, options: ServerOptions, metrics: Metrics) -> None:
        self._options, self._metrics = options, metrics
        self._waiting: deque[_Job] = deque()
        self._changed = asyncio.Condition()
        self._threads = ThreadPoolExecutor(options.workers, thread_name_prefix="bottomup-network")
        self._workers: list[asyncio.Task[None]] = []
        self._accepted = 0
        self._is_closing = False
        self._answers, self._seconds = 1.0, _FIRST_PACE  # the last ones, the older the less
        self._since = 0.0  # the last answer, or where there was nothing to do, the next picture

    def start(self) -> None:
        """Begin to work, in the running event loop."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._options.workers)]

    async def stop(self) -> None:
        """Finish what is running and end the threads; what still waits is cancelled."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for job in self._waiting:
            job.answer.cancel()
        await asyncio.to_thread(self._threads.shutdown)

    def refuse_waiting(self) -> None:
        """Refuse the pictures that still wait, since the service stops; those that the network sees are finished."""
        self._is_closing = True
        for job in self._waiting:
            if not job.answer.done():
                job.answer.set_exception(_stopping())

    @property
    def is_alive(self) -> bool:
        """Whether every worker still works."""
        return bool(self._workers) and not any(worker.done() for worker in self._workers)

    def accept(self, pictures: int = 1) -> Slot:
        """Room for so many pictures in the queue, to be used as a context manager.

        Raises `RefusalError` (429, with the seconds after which there should be room) if there is none, or if the queue
        is so long that they would hardly be answered in time, or not before the end if the signal to stop came now.
        """
        pace = self._seconds / self._answers
        wait = (self._accepted + pictures) * pace
        is_late = self._accepted > 0 and wait > _HOPEFUL * min(
            self._options.request_timeout, self._options.stop_timeout
        )
        if is_late or (pictures and self._accepted + pictures > self._options.max_queue):
            seconds = math.ceil(max(1.0, self._accepted * pace / 2))
            raise RefusalError(
                429, "queue_full", "the service has as many pictures as it can take on; try again later",
                retry_after=min(seconds, _SLOWEST_GUESS),
            )  # fmt: skip
        return Slot(self, pictures)

    def count(self, pictures: int) -> None:
        """Add to the number of accepted pictures, or with a negative number to that of answered ones; `Slot` does."""
        now = time.perf_counter()
        if pictures < 0:
            self._answers = _MEMORY * self._answers - pictures
            self._seconds = _MEMORY * self._seconds + now - self._since
        if pictures < 0 or self._accepted == 0:
            self._since = now
        self._accepted += pictures
        self._metrics.queue.set(self._accepted)

    async def detect(self, detector: Detector, picture: BgrImage) -> People:
        """The people in a picture, as `detector(picture)`; if the caller is cancelled, the picture is left out.

        Raises `RefusalError` (503) if the service stops before the network sees it.
        """
        if self._is_closing:
            raise _stopping()
        height, width, _ = picture.shape
        key = (id(detector), detector.letterbox(height, width).padded_size)
        job = _Job(detector, picture, key, asyncio.get_running_loop().create_future(), time.perf_counter())
        async with self._changed:
            self._waiting.append(job)
            self._changed.notify_all()
        return await job.answer

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function in the workers' threads, between the batches."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def _work(self) -> None:
        while True:
            batch = await self._next_batch()
            if not batch:
                continue
            started = time.perf_counter()
            for job in batch:
                self._metrics.wait.observe(started - job.arrived)
            self._metrics.batch.observe(len(batch))
            results = await self.run(_detect, [(job.detector, job.picture) for job in batch])
            self._metrics.network.observe((time.perf_counter() - started) / len(batch))
            for job, result in zip(batch, results, strict=True):
                if job.answer.done():
                    continue
                if isinstance(result, BaseException):
                    job.answer.set_exception(result)
                else:
                    job.answer.set_result(result)

    async def _next_batch(self) -> list[_Job]:
        async with self._changed:
            await self._changed.wait_for(lambda: self._waiting)
            oldest = self._waiting[0]
            deadline = oldest.arrived + self._options.batch_latency
            while oldest in self._waiting and len(self._fitting(oldest)) < self._largest(oldest):
                left = deadline - time.perf_counter()
                if left <= 0:
                    break
                try:
                    await asyncio.wait_for(self._changed.wait(), left)
                except TimeoutError:
                    break
            if oldest not in self._waiting:
                return []  # another worker has taken it
            batch = self._fitting(oldest)
            taken = set(map(id, batch))
            self._waiting = deque(job for job in self._waiting if id(job) not in taken)
        return [job for job in batch if not job.answer.done()]

    def _fitting(self, oldest: _Job) -> list[_Job]:
        """The first pictures of the queue that go with its oldest, without those that are not wanted any more."""
        fitting = [oldest]
        for job in self._waiting:
            if job is not oldest and job.key == oldest.key and not job.answer.done():
                fitting.append(job)
        return fitting[: self._largest(oldest)]

    def _largest(self, job: _Job) -> int:
        return self._options.batch_size or (1 if job.detector.backend.device == "cpu" else _GPU_BATCH)


class Slot:
    """Room in the queue for a request's pictures, given back at the end of the `with`."""

    def __init__(self, batcher: Batcher, pictures: int) -> None:
        self._batcher, self._pictures = batcher, pictures

    def __enter__(self) -> Slot:
        self._batcher.count(self._pictures)
        return self

    def __exit__(self, *_: object) -> None:
        self._batcher.count(-self._pictures)


def _stopping() -> RefusalError:
    return RefusalError(503, "stopping", "the service stops before it can answer; try again", retry_after=5)


def _detect(jobs: list[tuple[Detector, BgrImage]]) -> list[People | RefusalError]:
    """The people of pictures for one Detector; if that fails, each by itself, so that only the culprit's answer is a
    refusal."""
    detector = jobs[0][0]
    try:
        people: list[People] = detector([picture for _, picture in jobs])
        return list(people)
    except Exception as error:
        if len(jobs) == 1:
            return [internal_error(error)]
        log.warning("a batch of %d pictures failed; they are looked at one by one", len(jobs))
        return [result for job in jobs for result in _detect([job])]
