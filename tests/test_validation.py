"""Option objects refuse wrong values and name the nearest field for a misspelt one."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, fields, replace
from typing import Any

import pytest

from bottomup.validation import Options, option


@dataclass(frozen=True)
class Some(Options):
    """Options of every kind."""

    share: float = option(0.5, "A share.", high=1)
    count: int = option(3, "A count.", low=1)
    limit: float | None = option(None, "A limit or none.")
    flag: bool = option(False, "A flag.")
    kind: str = option("a", "A choice.", choices=("a", "b"))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"share": 1.5}, ValueError, "share must be from 0 to 1 but is 1.5"),
        ({"share": float("nan")}, ValueError, "share must be from 0 to 1 but is nan"),
        ({"share": "1"}, TypeError, "share must be a number but is '1'"),
        ({"share": True}, TypeError, "share must be a number but is True"),
        ({"share": None}, TypeError, "share must be a number but is None"),
        ({"count": 0}, ValueError, "count must be at least 1 but is 0"),
        ({"count": 2.0}, TypeError, "count must be a whole number but is 2.0"),
        ({"count": 2**31}, ValueError, "count must be at most 2147483647 but is 2147483648"),
        ({"limit": -1.0}, ValueError, "limit must be at least 0 but is -1.0"),
        ({"flag": 1}, TypeError, "flag must be True or False but is 1"),
        ({"kind": "c"}, ValueError, r"kind must be one of \['a', 'b'\] but is 'c'"),
        ({"shear": 0.1}, TypeError, "Some has no option 'shear': did you mean 'share'?"),
        ({"zzz": 0.1}, TypeError, "Some has no option 'zzz': it has share, count, limit, flag, kind"),
    ],
)
def test_wrong_options_are_refused(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Some(**changes)
    with pytest.raises(error, match=message):
        replace(Some(), **changes)


def test_right_options_are_taken() -> None:
    some = Some(share=1, limit=0.25, kind="b")
    assert (some.share, some.limit, some.kind) == (1, 0.25, "b")
    assert hash(some) == hash(replace(some))
    assert all(one.metadata["reason"] for one in fields(some))
    with pytest.raises(FrozenInstanceError):
        some.share = 0.1  # type: ignore[misc]
