"""The native door, `POST /api/events`: a raw ASGI callable, since a routed handler costs three times its CPU."""

import itertools
import re
from collections.abc import Callable, Mapping
from typing import NoReturn

import msgspec
import structlog
from prometheus_client import CollectorRegistry
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from footfall_common.clock import NewId
from footfall_common.errors import FootfallError, InvalidInput
from footfall_common.telemetry import catalogue, counter
from footfall_common.web import error_reply
from footfall_common.web.errors import internal_reply
from footfall_receiver import body
from footfall_receiver.errors import MethodNotAllowed
from footfall_receiver.service import Caller, Receiver

_Headers = tuple[tuple[bytes, bytes], ...]
_encode = msgspec.json.Encoder().encode
log = structlog.get_logger(__name__)
_TRACE = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_AGENT_LENGTH = 1024
_LENGTH_DIGITS = 18
_SAFE: _Headers = ((b"x-content-type-options", b"nosniff"),)
_PREFLIGHT: _Headers = (
    (b"access-control-allow-methods", b"POST, OPTIONS"),
    (b"access-control-allow-headers", b"content-type, content-encoding"),
    (b"access-control-max-age", b"86400"),
)


class NativeDoor:
    """Answers after the bus holds the events; knows HTTP and nothing of what an event is.

    `new_id` makes request ids, of refusals only: what was taken is found by its event ids.
    """

    def __init__(self, receiver: Receiver, *, max_body_bytes: int, new_id: NewId, registry: CollectorRegistry) -> None:
        self._receiver = receiver
        self._max_body_bytes = max_body_bytes
        self._new_id = new_id
        self._refused = counter(registry, catalogue.REFUSED)
        self._trace = _tracer(new_id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        headers = dict(scope["headers"])
        cors = _cors(headers)
        try:
            match scope["method"]:
                case "POST":
                    await _answer(send, 200, cors, _encode(await self._posted(scope, headers, receive)))
                case "OPTIONS":
                    await _answer(send, 204, (*cors, *_PREFLIGHT), b"")
                case _:
                    _refuse_method()
        except body.Disconnected:
            return
        except FootfallError as error:
            await self._refuse(error_reply(error), error.code, cors)(scope, receive, send)
        except Exception:  # whatever it was, its sender gets an answer and its log a line
            request_id = str(self._new_id())
            log.exception("request_failed", component="receiver", request_id=request_id)
            reply = internal_reply(request_id)
            reply.headers["X-Request-Id"] = request_id
            await self._refuse(reply, "internal", cors)(scope, receive, send)

    async def _posted(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> object:
        _announced(headers, self._max_body_bytes)
        packed = await body.read(receive, self._max_body_bytes)
        media, encoding = headers.get(b"content-type", b""), headers.get(b"content-encoding", b"")
        return await self._receiver.accept(
            body.unpack(packed, media, encoding, self._max_body_bytes), self._caller(scope, headers)
        )

    def _refuse(self, reply: Response, code: str, cors: _Headers) -> Response:
        """Dress a refusal as the rest of the web layer does, and count it."""
        reply.raw_headers += [*cors, *_SAFE]
        reply.headers.setdefault("X-Request-Id", str(self._new_id()))
        if code == "unknown_resource":
            reply.headers["Retry-After"] = "5"  # its settings may be on their way
        if code == MethodNotAllowed.code:
            reply.status_code = 405
            reply.headers["Allow"] = "POST, OPTIONS"
        self._refused.labels(str(reply.status_code), code).inc()
        return reply

    def _caller(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Caller:
        client = scope.get("client")
        trace = headers.get(b"traceparent")
        return Caller(
            headers.get(b"origin", b"").decode("latin-1"),
            headers.get(b"user-agent", b"").decode("latin-1")[:_AGENT_LENGTH],
            client[0] if client else "",
            headers.get(b"x-forwarded-for", b"").decode("latin-1"),
            headers.get(b"sec-gpc") == b"1",
            (("traceparent", trace if trace and _TRACE.fullmatch(trace) else self._trace()),),
        )


def _tracer(new_id: NewId) -> Callable[[], bytes]:
    """Makes trace contexts, not sampled: this process's random half, and the number of the request."""
    half = f"00-{new_id().int >> 64:016x}"
    numbers = itertools.count(1)

    def trace() -> bytes:
        number = next(numbers)
        return f"{half}{number:016x}-{number:016x}-00".encode()

    return trace


def _refuse_method() -> NoReturn:
    raise MethodNotAllowed("Events are sent with POST.", field="method")


def _announced(headers: Mapping[bytes, bytes], limit: int) -> None:
    """Refuse a body that announces itself as too large before reading any of it."""
    length = headers.get(b"content-length", b"0")
    if not length.isdigit():
        raise InvalidInput("Content-Length is not a number.", field="content-length")
    if len(length) > _LENGTH_DIGITS or int(length) > limit:
        raise body.too_large(limit)


def _cors(headers: Mapping[bytes, bytes]) -> _Headers:
    """Any page may ask; whether its origin may send is decided when the body names the resource."""
    origin = headers.get(b"origin")
    if not origin:
        return ()
    return (
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"retry-after, x-request-id"),
        (b"vary", b"origin"),
    )


async def _answer(send: Send, status: int, headers: _Headers, content: bytes) -> None:
    length = b"%d" % len(content)
    fixed = ((b"content-type", b"application/json"), (b"content-length", length)) if content else ()
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *_SAFE, *fixed]})
    await send({"type": "http.response.body", "body": content})
