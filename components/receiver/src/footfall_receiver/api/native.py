"""The native door, `POST /api/events`: a raw ASGI callable, since a routed handler costs three times its CPU."""

import itertools
from collections.abc import Mapping

import msgspec
from starlette.types import Receive, Scope, Send

from footfall_common.errors import (
    FootfallError,
    InvalidInput,
)
from footfall_common.web import error_reply
from footfall_receiver import body
from footfall_receiver.service import Caller, Receiver

_encode = msgspec.json.Encoder().encode
_PREFLIGHT = (
    (b"access-control-allow-methods", b"POST, OPTIONS"),
    (b"access-control-allow-headers", b"content-type, content-encoding"),
    (b"access-control-max-age", b"86400"),
)


class NativeDoor:
    """Answers after the bus holds the events; knows HTTP and nothing of what an event is."""

    def __init__(self, receiver: Receiver, *, max_body_bytes: int, process_id: int) -> None:
        self._receiver = receiver
        self._max_body_bytes = max_body_bytes
        self._trace = f"00-{process_id & (2**64 - 1):016x}"
        self._requests = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        headers = dict(scope["headers"])
        cors = _cors(headers)
        match scope["method"]:
            case "POST":
                await self._post(scope, headers, cors, receive, send)
            case "OPTIONS":
                await _answer(send, 204, (*cors, *_PREFLIGHT), b"")
            case _:
                await _answer(send, 405, ((b"allow", b"POST, OPTIONS"),), b"")

    async def _post(
        self,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        cors: tuple[tuple[bytes, bytes], ...],
        receive: Receive,
        send: Send,
    ) -> None:
        try:
            _declared(headers, self._max_body_bytes)
            packed = await body.read(receive, self._max_body_bytes)
            text = body.unpack(
                packed, headers.get(b"content-type", b""), headers.get(b"content-encoding", b""), self._max_body_bytes
            )
            answer = await self._receiver.accept(text, self._caller(scope, headers))
        except body.Disconnected:
            return
        except FootfallError as error:
            reply = error_reply(error)
            reply.raw_headers += cors
            if error.code == "unknown_resource":
                reply.headers["Retry-After"] = "5"  # its settings may be on their way
            await reply(scope, receive, send)
        else:
            await _answer(send, 200, cors, _encode(answer))

    def _caller(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Caller:
        client = scope.get("client")
        return Caller(
            headers.get(b"origin", b"").decode("latin-1"),
            headers.get(b"user-agent", b"").decode("latin-1")[:8192],
            client[0] if client else "",
            headers.get(b"x-forwarded-for", b"").decode("latin-1"),
            headers.get(b"sec-gpc") == b"1",
            (("traceparent", headers.get(b"traceparent") or self._traceparent()),),
        )

    def _traceparent(self) -> bytes:
        number = next(self._requests)
        return f"{self._trace}{number:016x}-{number:016x}-00".encode()


def _declared(headers: Mapping[bytes, bytes], limit: int) -> None:
    """Refuse a body that announces itself as too large before reading any of it."""
    length = headers.get(b"content-length", b"0")
    if not length.isdigit():
        message = "Content-Length is not a number."
        raise InvalidInput(message, field="content-length")
    if int(length) > limit:
        raise body.too_large(limit)


def _cors(headers: Mapping[bytes, bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """Any page may ask; whether its origin may send is decided when the body names the resource."""
    origin = headers.get(b"origin")
    if not origin:
        return ()
    return (
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"retry-after"),
        (b"vary", b"origin"),
    )


async def _answer(send: Send, status: int, headers: tuple[tuple[bytes, bytes], ...], content: bytes) -> None:
    length = b"%d" % len(content)
    fixed = ((b"content-type", b"application/json"), (b"content-length", length)) if content else ()
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *fixed]})
    await send({"type": "http.response.body", "body": content})
