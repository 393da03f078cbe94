"""The download, against a server on this computer that behaves well, and badly in every way that matters."""

from __future__ import annotations

import errno
import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from urllib.request import Request

import numpy as np
import pytest

import bottomup.weights
from bottomup.weights import DownloadError, find_weights, get_weights, list_weights, resolve_model
from bottomup.weights.download import _OnlyHttps, fetch, is_intact, time_limit
from bottomup.weights.registry import NETWORKS, Network, RemoteFile, get_network

DATA = np.random.default_rng(0).bytes(300_000)


class Server(ThreadingHTTPServer):
    """Serves DATA under every path. Each reply is made by `behaviours`, one after the other, the last one for good."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviours: list[Callable[[Handler], None]] = [Handler.well]
        self.ranges: list[str | None] = []

    def file(self, name: str = "network.bin", data: bytes = DATA) -> RemoteFile:
        url = f"http://127.0.0.1:{self.server_port}/{name}"
        return RemoteFile(name, url, len(data), hashlib.sha256(data).hexdigest())


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers.get("Range"))
        behaviours = self.server.behaviours
        (behaviours.pop(0) if len(behaviours) > 1 else behaviours[0])(self)

    def log_message(self, *_: object) -> None:
        pass

    def well(self, data: bytes = DATA, stop: int | None = None) -> None:
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start : len(data) if stop is None else start + stop])

    def breaks_off(self) -> None:
        self.well(stop=100_000)

    def ignores_range(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(DATA)

    def ignores_range_and_breaks_off(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(DATA[:120_000])

    def resumes_elsewhere(self) -> None:
        """Claims to resume, but from the beginning."""
        self.send_response(206)
        self.send_header("Content-Range", f"bytes 0-{len(DATA) - 1}/{len(DATA)}")
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(DATA)

    def tampered(self) -> None:
        self.well(DATA[:-1] + bytes([DATA[-1] ^ 1]))

    def too_long(self) -> None:
        self.well(DATA + b"more" * 100_000)

    def shorter_file(self) -> None:
        self.well(DATA[:-1000])

    def absent(self) -> None:
        self.send_error(404, "Not Found")

    def hangs_up(self) -> None:
        self.close_connection = True


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("BOTTOMUP_WEIGHTS", raising=False)
    monkeypatch.setenv("BOTTOMUP_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def registered(server: Server, monkeypatch: pytest.MonkeyPatch) -> Network:
    """A network of two files that the local server has."""
    network = Network("toy", "a toy", "Apache-2.0", (server.file("toy.xml"), server.file("toy.bin")))
    networks = MappingProxyType({"default": NETWORKS["default"], "toy": network})
    monkeypatch.setattr("bottomup.weights.registry.NETWORKS", networks)
    monkeypatch.setattr(bottomup.weights, "NETWORKS", networks)
    return network


# ------------------------------------------------------------------------------------------------------- one file


def test_good(server: Server, tmp_path: Path) -> None:
    path = fetch(server.file(), tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "network.bin"
    assert path.read_bytes() == DATA
    assert not path.with_name("network.bin.part").exists()
    assert fetch(server.file(), tmp_path / "new" / "folder") == path
    assert server.ranges == [None]  # the second time it was there


def test_a_broken_connection_is_taken_up_where_it_broke_off(server: Server, tmp_path: Path) -> None:
    server.behaviours = [Handler.breaks_off, Handler.breaks_off, Handler.well]
    assert fetch(server.file(), tmp_path).read_bytes() == DATA
    assert server.ranges == [None, "bytes=100000-", "bytes=200000-"]


def test_truncated_for_good_is_an_error_and_the_next_call_resumes(server: Server, tmp_path: Path) -> None:
    (tmp_path / "network.bin.part").write_bytes(DATA[:50])
    server.behaviours = [lambda handler: Handler.well(handler, stop=10)]
    with pytest.raises(
        DownloadError, match=rf"{server.file().url} cannot be downloaded: .* 90 of 300000 bytes are kept"
    ):
        fetch(server.file(), tmp_path)
    assert not (tmp_path / "network.bin").exists()
    server.behaviours = [Handler.well]
    assert fetch(server.file(), tmp_path).read_bytes() == DATA
    assert server.ranges[-1] == "bytes=90-"


def test_a_server_that_ignores_range_starts_over(server: Server, tmp_path: Path) -> None:
    (tmp_path / "network.bin.part").write_bytes(b"x" * 1000)
    server.behaviours = [Handler.ignores_range_and_breaks_off, Handler.ignores_range]
    assert fetch(server.file(), tmp_path).read_bytes() == DATA
    assert server.ranges == ["bytes=1000-", "bytes=120000-"]


def test_a_server_that_resumes_elsewhere_starts_over(server: Server, tmp_path: Path) -> None:
    (tmp_path / "network.bin.part").write_bytes(DATA[:1000])
    server.behaviours = [Handler.resumes_elsewhere]
    assert fetch(server.file(), tmp_path).read_bytes() == DATA


@pytest.mark.parametrize("behaviour", [Handler.tampered, Handler.too_long])
def test_another_file_is_refused_and_deleted(
    server: Server, tmp_path: Path, behaviour: Callable[[Handler], None]
) -> None:
    server.behaviours = [behaviour]
    with pytest.raises(DownloadError, match=r"is not the file that was expected, .* SHA-256 .* was deleted"):
        fetch(server.file(), tmp_path)
    assert not (tmp_path / "network.bin").exists()
    assert not (tmp_path / "network.bin.part").exists()


def test_a_part_of_another_file_is_refused_and_the_next_call_starts_over(server: Server, tmp_path: Path) -> None:
    (tmp_path / "network.bin.part").write_bytes(b"x" * 1000)
    with pytest.raises(DownloadError, match="is not the file that was expected"):
        fetch(server.file(), tmp_path)
    assert fetch(server.file(), tmp_path).read_bytes() == DATA
    assert server.ranges == ["bytes=1000-", None]


def test_a_file_that_is_shorter_on_the_server_is_an_error(server: Server, tmp_path: Path) -> None:
    server.behaviours = [Handler.shorter_file]
    with pytest.raises(DownloadError, match="cannot be downloaded"):
        fetch(server.file(), tmp_path)
    assert not (tmp_path / "network.bin").exists()


def test_absent(server: Server, tmp_path: Path) -> None:
    server.behaviours = [Handler.absent]
    with pytest.raises(
        DownloadError, match=rf"{server.file().url} cannot be downloaded: the server answers 404 Not Found"
    ):
        fetch(server.file(), tmp_path)
    assert len(server.ranges) == 1


def test_no_network(server: Server, tmp_path: Path) -> None:
    file = server.file()
    server.shutdown()
    server.server_close()
    with pytest.raises(DownloadError, match=r"cannot be downloaded: .*refused.* BOTTOMUP_WEIGHTS name that FOLDER"):
        fetch(file, tmp_path)


def test_a_server_that_only_hangs_up(server: Server, tmp_path: Path) -> None:
    server.behaviours = [Handler.hangs_up]
    with pytest.raises(DownloadError, match="cannot be downloaded"):
        fetch(server.file(), tmp_path)


def trickles(handler: Handler) -> None:
    """Sends 2,000 bytes and then no more, but keeps the connection."""
    Handler.well(handler, stop=2000)
    handler.wfile.flush()
    handler.rfile.read()


def test_a_server_that_trickles_is_given_up_and_what_came_is_kept(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bottomup.weights.download, "time_limit", lambda file: 0.3)
    server.behaviours = [trickles]
    with pytest.raises(DownloadError, match=r"it would take longer than 0 s.* 2000 of 300000 bytes are kept"):
        fetch(server.file(), tmp_path)
    monkeypatch.undo()
    server.behaviours = [Handler.well]
    assert fetch(server.file(), tmp_path).read_bytes() == DATA
    assert server.ranges == [None, "bytes=2000-"]


def endless_headers(handler: Handler) -> None:
    """A header that never ends, byte by byte, until the connection does."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
    with suppress(ConnectionError):
        while True:
            handler.wfile.write(b"a")
            threading.Event().wait(0.01)


