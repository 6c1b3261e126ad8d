"""How a component's application is put together."""

from collections.abc import Iterable, Mapping

from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry

from footfall_common.clock import Clock, NewId
from footfall_common.process import Check, Drain
from footfall_common.web import errors
from footfall_common.web.middleware import Requests
from footfall_common.web.probes import probes


def build_app(
    name: str,
    routers: Iterable[APIRouter],
    *,
    checks: Mapping[str, Check],
    registry: CollectorRegistry,
    clock: Clock,
    new_id: NewId,
    drain: Drain | None = None,
) -> FastAPI:
    """The application of one component: its routers, probes, metrics, errors and headers.

    `drain` is the process's; without one the application never says that it is about to stop.
    """
    drain = drain or Drain()
    # A redirect to the other spelling of a path would name this process by http, whatever stands in front of it.
    # Pages that try a service out load scripts from elsewhere; the schema itself stays at /openapi.json.
    app = FastAPI(title=f"Footfall {name}", docs_url=None, redoc_url=None, redirect_slashes=False)
    app.add_middleware(Requests, name=name, registry=registry, clock=clock, new_id=new_id, drain=drain)
    errors.install(app)
    app.include_router(probes(name, checks, registry, drain))
    for router in routers:
        app.include_router(router)
    return app
