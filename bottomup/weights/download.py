"""Downloading one exact file: resumable, checked before use, in place at once or not at all."""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bottomup.progress import progress_bar
from bottomup.weights.deadline import Deadline, OpenUntil
from bottomup.weights.intact import DownloadError, is_intact
from bottomup.weights.registry import RemoteFile

_ATTEMPTS = 4  # a dropped connection is taken up again where it broke off; a server that keeps dropping it is given up
_TIMEOUT = 30.0  # seconds without a byte
_SLOWEST = 10_000.0  # bytes a second; a server that sends less on the whole is given up
_CHUNK = 1 << 16
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})  # hosts that may answer without encryption: nothing is in between


def fetch(file: RemoteFile, folder: Path, *, progress: bool | None = None) -> Path:
    """Download a file into a folder, unless it is already there and intact.

    What has arrived is kept in `NAME.part`, and the next call goes on from there. The file gets its name only once
    its size and SHA-256 are right. Processes that want the same file wait for each other.

    Only https is spoken, also where a server sends on to another address. One try ends after a minute and what the file
    takes at 10 kB a second, or half a minute without a byte.

    Parameters
    ----------
    file:
        What to fetch.
    folder:
        Where to put it; it is made if it does not exist.
    progress:
        Show a progress bar; None shows one if the standard error stream is a terminal.

    Raises
    ------
    DownloadError
        If the server cannot be reached or does not have the file, if the connection keeps breaking or is too slow, if
        it leads to an address without https, or if what came is not the file. The message names the URL.
    """
    from filelock import FileLock

    path = folder / file.name
    if is_intact(path, file):
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{file.name}.lock")
        with lock:
            if not is_intact(path, file):  # another process may have fetched it meanwhile
                with _progress_bar(file, progress) as advance_to:
                    _download(file, path, folder / f"{file.name}.part", advance_to)
    except DownloadError:
        raise
    except OSError as error:
        raise DownloadError(f"cannot write {path} ({error}); BOTTOMUP_CACHE can name another folder") from error
    return path


def time_limit(file: RemoteFile) -> float:
    """Seconds that fetching a file may take on the whole."""
    return 2 * _TIMEOUT + file.size / _SLOWEST


class _OnlyHttps(urllib.request.HTTPRedirectHandler):
    """Follows a server to other addresses if these are https too."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_address(newurl, after=req.full_url)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_address(url: str, *, after: str = "http:") -> None:
    """DownloadError unless an address is https, or http of this computer that no https address sent on to."""
    parts = urllib.parse.urlsplit(url)
    is_local = parts.scheme == "http" and parts.hostname in _LOCAL and after.startswith("http:")
    if parts.scheme != "https" and not is_local:
        raise DownloadError(f"an address must begin with https:// but is {url}")


def _download(file: RemoteFile, path: Path, part: Path, advance_to: Callable[[int], None]) -> None:
    with Deadline(time_limit(file)) as deadline:
        reason = "the connection broke off"
        for _ in range(_ATTEMPTS):
            reason = _try(file, part, advance_to, deadline) or reason
            if part.is_file() and part.stat().st_size >= file.size:
                break
            if deadline.is_over:
                raise DownloadError(_no_network(file, part, f"it would take longer than {time_limit(file):.0f} s"))
        else:
            raise DownloadError(_no_network(file, part, reason))
    if not is_intact(part, file):
        size = part.stat().st_size
        part.unlink()  # nothing to resume: these bytes are wrong
        raise DownloadError(
            f"{file.url} is not the file that was expected, {file.size} bytes with SHA-256 {file.sha256}: "
            f"what came, {size} bytes, has another checksum and was deleted"
        )
    part.replace(path)


def _try(file: RemoteFile, part: Path, advance_to: Callable[[int], None], deadline: Deadline) -> str | None:
    """One connection, and why it broke if it is worth another; DownloadError if it is not."""
    try:
        _receive(file, part, advance_to, deadline)
    except urllib.error.HTTPError as error:
        error.close()
        raise DownloadError(
            f"{file.url} cannot be downloaded: the server answers {error.code} {error.reason}"
        ) from error
    except urllib.error.URLError as error:
        if not deadline.is_over:
            raise DownloadError(_no_network(file, part, str(error.reason))) from error
    except (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
        return str(error) or type(error).__name__
    return None


def _receive(file: RemoteFile, part: Path, advance_to: Callable[[int], None], deadline: Deadline) -> None:
    """Append to the part file what is missing of it, as far as the connection holds and the time lasts."""
    have = part.stat().st_size if part.is_file() else 0
    if have >= file.size:
        part.unlink()
        have = 0
    headers = {"User-Agent": "bottomup", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    _check_address(file.url)
    request = urllib.request.Request(file.url, headers=headers)
    with urllib.request.build_opener(_OnlyHttps, OpenUntil(deadline)).open(request, timeout=_TIMEOUT) as response:
        resumes = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if not resumes:  # the server sends the whole file, whatever was asked
            have = 0
        with part.open("ab" if resumes else "wb") as stream:
            advance_to(have)
            # One byte more than expected is enough to know that it is the wrong file.
            # `read1` gives what there is: a server that trickles must not keep `read` waiting for a whole chunk.
            while have <= file.size and (chunk := response.read1(min(_CHUNK, file.size + 1 - have))):
                stream.write(chunk)
                have += len(chunk)
                advance_to(have)


def _no_network(file: RemoteFile, part: Path, reason: str) -> str:
    kept = (
        f"{part.stat().st_size} of {file.size} bytes are kept and the next try goes on from there. "
        if part.is_file()
        else ""
    )
    return (
        f"{file.url} cannot be downloaded: {reason}. {kept}"
        f"Without a network, put its files into FOLDER/{part.parent.name} and let BOTTOMUP_WEIGHTS name that FOLDER"
    )


@contextmanager
def _progress_bar(file: RemoteFile, progress: bool | None) -> Iterator[Callable[[int], None]]:
    from rich.progress import DownloadColumn, TransferSpeedColumn

    with progress_bar(file.name, file.size, progress, DownloadColumn(), TransferSpeedColumn()) as advance_to:
        yield advance_to