def test_headers_without_end_are_given_up(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bottomup.weights.download, "time_limit", lambda file: 0.3)
    server.behaviours = [endless_headers]
    with pytest.raises(DownloadError, match=r"it would take longer than 0 s"):
        fetch(server.file(), tmp_path)
    server.behaviours = [lambda handler: sends_on(handler, server.file("elsewhere").url), endless_headers]
    with pytest.raises(DownloadError, match=r"it would take longer than 0 s"):
        fetch(server.file(), tmp_path)
    assert len(server.ranges) == 3


def test_the_time_for_a_download_grows_with_the_file() -> None:
    assert time_limit(RemoteFile("a", "https://a/a", 0, "")) == 60
    assert time_limit(RemoteFile("a", "https://a/a", 16_000_000, "")) == 1660


@pytest.mark.parametrize(
    "url", ["http://example.org/network.bin", "ftp://example.org/a", "file:///etc/passwd", "a.bin"]
)
def test_only_https_is_spoken(server: Server, tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match=f"must begin with https:// but is {url}"):
        fetch(replace(server.file(), url=url), tmp_path)
    server.behaviours = [lambda handler: sends_on(handler, url), Handler.well]
    if ":" in url:
        with pytest.raises(DownloadError, match=rf"must begin with https:// but is {url}|{url}' is not allowed"):
            fetch(server.file(), tmp_path)
        assert len(server.ranges) == 1
    assert not (tmp_path / "network.bin").exists()


