"""`bottomup serve` as it is started and stopped."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest
from typer.testing import CliRunner

from bottomup.cli import app
from tests.makers.service import encoded, photo


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--workers", "0"], 2, "workers must be from 1 to 64 but is 0"),
        (["--token", "two words"], 2, "token must be printable ASCII"),
        (["--model", "nothing.onnx"], 2, "nothing.onnx"),
        (["--refine", "nothing.onnx"], 2, "nothing.onnx"),
        (["--model", "default", "--model", "default"], 2, "model must name different networks but two"),
        (["--person-threshold", "2"], 2, "person_threshold must be from 0 to 1 but is 2.0"),
        (["--port", "99999"], 2, "65535"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], code: int, message: str) -> None:
    result = CliRunner().invoke(app, ["serve", *arguments])
    assert result.exit_code == code
    assert message in " ".join(result.output.split())


@pytest.mark.slow
def test_it_serves_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "bottomup", "serve", "--port", "0", "--input-height", "128"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        lines = iter(process.stderr.readline, "")
        port = next(int(match[1]) for line in lines if (match := re.search(r"http://127\.0\.0\.1:(\d+)", line)))
        rest: list[str] = []
        reading = threading.Thread(target=lambda: rest.extend(lines))
        reading.start()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.request("POST", "/v1/detect", encoded(photo()))
        answer: Any = json.loads(connection.getresponse().read())
        connection.close()
        assert answer["model"] == "default"
        assert answer["rows"][0]["error"] is None

        second = [*command[:4], "--port", str(port)]
        taken = subprocess.run(second, capture_output=True, text=True, timeout=120)
        assert taken.returncode == 1
        assert f"127.0.0.1:{port} is not" in " ".join(taken.stderr.split())
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        reading.join()
        assert process.returncode == 0
        assert not [line for line in rest if "Traceback" in line]
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
