"""Work that runs ahead in a thread, by a bounded distance."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_POLL = 0.1  # seconds after which a waiting thread looks whether it is to stop
_END = object()


class Ahead(Generic[T]):
    """The items of an iterable, made by a thread that is at most `size` of them ahead.

    newest: keep only the newest `size` items instead of waiting; `dropped` is told of each that is left out.

    An exception of the thread is raised where its item would have come. `close`, or the end of a `with` block, stops
    the thread and waits for it.
    """

    def __init__(
        self, items: Iterable[T], size: int, *, newest: bool = False, dropped: Callable[[], None] = lambda: None
    ) -> None:
        self._queue: queue.Queue[Any] = queue.Queue(size)
        self._stop = threading.Event()
        self._newest, self._dropped = newest, dropped
        self._thread = threading.Thread(target=self._work, args=(iter(items),), name="bottomup ahead", daemon=True)
        self._thread.start()

    def _work(self, items: Iterator[T]) -> None:
        try:
            for item in items:
                if not self._put(item, self._newest):
                    return
            self._put(_END, False)
        except BaseException as error:
            self._put(error, False)
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    def _put(self, item: Any, newest: bool) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0 if newest else _POLL)
                return True
            except queue.Full:
                if newest:
                    self._leave_one_out()
        return False

    def _leave_one_out(self) -> None:
        try:
            self._queue.get_nowait()
        except queue.Empty:
            return
        self._dropped()

    def __iter__(self) -> Iterator[T]:
        while not self._stop.is_set():
            try:
                item = self._queue.get(timeout=_POLL)
            except queue.Empty:
                continue
            if item is _END:
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    def __enter__(self) -> Ahead[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
