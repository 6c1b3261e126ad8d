"""/livez, /readyz and /metrics."""

from collections.abc import Mapping

import msgspec
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.responses import Response

from footfall_common.process import Check, Drain
from footfall_common.telemetry.catalogue import READY
from footfall_common.telemetry.metrics import gauge
from footfall_common.web.body import Reply


class Readiness(msgspec.Struct, frozen=True):
    """`status` is ready, draining or unready; `failing` says why, a check a sentence."""

    status: str
    failing: dict[str, str]


def probes(name: str, checks: Mapping[str, Check], registry: CollectorRegistry, drain: Drain) -> APIRouter:
    """The three routes; /readyz answers 200 only when every check passes and the process is not about to stop."""
    router = APIRouter(include_in_schema=False)
    ready = gauge(registry, READY)

    @router.get("/livez")
    async def livez() -> Response:
        return Reply({"status": "alive"})

    @router.get("/readyz")
    async def readyz() -> Response:
        if drain.begun:
            return Reply(Readiness("draining", {}), 503, {"Retry-After": "1"})
        failing: dict[str, str] = {}
        for check, ask in checks.items():
            reason = await ask()
            ready.labels(name, check).set(0 if reason else 1)
            if reason:
                failing[check] = reason
        return Reply(Readiness("unready" if failing else "ready", failing), 503 if failing else 200)

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router
