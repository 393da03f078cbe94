"""The grouping's options are light to import and say their reasons."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest

from bottomup.grouping.options import FragmentOptions, GroupingOptions, ResultOptions, SharingOptions
from bottomup.validation import Options

ALL = [GroupingOptions, FragmentOptions, SharingOptions, ResultOptions]


@pytest.mark.parametrize("kind", ALL)
def test_every_option_has_a_reason_and_bounds_that_hold_its_default(kind: type[Options]) -> None:
    for one in fields(kind()):  # type: ignore[arg-type]
        assert one.metadata["reason"].endswith(".")
        assert one.metadata["low"] <= one.default <= one.metadata["high"]


def test_importing_them_loads_neither_the_extension_nor_numpy() -> None:
    code = (
        "import sys, bottomup.grouping.options; "
        "print([m for m in ('numpy', 'torch', 'bottomup._C', 'bottomup.settings') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
