"""The service over real connections: slow clients, broken ones, and the end."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.makers.service import SeesRed, encoded, make_app, photo, serving


def post(port: int, data: bytes, *, path: str = "/v1/detect") -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, data)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def begun(port: int, text: bytes) -> socket.socket:
    """A connection on which something was sent."""
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.sendall(text)
    return client


def rest(client: socket.socket) -> bytes:
    """What still comes until the server closes."""
    data = b""
    while piece := client.recv(65536):
        data += piece
    return data


@pytest.mark.slow
def test_slow_and_broken_clients_keep_no_other_from_its_answer(caplog: pytest.LogCaptureFixture) -> None:
    data = encoded(photo())
    head = b"POST /v1/detect HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    with serving(make_app(header_timeout=0.5, body_timeout=0.5)) as (_, port):
        half_a_line = [begun(port, b"POST /v1/det") for _ in range(10)]
        half_a_body = [begun(port, head + data[:100]) for _ in range(10)]
        gone = [begun(port, head + data[:100]) for _ in range(10)]
        for client in gone:
            client.close()
        nonsense = begun(port, b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
        status, document = post(port, data)
        assert (status, len(document["rows"][0]["people"])) == (200, 1)
        assert b" 400 " in rest(nonsense)
        for client in half_a_line:
            assert rest(client) == b""
        for client in half_a_body:
            answer = rest(client)
            assert b" 408 " in answer
            assert b"too_slow" in answer
        for client in [*half_a_line, *half_a_body, nonsense]:
            client.close()
        assert post(port, data)[0] == 200
    assert "Traceback" not in caplog.text  # a client that goes is no fault of the service


def test_a_refused_body_is_no_broken_connection() -> None:
    with serving(make_app(max_body=10_000)) as (_, port):
        for _ in range(3):
            status, document = post(port, bytes(4_000_000))
            assert (status, document["error"]["code"]) == (413, "body_too_large")


def test_a_full_service_says_when_to_come_back() -> None:
    busy, go_on = threading.Event(), threading.Event()

    def wait(_: Any) -> None:
        busy.set()
        assert go_on.wait(60)

    backend = SeesRed()
    with serving(make_app(backend, max_queue=1)) as (_, port):
        post(port, encoded(photo()))  # after the first looks of the networks
        backend.before = wait
        answers: list[tuple[int, Any]] = []
        first = threading.Thread(target=lambda: answers.append(post(port, encoded(photo()))))
        first.start()
        assert busy.wait(60)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/v1/detect", encoded(photo()))
        answer = connection.getresponse()
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) >= 1
        assert json.loads(answer.read())["error"]["code"] == "queue_full"
        connection.close()
        go_on.set()
        first.join()
        assert answers[0][0] == 200


def test_a_picture_that_takes_too_long_is_told() -> None:
    go_on = threading.Event()
    backend = SeesRed()
    with serving(make_app(backend, request_timeout=0.2)) as (_, port):
        assert post(port, encoded(photo(0)))[0] in (200, 429, 504)
        backend.before = lambda images: go_on.wait(60)
        status, document = post(port, encoded(photo()))
        assert (status, document["error"]["code"]) == (504, "timed_out")
        go_on.set()


@contextmanager
def stopping(clients: int, **options: float) -> Iterator[tuple[int, list[tuple[int, Any]], threading.Event]]:
    """A service that is told to stop while its network looks at the first of some requests: its port, the answers so
    far, and what lets the network go on. At the end all are answered."""
    busy, go_on = threading.Event(), threading.Event()
    backend = SeesRed()
    with serving(make_app(backend, **options)) as (server, port):
        post(port, encoded(photo()))

        def wait(_: Any) -> None:
            busy.set()
            assert go_on.wait(60)

        backend.before = wait
        answers: list[tuple[int, Any]] = []
        threads = [
            threading.Thread(target=lambda: answers.append(post(port, encoded(photo())))) for _ in range(clients)
        ]
        for thread in threads:
            thread.start()
        assert busy.wait(60)
        queue = server.config.app.state.service.metrics.queue
        while queue._value.get() < clients:
            time.sleep(0.01)
        server.should_exit = True
        yield port, answers, go_on
        go_on.set()
        for thread in threads:
            thread.join()


@pytest.mark.slow
def test_what_was_accepted_is_answered_before_the_end() -> None:
    with stopping(5, drain=0.1) as (port, answers, _):
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=60).close()
            except ConnectionError:
                break  # it takes no more
    assert [status for status, _ in answers] == [200] * 5


@pytest.mark.slow
def test_who_cannot_be_answered_before_the_end_is_told() -> None:
    with stopping(3, drain=0.0, stop_timeout=1.0) as (_, answers, go_on):
        while len(answers) < 2:
            time.sleep(0.01)
        assert [(status, document["error"]["code"]) for status, document in answers] == [(503, "stopping")] * 2
        go_on.set()
    assert answers[2][0] == 200


def test_a_taken_port_is_an_error() -> None:
    from bottomup.server import run

    with serving(make_app()) as (_, port), pytest.raises(OSError, match="in use"):
        run(make_app(), port=port)
