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


def test_importing_loads_neither_torch_nor_the_extension() -> None:
    script = "import sys, bottomup; print([m for m in ('torch', 'cv2', 'bottomup._C') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
