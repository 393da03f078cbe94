"""The compiled extension `bottomup._C`: the one place that loads it and says what to do where it is missing."""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bottomup.validation import Options

if TYPE_CHECKING:
    from bottomup import _C
else:
    try:
        _C = import_module("bottomup._C")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"bottomup's compiled extension is not in {str(Path(__file__).parent)!r}. If that is the source folder, "
            "leave it, or install the package in place: pip install -e ."
        ) from error

__all__ = ["_C", "compiled"]


@lru_cache(maxsize=64)
def compiled(options: Options) -> Any:
    """The extension's struct of the same name with the same fields, made once for equal options."""
    struct = getattr(_C, type(options).__name__)()
    for one in fields(options):
        setattr(struct, one.name, getattr(options, one.name))
    return struct
