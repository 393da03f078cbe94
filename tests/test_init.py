"""What `import bottomup` gives, and when."""

from __future__ import annotations

import subprocess
import sys

import pytest

import bottomup


def test_every_public_name_is_there() -> None:
    for name in bottomup.__all__:
        assert getattr(bottomup, name) is not None
    assert set(bottomup.__all__) <= set(dir(bottomup))
    with pytest.raises(AttributeError, match="no attribute 'detect_peeple'"):
        _ = bottomup.detect_peeple


def test_a_source_tree_without_the_extension_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_built(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(bottomup, "import_module", not_built)
    monkeypatch.delattr(bottomup, "_C", raising=False)
    with pytest.raises(ImportError, match=r"compiled extension is not in .*pip install -e \."):
        _ = bottomup._C


def test_importing_loads_neither_torch_nor_the_extension() -> None:
    script = "import sys, bottomup; print([m for m in ('torch', 'cv2', 'bottomup._C') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
