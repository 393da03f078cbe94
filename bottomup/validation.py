"""Options as frozen dataclasses whose fields carry their reason and their bounds, and errors that name the field.

    @dataclass(frozen=True)
    class PeakOptions(Options):
        "How peaks are found."

        upsample: int = option(1, "Whole factor by which heatmaps are upsampled.", low=1)

checks types and bounds whenever one is made, lists its fields with their reasons in `help(PeakOptions)`, and refuses
`PeakOptions(upsampel=2)` with a TypeError that asks "did you mean upsample?".
"""

from __future__ import annotations

import difflib
import inspect
import math
import textwrap
from collections.abc import Sequence
from dataclasses import Field, field, fields
from functools import cache
from numbers import Integral, Real
from types import NoneType
from typing import Any, ClassVar, Self, get_args, get_type_hints

_WIDTH = 116  # columns of the list of fields, as `help` indents it
_MAX_WHOLE = 2**31 - 1  # what the compiled code's whole numbers can hold


def option(
    default: Any, reason: str, *, low: float = 0, high: float = math.inf, choices: Sequence[str] | None = None
) -> Any:
    """A dataclass field of `Options`.

    Parameters
    ----------
    default:
        A value that passes the checks.
    reason:
        What the field is and why it has this default, for readers of the code and of `help`.
    low, high:
        Inclusive bounds of a number. Whole numbers are also at most 2^31 - 1.
    choices:
        What a text may be.
    """
    return field(default=default, metadata={"reason": reason, "low": low, "high": high, "choices": choices})


class _OptionsType(type):
    """Keeps fields, which the docstring lists, and what `dataclass` generates out of `help`."""

    def __dir__(cls) -> list[str]:
        generated = set(getattr(cls, "__dataclass_fields__", ()))
        return [name for name in super().__dir__() if not name.startswith("_") and name not in generated]


class Options(metaclass=_OptionsType):
    """Base of frozen dataclasses all of whose fields are made by `option`.

    Numbers are converted to Python's int and float, flags must be bool, texts one of their choices, and fields of other
    types instances of them.

    Raises TypeError for a wrong type or an unknown name, with the nearest right one, and ValueError for a value out of
    bounds: "NAME must be ... but is ...".
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __init_subclass__(cls) -> None:
        listed = [_describe(name, value) for name, value in vars(cls).items() if isinstance(value, Field)]
        cls.__doc__ = "\n".join([inspect.cleandoc(cls.__doc__ or ""), "", *listed])
        cls.__repr__ = Options.__repr__  # type: ignore[method-assign]  # or `dataclass` makes one

    def __new__(cls, *_: Any, **values: Any) -> Self:
        for name in values:
            if name not in cls.__dataclass_fields__:
                raise TypeError(f"{cls.__name__} has no option {name}{_suggestion(cls, name)}")
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for name, (kind, optional, metadata) in _field_kinds(type(self)).items():
            value = getattr(self, name)
            if not (optional and value is None):
                object.__setattr__(self, name, _checked(name, value, kind, **metadata))

    def __repr__(self) -> str:
        given = [f"{one.name}={value!r}" for one in fields(self) if (value := getattr(self, one.name)) != one.default]
        return f"{type(self).__name__}({', '.join(given)})"


def check_number(
    name: str, value: object, *, low: float = -math.inf, high: float = math.inf, whole: bool = False
) -> Any:
    """The number as Python's int or float.

    Raises TypeError if it is none, ValueError if it is not within the inclusive bounds, which NaN never is.
    """
    if isinstance(value, bool) or not isinstance(value, Integral if whole else Real):
        raise TypeError(f"{name} must be {'a whole number' if whole else 'a number'} but is {value!r}")
    number = int(value) if whole else float(value)  # type: ignore[call-overload]
    if not low <= number <= high:
        wanted = f"from {low:g} to {high:g}" if high < math.inf else f"at least {low:g}"
        wanted = wanted if low > -math.inf else "a number"
        raise ValueError(f"{name} must be {wanted} but is {value!r}")
    if whole and number > _MAX_WHOLE:
        raise ValueError(f"{name} must be at most {_MAX_WHOLE} but is {value!r}")
    return number


def _checked(
    name: str, value: object, kind: Any, *, reason: str, low: float, high: float, choices: Sequence[str] | None
) -> Any:
    if choices is not None:
        if value not in choices:
            raise ValueError(f"{name} must be one of {list(choices)} but is {value!r}")
        return value
    if kind in (int, float):
        return check_number(name, value, whole=kind is int, low=low, high=high)
    if kind is bool and not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False but is {value!r}")
    if isinstance(kind, type) and not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise TypeError(f"{name} must be {article} {kind.__name__} but is {value!r}")
    return value


@cache
def _field_kinds(cls: type[Options]) -> dict[str, tuple[Any, bool, dict[str, Any]]]:
    """Of each field its type, whether None will do as well, and what else is known of it."""
    kinds = {}
    hints = get_type_hints(cls)
    for one in fields(cls):
        choices = get_args(hints[one.name])
        optional = NoneType in choices
        kind = next(choice for choice in choices if choice is not NoneType) if optional else hints[one.name]
        kinds[one.name] = (kind, optional, dict(one.metadata))
    return kinds


def _describe(name: str, one: Field[Any]) -> str:
    reason = f"{name}: {one.metadata['reason']}"
    return textwrap.fill(reason, _WIDTH, initial_indent="    ", subsequent_indent="        ", break_on_hyphens=False)


def _suggestion(cls: type[Options], name: str) -> str:
    """What to write in place of a name that the class does not know, "" if nothing resembles it."""
    homes = {one.name: one.name for one in fields(cls)}
    for outer in fields(cls):
        if isinstance(outer.default, Options):
            for inner in fields(outer.default):
                homes.setdefault(inner.name, f"{outer.name}={type(outer.default).__name__}({inner.name}=...)")
    nearest = difflib.get_close_matches(name, homes, n=1)
    return (
        f": did you mean {homes[nearest[0]]}?" if nearest else f"; it has {', '.join(list(homes)[: len(fields(cls))])}"
    )
