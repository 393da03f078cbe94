"""`bottomup doctor`: what it shows and its exit code."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from bottomup.cli import app

run = CliRunner().invoke


def test_doctor_reports_versions_kernels_and_networks() -> None:
    from bottomup._extension import _C
    from bottomup.weights import find_weights

    result = run(app, ["doctor"])
    assert result.exit_code == (0 if find_weights("default") else 1), result.output
    for fact in (f"{np.__version__}", _C.cpu_isa(), _C.build_info()["compiler"], "human-pose-estimation-0001"):
        assert fact in result.output


def test_doctor_works_where_something_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bottomup._C", None)
    monkeypatch.delattr("bottomup._C", raising=False)
    monkeypatch.delitem(sys.modules, "bottomup._extension", raising=False)
    result = run(app, ["doctor"])
    assert result.exit_code == 1
    assert "cannot be imported" in result.output
