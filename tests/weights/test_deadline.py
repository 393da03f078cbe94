"""The deadline of a connection."""

from __future__ import annotations

import socket

from bottomup.weights.deadline import Deadline


def test_what_waits_is_ended() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, Deadline(0.05) as deadline:
        deadline.watch(ours)
        assert ours.recv(1) == b""  # for ever, if it were not shut
        assert deadline.is_over


def test_what_comes_too_late_is_ended_at_once() -> None:
    first, second = socket.socketpair(), socket.socketpair()
    with first[0], first[1], second[0], second[1], Deadline(0.05) as deadline:
        deadline.watch(first[0])
        assert first[0].recv(1) == b""
        deadline.watch(second[0])
        assert second[0].recv(1) == b""


def test_in_time_nothing_is_ended() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with Deadline(3600) as deadline:
            deadline.watch(ours)
        theirs.sendall(b"a")
        assert ours.recv(1) == b"a"
        assert not deadline.is_over
