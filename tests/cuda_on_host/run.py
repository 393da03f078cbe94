"""Runs pytest with the extension at the path given first in the place of the installed one."""

from __future__ import annotations

import importlib.util
import sys

import pytest

specification = importlib.util.spec_from_file_location("bottomup._C", sys.argv[1])
assert specification is not None
assert specification.loader is not None
module = importlib.util.module_from_spec(specification)
sys.modules["bottomup._C"] = module
specification.loader.exec_module(module)

import bottomup  # noqa: E402

bottomup._C = module  # type: ignore[attr-defined]

sys.exit(pytest.main(sys.argv[2:]))
