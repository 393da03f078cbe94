"""Options: fields with reasons and bounds, and errors that name what is wrong and what is right."""

from __future__ import annotations

import copy
import math
import pickle
import pydoc
from dataclasses import FrozenInstanceError, dataclass, replace
from typing import Any

import numpy as np
import pytest

from bottomup.validation import Options, check_number, option


@dataclass(frozen=True)
class Inner(Options):
    """How the inside is done."""

    width: float = option(0.1, "width of the inside", low=1e-6)
    depth: int = option(3, "layers of the inside", low=1, high=9)


@dataclass(frozen=True)
class Outer(Options):
    """How all of it is done."""

    flip: bool = option(False, "also look at it mirrored")
    height: int | None = option(None, "pixels; None leaves it to the network", low=1)
    method: str = option("fast", "how it is done", choices=("fast", "slow"))
    inside: Inner = option(Inner(), "see Inner")


def test_fields_are_listed_with_their_reasons() -> None:
    assert Inner.__doc__ == "How the inside is done.\n\n    width: width of the inside\n    depth: layers of the inside"


def test_help_shows_the_reasons_and_nothing_that_was_generated() -> None:
    shown = pydoc.render_doc(Outer, renderer=pydoc.plaintext)
    assert "flip: also look at it mirrored" in shown
    assert "__dataclass_fields__" not in shown
    assert len(shown.splitlines()) < 20


def test_options_are_values() -> None:
    assert Outer() == Outer(inside=Inner(width=0.1))
    assert hash(Outer()) == hash(Outer(flip=False))
    assert replace(Outer(), flip=True) == Outer(flip=True) != Outer()
    assert copy.deepcopy(Outer(height=3)) == pickle.loads(pickle.dumps(Outer(height=3))) == Outer(height=3)
    with pytest.raises(FrozenInstanceError):
        Outer().flip = True  # type: ignore[misc]


def test_only_what_differs_from_the_defaults_is_shown() -> None:
    assert repr(Outer()) == "Outer()"
    assert repr(Outer(height=4, inside=Inner(depth=2))) == "Outer(height=4, inside=Inner(depth=2))"


@pytest.mark.parametrize("value", [np.float32(0.25), np.float64(0.25), 0.25])
def test_numbers_become_python_s(value: Any) -> None:
    assert type(Inner(width=value).width) is float
    assert type(Inner(depth=np.int64(2)).depth) is int
    assert type(Inner(width=1).width) is float


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"flip": 1}, TypeError, "flip must be True or False but is 1"),
        ({"height": 0}, ValueError, "height must be at least 1 but is 0"),
        ({"height": 1.5}, TypeError, "height must be a whole number but is 1.5"),
        ({"height": 2**31}, ValueError, "height must be at most 2147483647 but is 2147483648"),
        ({"method": "best"}, ValueError, "method must be one of ['fast', 'slow'] but is 'best'"),
        ({"method": None}, ValueError, "method must be one of ['fast', 'slow'] but is None"),
        ({"inside": {"width": 1}}, TypeError, "inside must be an Inner but is {'width': 1}"),
        ({"flpi": True}, TypeError, "Outer has no option flpi: did you mean flip?"),
        ({"witdh": 1.0}, TypeError, "Outer has no option witdh: did you mean inside=Inner(width=...)?"),
        ({"x": 1}, TypeError, "Outer has no option x; it has flip, height, method, inside"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        Outer(**given)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "share must be from 0 to 1 but is nan"),
        (-0.1, "share must be from 0 to 1 but is -0.1"),
        (np.float32(2), "share must be from 0 to 1 but is "),
    ],
)
def test_numbers_out_of_bounds(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_number("share", value, low=0, high=1)


@pytest.mark.parametrize("value", ["1", None, True, 1j, (1,)])
def test_what_is_no_number(value: Any) -> None:
    with pytest.raises(TypeError, match="share must be a number but is "):
        check_number("share", value)
