"""Errors to answers: the one place where the error tree meets HTTP.

Every error body is `{"error": {"code", "message", "field"}}`, field null where none is to blame.
"""

from http import HTTPStatus
from typing import cast

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from footfall_common import errors

_STATUS: dict[type[errors.FootfallError], int] = {
    errors.InvalidInput: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}
_JSON = "application/json"


class ErrorDetail(msgspec.Struct, frozen=True):
    """`code` for machines, `message` for people, `field` for whoever has to correct it."""

    code: str
    message: str
    field: str | None


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of every answer that is an error."""

    error: ErrorDetail


def status_of(error: errors.FootfallError) -> int:
    """The HTTP status of an error; 500 for one that should not have come this far."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)


def error_reply(error: errors.FootfallError, status: int | None = None) -> Response:
    """The answer that tells a caller of this error."""
    reply = _reply(status or status_of(error), error.code, error.message, error.field)
    if isinstance(error, errors.TooMany | errors.Unavailable):
        reply.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unauthenticated):
        reply.headers["WWW-Authenticate"] = f'Bearer realm="footfall", error="{error.code}"'
    return reply


def internal_reply(request_id: str) -> Response:
    """The answer to a fault of ours: nothing of it but where to find it in the log."""
    return _reply(500, "internal", f"This failed for a reason of ours; the log has it under request id {request_id}.")


def install(app: FastAPI) -> None:
    """Answer every error that routes raise, and the framework's own, in the one format."""
    app.add_exception_handler(errors.FootfallError, _footfall)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)


async def _footfall(_request: Request, error: Exception) -> Response:
    known = cast("errors.FootfallError", error)
    if status_of(known) == HTTPStatus.INTERNAL_SERVER_ERROR:
        raise known
    return error_reply(known)


async def _validation(_request: Request, error: Exception) -> Response:
    """Of paths, queries and headers; bodies are read by `body`."""
    first = cast("RequestValidationError", error).errors()[0]
    where, *names = first["loc"]
    field = ".".join(map(str, names)) or str(where)
    return _reply(400, "invalid_input", f"{field} in the {where}: {first['msg']}.", field)


async def _http(_request: Request, error: Exception) -> Response:
    """Raised by the router: no such path, or not this method."""
    raised = cast("HTTPException", error)
    phrase = HTTPStatus(raised.status_code).phrase
    code = phrase.lower().replace(" ", "_")
    reply = _reply(raised.status_code, code, f"{phrase}: nothing here answers this request.")
    reply.headers.update(raised.headers or {})
    return reply


def _reply(status: int, code: str, message: str, field: str | None = None) -> Response:
    content = msgspec.json.encode(ErrorBody(ErrorDetail(code, message, field)))
    return Response(content, status_code=status, media_type=_JSON)
