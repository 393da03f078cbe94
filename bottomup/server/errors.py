"""Refusals: what a client is told, as one JSON shape, without a path or a trace in it."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

log = logging.getLogger("bottomup.server")


class WrongParameter(BaseModel):
    """A parameter that cannot be what it was."""

    name: str
    message: str


class ErrorDetails(BaseModel):
    """Why a request was refused."""

    code: str = Field(description="one word for programs, as `body_too_large`")
    message: str = Field(description="a sentence for people")
    parameters: list[WrongParameter] = Field(default=[], description="of code `invalid_parameters`: which, and why")


class ErrorAnswer(BaseModel):
    """The body of every answer with a status of 400 or more."""

    error: ErrorDetails


class RefusalError(Exception):
    """A request that is not answered with people.

    Parameters
    ----------
    status:
        HTTP status, 400 or more.
    code:
        One word for programs.
    message:
        A sentence for people, without paths.
    parameters:
        Name -> what is wrong with it.
    retry_after:
        Whole seconds after which to try again.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        parameters: dict[str, str] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.parameters = parameters or {}
        self.retry_after = retry_after

    @property
    def body(self) -> dict[str, Any]:
        """The answer's JSON, an `ErrorAnswer`."""
        wrong = [WrongParameter(name=name, message=message) for name, message in self.parameters.items()]
        details = ErrorDetails(code=self.code, message=self.message, parameters=wrong)
        return ErrorAnswer(error=details).model_dump()

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the answer."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return headers | ({"WWW-Authenticate": "Bearer"} if self.status == 401 else {})

    def response(self) -> JSONResponse:
        """The answer."""
        return JSONResponse(self.body, self.status, self.headers)


def internal_error(error: BaseException) -> RefusalError:
    """A refusal for a fault of ours, which goes to the log in full under a number that the client is told."""
    number = secrets.token_hex(4)
    log.error("fault %s", number, exc_info=error)
    return RefusalError(500, "internal", f"the service failed; its log has the reason under {number}")


def invalid(parameters: dict[str, str]) -> RefusalError:
    """A refusal of parameters: name -> what is wrong with it."""
    message = "; ".join(f"{name}: {reason}" for name, reason in parameters.items())
    return RefusalError(422, "invalid_parameters", message, parameters=parameters)


_CODES = {404: "not_found", 405: "method_not_allowed", 400: "bad_request"}


def add_handlers(app: FastAPI) -> None:
    """Give every error of the application this shape."""

    async def refusal(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RefusalError)
        return error.response()

    async def wrong_request(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        wrong: dict[str, str] = {}
        for entry in error.errors():
            name = ".".join(str(part) for part in entry["loc"][1:2]) or str(entry["loc"][0])
            known = entry["type"] != "extra_forbidden"
            wrong.setdefault(name, entry["msg"] if known else "there is no such parameter")
        return invalid(wrong).response()

    async def http_error(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = _CODES.get(error.status_code, "refused")
        answer = RefusalError(error.status_code, code, str(error.detail)).response()
        answer.headers.update(error.headers or {})
        return answer

    async def fault(_: Request, error: Exception) -> JSONResponse:
        return internal_error(error).response()

    app.add_exception_handler(RefusalError, refusal)
    app.add_exception_handler(RequestValidationError, wrong_request)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, fault)
