"""The order of imports: commands at the top, what imports nothing at the bottom, and none upwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def test_imports_go_downwards() -> None:
    """The contract is in pyproject.toml, [tool.importlinter]; its exceptions may only become fewer.

    In a process of its own: the linter sets up logging and keeps the streams that it finds.
    """
    pytest.importorskip("importlinter.cli")
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
