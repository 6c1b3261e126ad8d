"""What one process has and every component in it is given; made in one place, the process's entry point."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from footfall_common.auth import AdminToken, TokenVerifier
from footfall_common.bus import Bus, Consumer
from footfall_common.clock import Clock, NewId
from footfall_common.pipeline.effects import EffectSink
from footfall_common.pipeline.view import SettingsView
from footfall_common.placement import Names
from footfall_common.store import Store

Check = Callable[[], Awaitable[str | None]]
"""A readiness check: why this part cannot serve, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """The collaborators of a process. `sink` makes the effects port for a consumer of the raw topic."""

    clock: Clock
    new_id: NewId
    random_bytes: Callable[[int], bytes]
    registry: CollectorRegistry
    bus: Bus
    store: Store
    names: Names
    view: SettingsView
    verifier: TokenVerifier
    admin: AdminToken
    sink: Callable[[Consumer], EffectSink]


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A running component. `hot` maps exact paths to raw ASGI callables that run in front of `app`."""

    name: str
    app: ASGIApp
    checks: Mapping[str, Check] = field(default_factory=dict)
    hot: Mapping[str, ASGIApp] = field(default_factory=dict)


__all__ = ["Check", "Component", "Process"]
