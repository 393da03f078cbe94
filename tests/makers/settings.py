"""Settings from names of options, whichever stage they belong to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bottomup.settings import Settings


def make_settings(start: Settings | None = None, **changes: Any) -> Settings:
    """Settings in which options are changed, given as `flip=True` or `limbs__coverage=0.8`."""
    settings = Settings() if start is None else start
    for name, value in changes.items():
        part, _, inner = name.partition("__")
        if inner:
            value = replace(getattr(settings, part), **{inner: value})
        settings = replace(settings, **{part: value})
    return settings