def test_https_does_not_lead_to_this_computer() -> None:
    request = Request("https://example.org/network.bin")
    with pytest.raises(DownloadError, match="must begin with https:// but is http://localhost/a"):
        _OnlyHttps().redirect_request(request, None, 302, "Found", {}, "http://localhost/a")


def test_a_server_may_send_on(server: Server, tmp_path: Path) -> None:
    server.behaviours = [lambda handler: sends_on(handler, server.file("elsewhere").url), Handler.well]
    assert fetch(server.file(), tmp_path).read_bytes() == DATA
    server.behaviours = [lambda handler: sends_on(handler, handler.path)]  # for ever
    with pytest.raises(DownloadError, match="cannot be downloaded: the server answers 302"):
        fetch(server.file(), tmp_path / "other")


def sends_on(handler: Handler, url: str) -> None:
    handler.send_response(302)
    handler.send_header("Location", url)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def test_a_damaged_file_is_fetched_again(server: Server, tmp_path: Path) -> None:
    path = fetch(server.file(), tmp_path)
    path.write_bytes(DATA[:-1] + b"?")
    assert not is_intact(path, server.file())
    assert fetch(server.file(), tmp_path).read_bytes() == DATA


def test_many_at_once_fetch_it_once(server: Server, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: fetch(server.file(), tmp_path), range(8)))
    assert {path.read_bytes() for path in paths} == {DATA}
    assert server.ranges == [None]


def test_a_folder_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=r"cannot write .*BOTTOMUP_CACHE can name another folder"):
        fetch(server.file(), tmp_path / "file" / "folder")


