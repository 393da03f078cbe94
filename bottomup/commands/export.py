"""`bottomup export`: networks in the formats of other runtimes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bottomup.commands._options import FAILED, WRONG_USAGE, new_app, stop

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

app = new_app(help="Write a network in another format.")

ModelOption = Annotated[
    str,
    typer.Option(
        metavar="NAME|FILE",
        help="The built-in network, a .safetensors file of `bottomup train`, or a published network's checkpoint.",
    ),
]


@app.command()
def onnx(
    out: Annotated[Path, typer.Argument(metavar="FILE.onnx", help="The file to write.", show_default=False)],
    model: ModelOption = "default",
) -> None:
    """Write a network as ONNX: uint8 pictures (B, H, W, 3), BGR, to `heatmaps` and `pafs` (or `tags`).

    The sides of a picture must be multiples of `alignment`; it, the stride and the skeleton are in the file's metadata.
    """

    def write(path: Path) -> None:
        from bottomup.networks.export.files import write_onnx

        write_onnx(path, out)

    _export(out, ".onnx", model, write)


@app.command()
def openvino(
    out: Annotated[Path, typer.Argument(metavar="FILE.xml", help="The file to write.", show_default=False)],
    model: ModelOption = "default",
    half: Annotated[bool, typer.Option("--half", help="Keep the weights in 16 bits: half the size.")] = False,
    int8: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Quantise to 8 bits by these photos, some hundreds such as the network will see.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", help="With --int8: at most so many photos, by name.")] = 300,
) -> None:
    """Write a network as OpenVINO's .xml and .bin: uint8 pictures as in `onnx`; --model FILE.xml runs it."""

    def write(path: Path) -> None:
        from bottomup.networks.export.files import write_openvino

        if limit < 1:
            raise ValueError(f"--limit must be at least 1 but is {limit}")
        write_openvino(path, out, half=half, calibration=None if int8 is None else _pictures(path, int8, limit))

    _export(out, ".xml", model, write)


@app.command()
def tensorrt(
    out: Annotated[Path, typer.Argument(metavar="FILE.onnx", help="The file to write.", show_default=False)],
    model: ModelOption = "default",
    height: Annotated[
        int, typer.Option(metavar="PIXELS", help="Of pictures that it is quickest at; 0: what the network asks for.")
    ] = 0,
    full: Annotated[bool, typer.Option("--full", help="Compute in 32 bits, not in 16 where that is quicker.")] = False,
) -> None:
    """Write what NVIDIA's `trtexec` makes an engine of, and tell the command; --model FILE.engine runs that."""
    from bottomup.commands import _console

    commands: list[str] = []

    def write(path: Path) -> None:
        from bottomup.networks.export.files import write_for_tensorrt

        if height < 0:
            raise ValueError(f"--height must be at least 0 but is {height}")
        commands.append(write_for_tensorrt(path, out, height=height, half=not full))

    _export(out, ".onnx", model, write)
    _console.show(commands[0])


def _export(out: Path, ending: str, model: str, write: Callable[[Path], None]) -> None:
    """Check the arguments, write, and say where."""
    from bottomup.commands import _console
    from bottomup.weights import resolve_model

    try:
        if out.suffix.lower() != ending:
            raise ValueError(f"FILE{ending} must end in {ending} but is {str(out)!r}")
        if not out.parent.is_dir():
            raise ValueError(f"FILE{ending} must be in a folder that exists but {str(out.parent)!r} is none")
        write(resolve_model(model))
    except (ValueError, FileNotFoundError, ImportError) as error:
        stop(str(error), WRONG_USAGE)
    except OSError as error:
        stop(str(error), FAILED)
    _console.show(str(out))


def _pictures(model: Path, folder: Path, limit: int) -> list[npt.NDArray[np.uint8]]:
    """(1, H, W, 3) pictures of a folder as the network sees them."""
    from bottomup.image import read_image

    if not folder.is_dir():
        raise ValueError(f"--int8 must be a folder of photos but {str(folder)!r} is none")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _PHOTOS)[:limit]
    if not paths:
        raise ValueError(f"--int8 must be a folder of photos but {str(folder)!r} has none ({', '.join(_PHOTOS)})")
    show = _shown_to(model)
    return [show(read_image(path))[None] for path in paths]


_PHOTOS = (".jpg", ".jpeg", ".png", ".webp")


def _shown_to(model: Path) -> Callable[[Any], Any]:
    """What makes the network's input of a photo: the whole photo, or for crops of one person its middle."""
    from bottomup.crop_geometry import crop_view, cut, sides
    from bottomup.detector import Detector
    from bottomup.networks.backends.factory import load_backend

    backend = load_backend(model, device="cpu")
    info = backend.info
    if info.task in ("fields", "tags"):
        detector = Detector(backend=backend)
        return lambda photo: detector.letterbox(*photo.shape[:2]).apply(photo)
    import numpy as np

    size, corner = sides(info.crop_size), info.corner_cells

    def crop(photo: Any) -> Any:
        box = np.array([0, 0, photo.shape[1], photo.shape[0]], float)
        view = crop_view(box, size, margin=info.crop_margin, corner_cells=corner)
        return cut(photo, view, size, padding=info.padding)

    return crop
