"""`bottomup serve`: people in pictures over HTTP, and a page to try it with."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bottomup.commands._options import (
    FAILED,
    WRONG_USAGE,
    BackendOption,
    DenoiserOption,
    DeviceOption,
    HeightOption,
    JointOption,
    PersonOption,
    RefineOption,
    make_settings,
    new_app,
    stop,
)

app = new_app()


@app.command()
def serve(
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE",
            help="A network to serve; may be repeated, the first is the default.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 is every network of this computer.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="BOTTOMUP_TOKEN",
            metavar="TEXT",
            show_default=False,
            help="What clients must send as `Authorization: Bearer TEXT`. Better said by the environment variable.",
        ),
    ] = None,
    root_path: Annotated[
        str, typer.Option(metavar="PATH", help="Where a proxy shows the service, as /pose.", show_default=False)
    ] = "",
    device: DeviceOption = None,
    backend: BackendOption = None,
    input_height: HeightOption = None,
    person_threshold: PersonOption = None,
    joint_threshold: JointOption = None,
    pose_denoiser: DenoiserOption = None,
    refine: RefineOption = None,
    batch_size: Annotated[int | None, typer.Option(help="Pictures seen at once: 8 on a GPU, else 1.")] = None,
    batch_latency: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="How long a picture may wait for others.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Threads that run the network.")] = None,
    max_body: Annotated[int | None, typer.Option(metavar="BYTES", help="Of a request.")] = None,
    max_pixels: Annotated[int | None, typer.Option(help="Of a picture.")] = None,
    max_queue: Annotated[int | None, typer.Option(metavar="PICTURES", help="Accepted and not answered yet.")] = None,
    max_input_height: Annotated[int | None, typer.Option(metavar="PIXELS", help="That a client may ask for.")] = None,
    request_timeout: Annotated[float | None, typer.Option(metavar="SECONDS", help="From a body to its answer.")] = None,
    body_timeout: Annotated[float | None, typer.Option(metavar="SECONDS", help="For a body to come in.")] = None,
    drain: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="From the signal to stop to the last connection."),
    ] = None,
) -> None:
    """Find people in the pictures that clients send.

    POST a picture to /v1/detect; the page is at /, the description of the interface at /docs. SIGTERM or Ctrl-C stops
    it after what it has accepted is answered. Exit code 0: stopped. 1: the port cannot be had. 2: wrong usage.
    """
    try:
        from bottomup.server import ServedNetworks, ServerOptions, create_app, run

        given: dict[str, Any] = {
            "batch_size": batch_size, "batch_latency": batch_latency, "workers": workers, "max_body": max_body,
            "max_pixels": max_pixels, "max_queue": max_queue, "max_input_height": max_input_height,
            "request_timeout": request_timeout, "body_timeout": body_timeout, "drain": drain,
        }  # fmt: skip
        options = ServerOptions(**{name: value for name, value in given.items() if value is not None})
        settings = make_settings(
            input_height=input_height,
            person_threshold=person_threshold,
            joint_threshold=joint_threshold,
            pose_denoiser=pose_denoiser,
        )
        networks = ServedNetworks.load(
            model or ["default"], device=device, backend=backend, settings=settings, refine=refine
        )
        application = create_app(networks, options, token=token)
    except (ValueError, TypeError, OSError, RuntimeError, ImportError) as error:
        stop(str(error), WRONG_USAGE)
    try:
        run(application, host=host, port=port, root_path=root_path)
    except OSError as error:
        stop(f"--host and --port must be an address that is free but {host}:{port} is not: {error.strerror}", FAILED)