def test_a_full_disk_is_told(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(bottomup.weights.download, "_receive", full)
    with pytest.raises(
        DownloadError, match=r"^cannot write .*No space left on device.*BOTTOMUP_CACHE can name another"
    ):
        fetch(server.file(), tmp_path)


def test_the_progress_bar_shows_on_request_only(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fetch(server.file(), tmp_path / "a")
    assert capfd.readouterr() == ("", "")  # the tests' standard error is no terminal
    fetch(server.file(), tmp_path / "b", progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "network.bin" in err


# ------------------------------------------------------------------------------------------------------- by name


def test_get_weights_puts_all_files_into_the_cache(registered: Network, server: Server, tmp_path: Path) -> None:
    assert find_weights("toy") is None
    path = get_weights("toy")
    assert path == tmp_path / "cache" / "toy" / "toy.xml"
    assert path.with_suffix(".bin").read_bytes() == DATA
    assert find_weights("toy") == path == get_weights("toy") == resolve_model("toy")
    assert len(server.ranges) == 2
    path.with_suffix(".bin").write_bytes(b"damaged")
    assert find_weights("toy") is None
    assert get_weights("toy") == path
    assert len(server.ranges) == 3


def test_the_offline_folder_comes_first(
    registered: Network, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline = tmp_path / "offline" / "toy"
    offline.mkdir(parents=True)
    monkeypatch.setenv("BOTTOMUP_WEIGHTS", str(tmp_path / "offline"))
    (offline / "toy.xml").write_text("another release")
    assert find_weights("toy") is None  # the .bin is missing
    (offline / "toy.bin").write_text("of the same network")
    assert get_weights("toy") == offline / "toy.xml"
    assert server.ranges == []


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert bottomup.weights.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("BOTTOMUP_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert bottomup.weights.cache_folder() == tmp_path / "bottomup"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert bottomup.weights.cache_folder() == Path.home() / ".cache" / "bottomup"


def test_unknown_names_list_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"name must be one of \['default', .*'human-pose-estimation-0001'"):
        get_weights("human-pose")
    with pytest.raises(
        ValueError, match=r"model must be one of 'default', 'human-pose-estimation-0001', .* is 'humna'"
    ):
        resolve_model("humna")
    with pytest.raises(TypeError, match="model must be a name or a path but is a int"):
        resolve_model(5)  # type: ignore[arg-type]
    assert resolve_model("folder/network.xml") == Path("folder/network.xml")
    assert resolve_model(tmp_path / "a.safetensors") == tmp_path / "a.safetensors"


def test_the_registry_is_complete() -> None:
    assert [network.name for network in list_weights()][:2] == ["default", "human-pose-estimation-0001"]
    for network in list_weights():
        assert network.licence == "Apache-2.0" or network.licence == "MIT" or not network.commercial
        assert network.description
        assert network.family
        assert 0 <= network.ap < 1
        assert network.ap or network.page
        assert get_network(network.name) is network
        for file in network.files:
            assert (file.url.startswith("https://") and file.url.endswith(file.name)) or network.page
            assert file.size or not file.url
            assert int(file.sha256 or file.md5, 16)
            assert len(file.sha256) == 64 or not file.url, "what is fetched is checked by the whole sum"
        assert network.size == sum(file.size for file in network.files)
    urls = [file.url for network in list_weights() for file in network.files if file.url]
    assert len(set(urls)) == len(urls) == 20


def test_files_put_there_by_hand_are_known_by_what_is_published_of_them(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(DATA)
    whole, md5 = hashlib.sha256(DATA).hexdigest(), hashlib.md5(DATA).hexdigest()
    for sha256, other, right in (
        (whole, "", True), (whole[:8], "", True), ("", md5, True),
        ("", whole[:32], False), (md5[:8], "", False), ("", "", False),
    ):  # fmt: skip
        assert is_intact(path, RemoteFile("a.pth", "", 0, sha256, other)) == right


def test_a_package_without_its_network_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bottomup.weights, "_BUILT_IN", tmp_path / "default.safetensors")
    with pytest.raises(FileNotFoundError, match="the package must hold the built-in network"):
        get_weights("default")


def test_what_runs_a_network_is_asked_for_before_it_is_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BOTTOMUP_CACHE", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs the package openvino: pip install .bottomup\[openvino\]"):
        resolve_model("human-pose-estimation-0001")
    assert list(tmp_path.iterdir()) == []
