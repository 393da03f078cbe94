"""The queue: what goes together, what is refused, and what is left out."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bottomup.detector import Detector
from bottomup.server.batching import Batcher
from bottomup.server.errors import RefusalError
from bottomup.server.metrics import Metrics
from bottomup.server.options import ServerOptions
from bottomup.settings import Settings
from tests.makers.service import SeesRed, photo


@asynccontextmanager
async def batching(**options: Any) -> AsyncIterator[Batcher]:
    batcher = Batcher(ServerOptions(**options), Metrics())
    batcher.start()
    try:
        yield batcher
    finally:
        await batcher.stop()


def detector(backend: SeesRed, **settings: Any) -> Detector:
    return Detector(backend=backend, settings=Settings(input_height=240, **settings))


def test_pictures_of_one_size_and_detector_go_together() -> None:
    async def check() -> None:
        backend = SeesRed()
        one, other = detector(backend), detector(backend, joint_threshold=0.1)
        async with batching(batch_latency=1.0, batch_size=4) as batcher:
            wide, tall = photo(), photo(height=320, width=240)
            calls = [(one, wide), (one, tall), (other, wide), (one, wide), (one, wide), (one, wide), (one, tall)]
            people = await asyncio.gather(*(batcher.detect(*call) for call in calls))
        assert sorted(backend.batches) == [1, 2, 4]
        for (which, picture), found in zip(calls, people, strict=True):
            assert found == which(picture)
            assert len(found)

    asyncio.run(check())


def test_the_queue_fills_the_next_batch_while_the_network_is_busy() -> None:
    async def check() -> None:
        busy, go_on = threading.Event(), threading.Event()

        def wait(_: Any) -> None:
            busy.set()
            assert go_on.wait(60)

        backend = SeesRed(wait)
        one = detector(backend)
        async with batching(batch_latency=0.0, batch_size=8) as batcher:
            first = asyncio.create_task(batcher.detect(one, photo()))
            await asyncio.to_thread(busy.wait, 60)
            rest = [asyncio.create_task(batcher.detect(one, photo())) for _ in range(5)]
            await asyncio.sleep(0)
            go_on.set()
            await asyncio.gather(first, *rest)
        assert backend.batches == [1, 5]

    asyncio.run(check())


def test_a_picture_that_is_not_wanted_any_more_is_left_out() -> None:
    async def check() -> None:
        busy, go_on = threading.Event(), threading.Event()

        def wait(_: Any) -> None:
            busy.set()
            assert go_on.wait(60)

        backend = SeesRed(wait)
        one = detector(backend)
        async with batching(batch_latency=0.0, batch_size=8) as batcher:
            first = asyncio.create_task(batcher.detect(one, photo()))
            await asyncio.to_thread(busy.wait, 60)
            rest = [asyncio.create_task(batcher.detect(one, photo())) for _ in range(3)]
            await asyncio.sleep(0)
            rest[0].cancel()
            await asyncio.gather(rest[0], return_exceptions=True)
            go_on.set()
            await asyncio.gather(first, *rest[1:])
        assert backend.batches == [1, 2]

    asyncio.run(check())


def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    async def check() -> None:
        async with batching(max_queue=3) as batcher:
            with batcher.accept(2):
                with batcher.accept(1), pytest.raises(RefusalError) as refused:
                    batcher.accept(1)
                assert refused.value.status == 429
                assert int(refused.value.headers["Retry-After"]) >= 1
                with pytest.raises(RefusalError):
                    batcher.accept(2)
            with batcher.accept(3):
                pass

    asyncio.run(check())


def test_what_would_not_be_answered_in_time_is_refused_at_once() -> None:
    async def check() -> None:
        async with batching(request_timeout=0.1, batch_latency=0.0) as batcher:
            with batcher.accept(1), pytest.raises(RefusalError) as refused:  # before anything is known, 0.1 s a picture
                batcher.accept(1)
            assert refused.value.status == 429
            with batcher.accept(1):
                pass

    asyncio.run(check())


def test_what_is_accepted_follows_the_pace_of_the_last_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("bottomup.server.batching.time.perf_counter", lambda: now)
    batcher = Batcher(ServerOptions(request_timeout=60.0, stop_timeout=20.0), Metrics())

    def accepted() -> int:
        with contextlib.ExitStack() as slots:
            for number in range(300):
                try:
                    slots.enter_context(batcher.accept())
                except RefusalError:
                    return number
        return 300

    for pace, most in ((1.0, 14), (0.1, 140), (7.0, 2), (100.0, 1)):
        for _ in range(150):
            now += 1000.0  # with nothing to do
            with batcher.accept():
                now += pace
        assert accepted() == pytest.approx(most, abs=1)


def test_at_the_end_those_who_wait_are_told() -> None:
    async def check() -> None:
        busy, go_on = threading.Event(), threading.Event()

        def wait(_: Any) -> None:
            busy.set()
            assert go_on.wait(60)

        one = detector(SeesRed(wait))
        async with batching(batch_latency=0.0, batch_size=1) as batcher:
            first = asyncio.create_task(batcher.detect(one, photo()))
            await asyncio.to_thread(busy.wait, 60)
            second = asyncio.create_task(batcher.detect(one, photo()))
            await asyncio.sleep(0)
            batcher.refuse_waiting()
            for late in (second, batcher.detect(one, photo())):
                with pytest.raises(RefusalError) as refused:
                    await late
                assert refused.value.status == 503
            go_on.set()
            assert len(await first)

    asyncio.run(check())


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"max_body": 1}, "max_body must be at least 1024 but is 1"),
        ({"max_queue": 1.5}, "max_queue must be a whole number but is 1.5"),
        ({"batch_latency": float("nan")}, "batch_latency must be from 0 to 10 but is nan"),
        ({"drain": True}, "drain must be a number but is True"),
    ],
)
def test_wrong_options_are_named(option: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        ServerOptions(**option)
