"""The download, against a server on this computer that behaves well, and badly in every way that matters."""

from __future__ import annotations

import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.request import Request

import pytest

import bottomup.weights
from bottomup.weights import DownloadError
from bottomup.weights.download import _OnlyHttps, fetch, is_intact, time_limit
from bottomup.weights.registry import RemoteFile
from tests.makers.downloads import DATA, Handler, Server, endless_headers, sends_on, trickles


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


def test_a_server_that_trickles_is_given_up_and_what_came_is_kept(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bottomup.weights.download, "time_limit", lambda file: 1.0)  # reading certificates takes 0.3
    server.behaviours = [trickles]
    with pytest.raises(DownloadError, match=r"it would take longer than 1 s.* 2000 of 300000 bytes are kept"):
        fetch(server.file(), tmp_path)
    monkeypatch.undo()
    server.behaviours = [Handler.well]
    assert fetch(server.file(), tmp_path).read_bytes() == DATA
    assert server.ranges == [None, "bytes=2000-"]


@pytest.mark.slow
def test_headers_without_end_are_given_up(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bottomup.weights.download, "time_limit", lambda file: 1.0)  # reading certificates takes 0.3
    server.behaviours = [endless_headers]
    with pytest.raises(DownloadError, match=r"it would take longer than 1 s"):
        fetch(server.file(), tmp_path)
    server.behaviours = [lambda handler: sends_on(handler, server.file("elsewhere").url), endless_headers]
    with pytest.raises(DownloadError, match=r"it would take longer than 1 s"):
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
