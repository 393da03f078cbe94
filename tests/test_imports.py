"""The order of imports: commands at the top, what imports nothing at the bottom, and none upwards."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_imports_go_downwards(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The contract is in pyproject.toml, [tool.importlinter]; its exceptions may only become fewer."""
    cli = pytest.importorskip("importlinter.cli")
    monkeypatch.chdir(Path(__file__).parents[1])
    failed = cli.lint_imports(no_cache=True)
    assert not failed, capsys.readouterr().out
