"""What the commands share: their options, how they are found, exit codes, and giving up with a message."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

if TYPE_CHECKING:
    from bottomup.settings import Settings

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130  # exit codes; the last is the shell's habit for Ctrl-C

DeviceOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="cpu, cuda or cuda:N, with ONNX Runtime also tensorrt; a GPU if there is one."),
]
BackendOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="openvino, onnxruntime, torch or tensorrt; the quickest there is, unless given."),
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
DenoiserOption = Annotated[
    str | None,
    typer.Option(
        metavar="default|none|FILE",
        help="Mend joints by the whole pose and guess hidden ones; as the network asks, unless given.",
        show_default=False,
    ),
]
RefineOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="Look again at each person with this network for crops: slower, better. cascade:FILE looks twice.",
        show_default=False,
    ),
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


class LazyCommands(Commands):
    """Commands of which each is a module of its own, imported when it is called or listed.

    package: where the modules are. names: the commands in the order of `--help`; a module's name has _ in place of -.
    Each module holds an `app`, a `typer.Typer` made by `new_app`.
    """

    package: ClassVar[str]
    names: ClassVar[tuple[str, ...]]

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Modules(self.package, self.names)

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, without an import."""
        return list(self.names)


class _Modules(MutableMapping[str, Any]):
    """Commands by name; a look at one imports its module."""

    def __init__(self, package: str, names: tuple[str, ...]) -> None:
        self._package = package
        self._found: dict[str, Any] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> Any:
        if self._found[name] is None:
            module = import_module(f"{self._package}.{name.replace('-', '_')}")
            command = get_command(module.app)
            command.name = name
            self._found[name] = command
        return self._found[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._found[name] = command

    def __delitem__(self, name: str) -> None:
        del self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def new_app(help: str | None = None, cls: type[TyperGroup] | None = None) -> typer.Typer:
    """A command, or with `help` a group of commands (of class `cls`, if it finds them by itself)."""
    if help is None:
        return typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    return typer.Typer(
        cls=cls, help=help, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )  # fmt: skip


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


def stop(message: str, code: int) -> NoReturn:
    """End the command with an error message."""
    from bottomup.commands._console import show_error

    show_error(message)
    raise typer.Exit(code)
