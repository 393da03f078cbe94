"""Checked option objects: frozen dataclasses whose fields carry their reason and bounds."""

from __future__ import annotations

import math
from dataclasses import Field, field, fields
from difflib import get_close_matches
from typing import Any

HIGHEST_WHOLE = 2**31 - 1  # what the kernels can hold


def option(
    default: Any, reason: str, *, low: float = 0.0, high: float = math.inf, choices: tuple[str, ...] = ()
) -> Any:
    """A field of an `Options` class.

    Parameters
    ----------
    default:
        Its default.
    reason:
        What it is and why it is so much, for `help` and the documentation.
    low, high:
        Inclusive bounds of a number.
    choices:
        The values that a text may have.
    """
    return field(default=default, metadata={"reason": reason, "low": low, "high": high, "choices": choices})


class _NamesFields(type):
    def __call__(cls, *args: Any, **values: Any) -> Any:
        names = [one.name for one in fields(cls)]  # type: ignore[arg-type]
        for name in values:
            if name not in names:
                nearest = get_close_matches(name, names, 1)
                hint = f"did you mean {nearest[0]!r}?" if nearest else f"it has {', '.join(names)}"
                raise TypeError(f"{cls.__name__} has no option {name!r}: {hint}")
        return super().__call__(*args, **values)


class Options(metaclass=_NamesFields):
    """Base of frozen dataclasses that check their values, and name the nearest field for a misspelt one.

    Raises ValueError (TypeError for a wrong type or name) that names the option, what it must be and what it was.
    """

    def __post_init__(self) -> None:
        for one in fields(self):  # type: ignore[arg-type]
            check_option(one, getattr(self, one.name))


def check_option(one: Field[Any], value: object) -> None:
    """TypeError or ValueError if a value is not what the field's type and bounds ask for."""
    kind, _, optional = str(one.type).partition(" | ")
    if optional and value is None:
        return
    if kind == "bool" and not isinstance(value, bool):
        raise TypeError(f"{one.name} must be True or False but is {value!r}")
    if kind in ("int", "float"):
        low, high = one.metadata.get("low", 0.0), one.metadata.get("high", math.inf)
        check_number(one.name, value, low=low, high=high, whole=kind == "int")
    choices = one.metadata.get("choices", ())
    if choices and value not in choices:
        raise ValueError(f"{one.name} must be one of {list(choices)} but is {value!r}")


def check_number(
    name: str, value: object, *, low: float = -math.inf, high: float = math.inf, whole: bool = False
) -> None:
    """TypeError or ValueError unless a value is a (whole) number from `low` to `high`, both included."""
    kind = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kind):
        raise TypeError(f"{name} must be {'a whole number' if whole else 'a number'} but is {value!r}")
    if not low <= value <= high:
        wanted = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
        raise ValueError(f"{name} must be {wanted} but is {value!r}")
    if whole and value > HIGHEST_WHOLE:
        raise ValueError(f"{name} must be at most {HIGHEST_WHOLE} but is {value!r}")
