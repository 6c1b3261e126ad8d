"""What every request passes: an id, a line in the access log, figures, security headers, and an answer to any fault.

Plain ASGI: Starlette's BaseHTTPMiddleware runs each request in a task of its own and loses context variables.
"""

import re
from collections.abc import Iterable

import structlog
from prometheus_client import CollectorRegistry
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from footfall_common.clock import Clock, NewId
from footfall_common.process import Drain
from footfall_common.telemetry.catalogue import REQUEST_SECONDS, REQUESTS
from footfall_common.telemetry.metrics import counter, histogram
from footfall_common.web.errors import internal_reply

log = structlog.stdlib.get_logger("footfall.access")

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_NO_ROUTE = "none"
_PROBES = frozenset({"/livez", "/readyz", "/metrics"})
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Requests:
    """The outermost middleware of a component."""

    def __init__(
        self, app: ASGIApp, *, name: str, registry: CollectorRegistry, clock: Clock, new_id: NewId, drain: Drain
    ) -> None:
        self._app = app
        self._name = name
        self._clock = clock
        self._new_id = new_id
        self._drain = drain
        self._requests = counter(registry, REQUESTS)
        self._seconds = histogram(registry, REQUEST_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given_id(scope["headers"]) or self._new_id().hex
        answer = _Answer(send, request_id, closing=self._drain.begun)
        started = self._clock.monotonic()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._guarded(scope, receive, answer)
            finally:
                self._account(scope, answer.status, self._clock.monotonic() - started)

    async def _guarded(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._app(scope, receive, answer)
        except Exception:
            log.exception("request failed", component=self._name, method=scope["method"], route=_route(scope))
            if answer.status is not None:
                raise  # too late for an answer: the server ends the connection
            await internal_reply(answer.request_id)(scope, receive, answer)

    def _account(self, scope: Scope, status: int | None, seconds: float) -> None:
        route = _route(scope)
        self._requests.labels(self._name, scope["method"], route, status or 0).inc()
        self._seconds.labels(self._name, route).observe(seconds)
        # The route's template and not the path, which may hold identifiers; no query and no client address at all.
        line = {"component": self._name, "method": scope["method"], "route": route, "status": status}
        (log.debug if route in _PROBES else log.info)("request", **line, ms=round(seconds * 1000, 2))


class _Answer:
    """A `send` that adds the headers and keeps the status."""

    def __init__(self, send: Send, request_id: str, *, closing: bool) -> None:
        self._send = send
        self.request_id = request_id
        self._closing = closing
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.request_id
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if self._closing:
                headers["Connection"] = "close"
        await self._send(message)


def _given_id(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The caller's own request id where it is one that can safely be logged and sent back."""
    given = next((value for name, value in headers if name == b"x-request-id"), b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else None


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", _NO_ROUTE)
