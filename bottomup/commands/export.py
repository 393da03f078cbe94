"""`bottomup export`: networks in the formats of other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bottomup.commands._options import FAILED, WRONG_USAGE, new_app, stop

app = new_app(help="Write a network in another format.")


@app.callback()
def _formats() -> None:
    """Keeps the format a command of its own, also while there is only one."""


@app.command()
def onnx(
    out: Annotated[Path, typer.Argument(metavar="FILE.onnx", help="The file to write.", show_default=False)],
    model: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="The built-in network, or a .safetensors file of `bottomup train`.")
    ] = "default",
) -> None:
    """Write a network as ONNX: uint8 pictures (B, H, W, 3), BGR, to `heatmaps` and `pafs`.

    The sides of a picture must be multiples of `alignment`; it, the stride and the skeleton are in the file's metadata.
    """
    from bottomup.commands import _console
    from bottomup.weights import resolve_model

    try:
        if out.suffix.lower() != ".onnx":
            raise ValueError(f"FILE.onnx must end in .onnx but is {str(out)!r}")
        if not out.parent.is_dir():
            raise ValueError(f"FILE.onnx must be in a folder that exists but {str(out.parent)!r} is none")
        path = resolve_model(model)
        if path.suffix.lower() != ".safetensors":
            raise ValueError(f"--model must be the built-in network or a .safetensors file but is {model!r}")
        from bottomup.networks.export.onnx import export_onnx
        from bottomup.networks.stored import read_network

        export_onnx(read_network(path), out)
    except (ValueError, FileNotFoundError, ImportError) as error:
        stop(str(error), WRONG_USAGE)
    except OSError as error:
        stop(str(error), FAILED)
    _console.show(str(out))
