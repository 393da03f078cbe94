"""How many examples of a property are tried."""

from __future__ import annotations

import hypothesis


def examples(share: float) -> hypothesis.settings:
    """Settings of a property that takes so many times the examples of the others, of which a run has few or many."""
    return hypothesis.settings(max_examples=max(1, round(share * hypothesis.settings().max_examples)))
