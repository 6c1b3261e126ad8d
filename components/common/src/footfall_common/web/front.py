"""What a socket serves from the first moment of a process on: probes at once, a component's routes once it runs."""

from collections.abc import Mapping

from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from footfall_common.clock import Clock, NewId
from footfall_common.errors import Unavailable
from footfall_common.process import Check, Component, Drain
from footfall_common.web.app import build_app

_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]


class Front:
    """Hands requests to `waiting` until a component is shown, then to the component's hot callables and application."""

    def __init__(self, waiting: ASGIApp) -> None:
        self._app = waiting
        self._hot: Mapping[str, ASGIApp] = {}

    def show(self, component: Component) -> None:
        """From now on requests are the component's."""
        self._app, self._hot = component.app, component.hot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._hot.get(scope["path"], self._app)
        await app(scope, receive, send)


def waiting_app(
    name: str,
    *,
    checks: Mapping[str, Check],
    registry: CollectorRegistry,
    clock: Clock,
    new_id: NewId,
    drain: Drain,
) -> ASGIApp:
    """What stands in for a component that is not up yet: probes and figures, and 503 with Retry-After for the rest."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/{path:path}", methods=_METHODS)
    async def everything_else(path: str) -> Response:
        del path
        # Why is for /readyz and the log: whoever asks here may be anyone.
        raise Unavailable(f"The {name.replace('_', ' ')} is starting; try again in a moment.", code="starting")

    return build_app(name, [router], checks=checks, registry=registry, clock=clock, new_id=new_id, drain=drain)
