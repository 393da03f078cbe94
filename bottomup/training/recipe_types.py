"""Types of what a recipe's TOML says, checked by pydantic: all that is wrong is told at once, in the recipe's terms."""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, get_type_hints

# pydantic's names of what is wrong, and what the value must be.
_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "too_long": "a shorter list",
    "missing": "given",
}


def check_types(values: Mapping[str, Any], config: type, network: type, source: type) -> None:
    """Compare the values of a recipe with the fields of the classes that they are for.

    Parameters
    ----------
    values:
        What `tomllib` read.
    config, network, source:
        The dataclasses of a run, of its table `network`, and of an entry of its list `sources`.

    Raises ValueError that lists every value of another type and every unknown name, with the nearest known one;
    ImportError if pydantic is not installed.
    """
    try:
        from pydantic import ValidationError
    except ImportError as error:
        raise ImportError('recipes need pydantic: pip install "bottomup[train]"') from error
    try:
        text = json.dumps(dict(values))
    except (TypeError, ValueError) as error:  # a date
        raise ValueError(f"values must be text, numbers, lists and tables but {error}") from error
    model = _model(config, network, source)
    try:
        # As JSON, since strict pydantic takes no list for a tuple otherwise.
        model.model_validate_json(text)
    except ValidationError as error:
        raise ValueError("; ".join(_message(fault, config, network, source) for fault in error.errors())) from error


@cache
def _model(config: type, network: type, source: type) -> Any:
    from pydantic import ConfigDict, create_model

    strict = ConfigDict(extra="forbid", strict=True)

    def model_of(kind: type, **other: Any) -> Any:
        hints = get_type_hints(kind) | other
        fields: dict[str, Any] = {
            field.name: (hints[field.name], ... if _is_needed(field) else None)
            for field in dataclasses.fields(kind)
            if field.init
        }
        return create_model(kind.__name__, __config__=strict, **fields)

    table = model_of(network, skeleton=str | dict[str, Any])
    return model_of(config, network=table, sources=list[model_of(source)])  # type: ignore[misc]


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _message(fault: Mapping[str, Any], config: type, network: type, source: type) -> str:
    where, kind = [str(part) for part in fault["loc"]], str(fault["type"])
    # pydantic tells of a union's every member; the first says which value it is.
    where = [part for part in where if not part.startswith(("dict[", "str"))] or where
    name = ".".join(where)
    if kind == "extra_forbidden":
        owner = {"network": network, "sources": source}.get(where[0] if len(where) > 1 else "", config)
        near = difflib.get_close_matches(where[-1], [field.name for field in dataclasses.fields(owner)], 1)
        return f"{name} must be a known name but is none" + (f": did you mean {near[0]}?" if near else "")
    if kind == "missing":
        return f"{name} must be given but is not"
    wanted = _WANTED.get(kind, str(fault["msg"]).removeprefix("Input should be "))
    return f"{name} must be {wanted} but is {fault['input']!r}"
