"""The two pages that are written from the code: settings, from the reasons and bounds beside each, and the commands."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from typer.main import get_command

FOLDER = "reference"


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", lambda app, _: write_pages(Path(app.srcdir) / FOLDER))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_pages(folder: Path) -> None:
    """Write those pages that are others than those there, so that Sphinx reads only these anew."""
    folder.mkdir(exist_ok=True)
    for name, content in (("settings", settings_page()), ("command_line", command_line_page())):
        page = folder / f"{name}.md"
        if not page.exists() or page.read_text(encoding="utf-8") != content:
            page.write_text(content, encoding="utf-8")


def settings_page() -> str:
    from bottomup import Settings

    parts = [one.default for one in dataclasses.fields(Settings) if dataclasses.is_dataclass(one.default)]
    lines = [
        "# Settings", "",
        "`Settings` holds what users change, and below that one object of options for each step of the way from a "
        "picture to its people. All of them are frozen: make another one instead of changing one.", "",
        "```python", "from bottomup import Settings", "",
        'steady = Settings(flip=True, scales=(1.0, 1.25, 1.5), merge="candidates")', "```", "",
        "A value of the wrong type or out of bounds is an error that names the setting, what it must be and what it "
        "was.", "",
    ]  # fmt: skip
    for cls in (Settings, *map(type, parts)):
        lines += [f"## {cls.__name__}", "", _escape(inspect.getdoc(cls).split("\n\n")[0].replace("\n", " ")), ""]
        for one in dataclasses.fields(cls):
            if not dataclasses.is_dataclass(one.default):
                lines += [
                    f"`{one.name}` = `{one.default!r}`{_bounds(one)}",
                    f": {_escape(one.metadata['reason'])}",
                    "",
                ]
    return "\n".join(lines)


def _bounds(one: dataclasses.Field[Any]) -> str:
    """What a setting may be, as far as more than its type limits it."""
    low, high, choices = one.metadata["low"], one.metadata["high"], one.metadata["choices"]
    if choices is not None:
        return " · one of " + ", ".join(f"`{choice}`" for choice in choices)
    if not {"int", "float"} & set(re.findall(r"\w+", str(one.type))) or "tuple" in str(one.type):
        return ""
    return f" · at least {low:g}" if high == math.inf else f" · {low:g} to {high:g}"


def command_line_page() -> str:
    from bottomup.cli import app

    lines = [
        "# Command line", "",
        "What `bottomup --help` and `bottomup COMMAND --help` say. Exit codes: 0 all went well, 1 something failed and "
        "the rest is done, 2 the command cannot be carried out, 130 interrupted.", "",
    ]  # fmt: skip
    lines += _command_lines(get_command(app), ["bottomup"], None)
    return "\n".join(lines)


def _command_lines(command: Any, path: list[str], parent: Any) -> list[str]:
    context = command.context_class(command, info_name=path[-1], parent=parent)
    lines = [f"{'#' * len(path)} {' '.join(path)}", ""] if len(path) > 1 else []
    usage = " ".join(command.collect_usage_pieces(context))
    lines += ["```text", f"{' '.join(path)} {usage}", "```", "", *_help_lines(command.help or ""), ""]
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and "--help" not in record[0]:
            lines += [f"`{record[0]}`", f": {_escape(record[1]) or 'see the usage above'}", ""]
    if hasattr(command, "list_commands"):
        for name in command.list_commands(context):
            lines += _command_lines(command.get_command(context, name), [*path, name], context)
    return lines


def _help_lines(text: str) -> list[str]:
    return [_escape(line) for line in inspect.cleandoc(text).replace("\b\n", "").splitlines()]


def _escape(text: str) -> str:
    """Text that Markdown would read something into, outside code."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(piece if piece.startswith("`") else re.sub(r"([*_<>\[\]|$\\])", r"\\\1", piece) for piece in pieces)
