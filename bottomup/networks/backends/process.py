"""What a runtime keeps for one process: made again in a process that was forked, since threads are not taken over.

A forked process has the memory of its parent but only the thread that forked. A thread pool of a runtime waits there
for threads that do not exist, a lock that another thread held stays locked, and what ends a pool waits for its threads.
So each process makes its own, and what came from the parent is neither used nor ended.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")

_all: weakref.WeakSet[PerProcess[Any]] = weakref.WeakSet()


class PerProcess(Generic[T]):
    """A value that is made once in each process that asks for it; may be called from several threads.

    make: makes the value. It is called at once, so that its errors arise here, and again in a forked process.
    lazy: it is called by the first who asks for the value.
    """

    def __init__(self, make: Callable[[], T], *, lazy: bool = False) -> None:
        self._make, self._lock = make, threading.Lock()
        self._process = 0 if lazy else os.getpid()
        self._value: T | None = None if lazy else make()
        _all.add(self)

    def __call__(self) -> T:
        """The value of this process."""
        if self._process != os.getpid():
            with self._lock:
                if self._process != os.getpid():
                    self._value, self._process = self._make(), os.getpid()
        return cast(T, self._value)

    def leave_behind(self) -> None:
        """In a forked process: never end the parent's value, and let no lock of its threads be in the way."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._value))
        self._lock = threading.Lock()


def is_forked_from(library: str) -> bool:
    """Whether this process was forked from one that had imported a library, "torch" or "openvino"."""
    return library in _inherited


def survive_fork() -> None:
    """Set torch to one thread, once, in a process that was forked from one that has torch.

    OpenMP waits for the threads that it had, for ever; with one it asks for none.
    """
    if is_forked_from("torch"):
        sys.modules["torch"].set_num_threads(1)
        _inherited.discard("torch")


_inherited: set[str] = set()


def _after_fork() -> None:
    _inherited.update({"torch", "openvino"} & sys.modules.keys())
    for value in list(_all):
        value.leave_behind()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
