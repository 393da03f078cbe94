"""The bodies of requests: one raw picture or a form of several, within bounds of size, memory and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from bottomup.server.errors import RefusalError, invalid
from bottomup.server.metrics import Metrics
from bottomup.server.options import ServerOptions

_LONGEST_NAME = 255  # characters of a picture's name that are kept
_PIECE = 2**18  # bytes that the form parser is given at once


@dataclass(frozen=True)
class Upload:
    """A picture as it was sent.

    name: its file name as the client gave it, empty if there was none. data: its bytes.
    """

    name: str
    data: bytes


class BodyReader:
    """Reads bodies; counts the bytes that are in memory over all requests.

    Parameters
    ----------
    options:
        `max_body`, `max_bodies`, `max_pictures` and `body_timeout` count.
    metrics:
        Where the bytes in memory are counted.
    """

    def __init__(self, options: ServerOptions, metrics: Metrics) -> None:
        self._options, self._metrics = options, metrics
        self._held = 0

    @contextmanager
    def hold(self) -> Iterator[Holding]:
        """Memory for one request, given back at the end."""
        holding = Holding(self)
        try:
            yield holding
        finally:
            self.add(-holding.bytes)

    def add(self, size: int) -> None:
        """Count bytes that came in, or went; `RefusalError` (429) if there are too many."""
        if size > 0 and self._held + size > self._options.max_bodies:
            message = "the service holds as many bytes as it can; try again later"
            raise RefusalError(429, "memory_full", message, retry_after=2)
        self._held += size
        self._metrics.bodies.set(self._held)

    async def uploads(self, request: Request, holding: Holding) -> list[Upload]:
        """The pictures of a request, at least one.

        Raises `RefusalError`: 413 for too large a body or too many pictures, 408 for too slow a one, 400 for none or a
        broken form, 422 for form fields that are no pictures.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            async with asyncio.timeout(self._options.body_timeout):
                body = await self._body(request, holding)
        except ClientDisconnect:
            raise RefusalError(499, "client_gone", "the client went before its body was here") from None
        except TimeoutError:
            seconds = f"{self._options.body_timeout:g} seconds"
            raise RefusalError(408, "too_slow", f"the body must be here within {seconds} but is not") from None
        if kind == "multipart/form-data":
            return await self._form(request.headers, body)
        if not body:
            raise RefusalError(400, "no_picture", "the body must be a picture, or a form of pictures, but is empty")
        return [Upload("", body)]

    async def _body(self, request: Request, holding: Holding) -> bytes:
        limit = self._options.max_body
        length = request.headers.get("content-length", "0")
        if length.isascii() and length.isdecimal() and int(length) > limit:
            raise self._too_large(int(length))
        chunks = []
        async for chunk in request.stream():
            holding.add(len(chunk))
            if holding.bytes > limit:
                raise self._too_large()
            chunks.append(chunk)
        return b"".join(chunks)

    def _too_large(self, size: int | None = None) -> RefusalError:
        was = "has more" if size is None else f"has {size}"
        message = f"the body must have at most {self._options.max_body} bytes but {was}"
        return RefusalError(413, "body_too_large", message)

    async def _form(self, headers: Headers, body: bytes) -> list[Upload]:
        parser = _FormParser(headers, _pieces(body), max_files=self._options.max_pictures, max_fields=16)
        parser.spool_max_size = self._options.max_body  # the body is in memory; nothing goes to a disk
        try:
            form = await parser.parse()
            if not parser.is_complete:
                parser.close()
                raise MultiPartException("the last boundary is missing")
        except MultiPartException as error:
            if "files" in error.message:
                message = f"a form must have at most {self._options.max_pictures} pictures but has more"
                raise RefusalError(413, "too_many_pictures", message) from None
            raise _bad_form() from None
        except Exception:  # what the parser makes of nonsense
            raise _bad_form() from None
        try:
            return await _pictures(form)
        finally:
            await form.close()


def _bad_form() -> RefusalError:
    return RefusalError(400, "bad_form", "the form must be complete multipart/form-data but is not")


async def _pictures(form: FormData) -> list[Upload]:
    fields = [name for name, value in form.multi_items() if not isinstance(value, UploadFile)]
    if fields:
        hint = "a form must hold pictures, as files; parameters belong into the address, after the ?"
        raise invalid(dict.fromkeys(fields, hint))
    uploads = [
        Upload((value.filename or "")[:_LONGEST_NAME], await value.read())
        for _, value in form.multi_items()
        if isinstance(value, UploadFile)
    ]
    if not uploads:
        raise RefusalError(400, "no_picture", "the form must hold at least one picture but has none")
    return uploads


class _FormParser(MultiPartParser):
    """Starlette's parser, which does not say whether the form's last boundary was there."""

    is_complete = False

    def on_end(self) -> None:
        """The last boundary."""
        self.is_complete = True

    def close(self) -> None:
        """Close what was begun."""
        for file in self._files_to_close_on_error:
            file.close()


async def _pieces(body: bytes) -> AsyncGenerator[bytes]:
    """The body in pieces, so that the event loop goes on between them."""
    for start in range(0, len(body), _PIECE):
        yield body[start : start + _PIECE]
        await asyncio.sleep(0)


class Holding:
    """The bytes that one request holds in memory."""

    def __init__(self, reader: BodyReader) -> None:
        self._reader = reader
        self.bytes = 0

    def add(self, size: int) -> None:
        """Count bytes that came in; `RefusalError` if all requests together hold too many."""
        self._reader.add(size)
        self.bytes += size
