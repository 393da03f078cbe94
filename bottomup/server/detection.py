"""A request for people, from its body to its answer."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import cv2
import numpy as np
from fastapi import Request

from bottomup.detector import Detector
from bottomup.drawing import field_layer
from bottomup.image import BgrImage
from bottomup.people import People
from bottomup.server.answers import Outcome, as_coco, as_openpose, as_rows
from bottomup.server.bodies import Upload
from bottomup.server.errors import RefusalError
from bottomup.server.parameters import DetectParameters, chosen_settings, network_name
from bottomup.server.service import Service

Result = TypeVar("Result")


async def detect_request(service: Service, request: Request, parameters: DetectParameters) -> Any:
    """The answer of `/v1/detect`: body -> pictures -> queue -> people -> the shape that was asked for.

    A single picture that cannot be read is a refusal; of several, it is told in its row. Raises `RefusalError`.
    """
    name = network_name(service.networks, parameters.model)
    settings = chosen_settings(service.networks, name, parameters, service.options)
    detector = service.networks.detector(name, settings)
    service.batcher.accept()  # while the queue is full, no body is taken in
    with service.bodies.hold() as holding:
        uploads = await service.bodies.uploads(request, holding)
        with service.batcher.accept(len(uploads)):
            work = _detect_all(service, detector, uploads, parameters.layers)
            outcomes = await _while_wanted(request, work, service.options.request_timeout)
    if parameters.format == "coco":
        return as_coco(outcomes)
    if parameters.format == "openpose":
        return as_openpose(outcomes)
    return as_rows(name, detector.skeleton, outcomes)


async def _detect_all(
    service: Service, detector: Detector, uploads: Sequence[Upload], layers: Sequence[str]
) -> list[Outcome]:
    if len(uploads) == 1:
        return [await _detect_one(service, detector, uploads[0], layers)]

    async def outcome(upload: Upload) -> Outcome:
        try:
            return await _detect_one(service, detector, upload, layers)
        except RefusalError as refusal:
            return Outcome(upload.name, error=refusal.message)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(outcome(upload)) for upload in uploads]
    return [task.result() for task in tasks]


async def _detect_one(service: Service, detector: Detector, upload: Upload, layers: Sequence[str]) -> Outcome:
    async with service.pictures.read(upload.data) as picture:
        people, drawn = await look(service, detector, picture, layers)
        height, width, _ = picture.shape
        return Outcome(upload.name, width, height, people, layers=drawn)


async def look(
    service: Service, detector: Detector, picture: BgrImage, layers: Sequence[str]
) -> tuple[People, dict[str, Any] | None]:
    """The people in a picture, and what of the network's fields is to be laid over it."""
    people = await service.batcher.detect(detector, picture)
    service.metrics.pictures.inc()
    service.metrics.people.inc(len(people))
    return people, await service.batcher.run(draw_layers, detector, picture, layers) if layers else None


def draw_layers(detector: Detector, picture: BgrImage, layers: Sequence[str]) -> dict[str, Any]:
    """Layer -> its PNG, one pixel for each cell of the field, in base64, and the pixels of the picture over which it is
    to be stretched, counted from the picture's corner."""
    height, width, _ = picture.shape
    fields = detector.fields(picture)
    letterbox = detector.letterbox(height, width)
    rows, columns = fields.heatmaps.shape[1:]
    corners = np.array([[-0.5, -0.5], [columns * fields.stride - 0.5, rows * fields.stride - 0.5]])
    (left, top), (right, bottom) = (letterbox.to_image(corners) + 0.5).tolist()
    place = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return {layer: {"png": _png(field_layer(fields, layer)), **place} for layer in layers}


def _png(image: Any) -> str:
    _, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return base64.b64encode(data.tobytes()).decode("ascii")


async def _while_wanted(request: Request, work: Coroutine[Any, Any, Result], seconds: float) -> Result:
    """The result; the work is cancelled if the client goes or the time is up."""
    task, gone = asyncio.create_task(work), asyncio.create_task(_disconnection(request))
    try:
        done, _ = await asyncio.wait({task, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task in done:
            return task.result()
        if gone in done:
            raise RefusalError(499, "client_gone", "the client went before there was an answer")
        message = f"the picture must be answered within {seconds:g} seconds but was not"
        raise RefusalError(504, "timed_out", message, retry_after=5)
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnection(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
