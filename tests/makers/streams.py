"""Servers on loopback that give videos as cameras and web servers do: whole, endless, silent in the middle, gone."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.makers.services import is_missing

Send = Callable[[Any, int], None]  # answers a request through its handler, told how many came before it


@contextmanager
def http_server(send: Send) -> Iterator[str]:
    """The address of a server whose GET requests are answered by `send`."""
    count = iter(range(1_000_000))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.close_connection = True
            send(self, next(count))

        def log_message(self, *_: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A reader that leaves is no error."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send_file(path: Path) -> Send:
    """Answers with a file, or the part of it that is asked for."""

    def send(handler: Any, number: int) -> None:
        data = path.read_bytes()
        wanted = handler.headers.get("Range")
        start = int(wanted.split("=")[1].split("-")[0]) if wanted else 0
        handler.send_response(206 if wanted else 200)
        handler.send_header("Accept-Ranges", "bytes")
        handler.send_header("Content-Length", str(len(data) - start))
        if wanted:
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.end_headers()
        handler.wfile.write(data[start:])

    return send


def send_parts(parts: Sequence[bytes | threading.Event | None]) -> Send:
    """Answers each request with the next part as an endless stream that breaks off, or 404 where there is none.

    An event after a part keeps the connection open and silent until it is set.
    """
    waiting = list(parts)
    lock = threading.Lock()

    def send(handler: Any, number: int) -> None:
        with lock:
            part = waiting.pop(0) if waiting else None
            silence = waiting.pop(0) if waiting and isinstance(waiting[0], threading.Event) else None
        if not isinstance(part, bytes):
            handler.send_error(404)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "video/mp2t")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(part)
        handler.wfile.flush()
        if silence is not None:
            silence.wait(60)

    return send


_RTSP = """
import sys, gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer, GLib
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch("( videotestsrc is-live=true ! video/x-raw,width=64,height=48,framerate=25/1 ! x264enc "
                   "tune=zerolatency key-int-max=5 ! rtph264pay name=pay0 pt=96 )")
server.get_mount_points().add_factory("/camera", factory)
if not server.attach(None):
    sys.exit(1)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"""


@contextmanager
def rtsp_server() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a camera's stream, by GStreamer, and the process; see `is_missing` where that is not installed.

    On Debian: gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-good, -ugly, and python3-gi of the system's Python.
    """
    pythons = [path for path in ("/usr/bin/python3", sys.executable) if Path(path).exists()]
    probe = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    python = next(
        (one for one in pythons if not subprocess.run([one, "-c", probe], capture_output=True).returncode), None
    )
    if python is None:
        is_missing("GStreamer's RTSP server")
    process = subprocess.Popen([python, "-c", _RTSP], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, "the RTSP server did not start"
        yield f"rtsp://127.0.0.1:{port}/camera", process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
