"""The compiled extension: what is said where it is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import bottomup


@pytest.fixture
def source_tree(tmp_path: Path) -> Path:
    """The package without what is compiled."""
    (tmp_path / "bottomup").mkdir()
    for file in Path(bottomup.__file__).parent.glob("*.py"):
        (tmp_path / "bottomup" / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def test_a_source_tree_without_the_extension_says_so(source_tree: Path) -> None:
    code = "import bottomup; print(bottomup.__version__); import bottomup._extension"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=source_tree,
        env={"PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == bottomup.__version__  # so much works without it
    assert "ImportError: bottomup's compiled extension is not in" in done.stderr
    assert done.stderr.strip().endswith("pip install -e .")
