"""What the commands share: exit codes, reading options, and giving up with a message."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

if TYPE_CHECKING:
    from bottomup.settings import Settings

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130  # exit codes; the last is the shell's habit for Ctrl-C

DeviceOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="cpu, cuda or cuda:N; a GPU if there is one, unless given.")
]
BackendOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="openvino, onnxruntime or torch; the quickest there is, unless given."),
]
HeightOption = Annotated[
    int | None, typer.Option(metavar="PIXELS", help="Height at which the network sees a picture.", show_default=False)
]
ScalesOption = Annotated[
    str | None,
    typer.Option(metavar="LIST", help="Sizes to look at, relative to the input height: 0.5,1,2", show_default=False),
]
FlipOption = Annotated[bool, typer.Option("--flip", help="Look at the mirrored picture too: slower, better.")]
MergeOption = Annotated[
    str | None,
    typer.Option(
        metavar="fields|candidates",
        help="Of several looks: average the fields, or take joints from each.",
        show_default=False,
    ),
]
PersonOption = Annotated[
    float | None, typer.Option(metavar="SCORE", help="Leave out people with a lower score.", show_default=False)
]
JointOption = Annotated[
    float | None, typer.Option(metavar="SCORE", help="Leave out joints with a lower score.", show_default=False)
]


class Commands(TyperGroup):
    """Commands that refuse empty arguments: a path "" would be the current folder, and is an unset variable."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See click; a usage error names the option, or says that it is an argument."""
        for before, argument in pairwise(["", *args]):
            option, equals, value = argument.partition("=") if argument.startswith("--") else (before, "=", argument)
            if equals and not value:
                name = option if option.startswith("-") else "an argument"
                ctx.fail(f"{name} must not be empty (the current folder is .)")
        return super().parse_args(ctx, args)


def make_settings(**given: Any) -> Settings:
    """Settings of the options that were given; None stands for the default."""
    from bottomup.settings import Settings

    return Settings(**{name: value for name, value in given.items() if value is not None})


def read_numbers(option: str, text: str) -> tuple[float, ...]:
    """The numbers of an option like `0.5,1,2`; ValueError that names the option if they are none."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{option} must be numbers with commas between them but is {text!r}") from None


def show_error(message: str) -> None:
    """An error message on stderr."""
    Console(stderr=True, highlight=False).print(f"[bold red]Error:[/] {escape(message)}", soft_wrap=True)


def stop(message: str, code: int) -> NoReturn:
    """End the command with an error message."""
    show_error(message)
    raise typer.Exit(code)
