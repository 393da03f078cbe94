"""Jobs from and to an object store: moto's S3 on this machine, also over connections that break."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bottomup.cli import app
from bottomup.jobs import storage
from tests.makers.detectors import BrightnessDetector
from tests.makers.jobs import encoded, write_pictures

pytestmark = pytest.mark.slow
run = CliRunner().invoke


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """The port of an S3 server."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not answers(port):
            assert process.poll() is None, "moto's server ended"
            time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def s3(server: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment that leads s3:// there, with a bucket `photos`."""
    monkeypatch.setattr("bottomup.detector.Detector", BrightnessDetector)
    monkeypatch.setattr(storage, "_FIRST_PAUSE", 0.05)
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    storage._filesystem.cache_clear()
    files = storage.filesystem("s3://photos")
    if not files.exists("photos"):
        files.mkdir("photos")
    yield monkeypatch
    for name in files.ls("photos", refresh=True):
        files.rm(name, recursive=True)
    storage._filesystem.cache_clear()


def read_counts(address: str) -> dict[str, int]:
    """How many people are in each picture of a target; each must have one row."""
    import pyarrow.parquet as pq

    files = storage.filesystem(address)
    names = files.ls(address, detail=False, refresh=True)
    rows = [row for name in names for row in pq.read_table(files.open(name)).to_pylist()]
    found = {row["path"].rpartition("/")[2]: len(row["people"]) for row in rows}
    assert len(found) == len(rows)
    return found


def test_from_and_to_s3(s3: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = storage.filesystem("s3://photos")
    for number in range(12):
        files.pipe(f"photos/in/sub/{number}.png", encoded(number % 3))
    command = ["batch", "s3://photos/in", "--out", "s3://photos/out"]
    result = run(app, command)
    assert result.exit_code == 0, result.output
    files.pipe("photos/in/12.png", encoded(5))
    result = run(app, command)
    assert result.exit_code == 0, result.output
    assert "pictures\t1\n" in result.stdout
    assert read_counts("s3://photos/out") == {**{f"{number}.png": number % 3 for number in range(12)}, "12.png": 5}
    result = run(app, ["batch", "s3://photos/in/sub/*.png", "--out", "s3://photos/people.json"])
    assert result.exit_code == 0, result.output
    assert files.cat("photos/people.json").count(b'"keypoint_scores"') == 12
    assert run(app, [*command, "--flip"]).exit_code == 2


def test_a_connection_that_breaks_costs_nothing(s3: pytest.MonkeyPatch, server: int, tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", [1] * 20)
    files = storage.filesystem("s3://photos")
    for number in range(20):
        files.pipe(f"photos/in/{number}.png", encoded(1))
    with BreakingProxy(server) as proxy:
        s3.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
        storage._filesystem.cache_clear()
        result = run(app, ["batch", "s3://photos/in", "--out", "s3://photos/out"])
        assert result.exit_code == 0, result.output
        assert proxy.broken > 3
    s3.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server}")
    storage._filesystem.cache_clear()
    assert read_counts("s3://photos/out") == {f"{number}.png": 1 for number in range(20)}


def test_what_is_wrong_is_told_in_a_sentence(s3: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", [1])
    for source, message in (
        ("s3://photos/nothing", "SOURCE must exist but 's3://photos/nothing' does not"),
        ("s3://nowhere/in", "s3://nowhere/in: The specified bucket does not exist"),
    ):
        result = run(app, ["batch", source, "--out", str(tmp_path / "out")])
        assert result.exit_code == 2
        assert message in result.stderr
    result = run(app, ["batch", str(tmp_path / "in"), "--out", "s3://nowhere/out"])
    assert result.exit_code in (1, 2)
    assert "Traceback" not in result.output
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        s3.delenv(name)
    s3.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    s3.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    storage._filesystem.cache_clear()
    result = run(app, ["batch", "s3://photos/in", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "no credentials, or none that are allowed this" in result.stderr
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        s3.setenv(name, "a")
    storage._filesystem.cache_clear()


class BreakingProxy:
    """Hands connections on to a port, and breaks every third one after it has asked."""

    def __init__(self, port: int) -> None:
        self._target, self.broken, self._count = port, 0, 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])

    def __enter__(self) -> BreakingProxy:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self._count += 1
            threading.Thread(target=self._hand_on, args=(client, self._count % 3 == 0), daemon=True).start()

    def _hand_on(self, client: socket.socket, breaks: bool) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            threading.Thread(target=_copy, args=(client, server), daemon=True).start()
            if breaks:
                server.recv(20)
                self.broken += 1
                client.shutdown(socket.SHUT_RDWR)
                return
            data = server.recv(65536)  # one answer, so that each request is a connection of its own
            while data:
                client.sendall(data)
                server.settimeout(0.3)
                try:
                    data = server.recv(65536)
                except TimeoutError:
                    return


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        return
