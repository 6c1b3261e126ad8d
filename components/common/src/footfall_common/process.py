"""What one process has and every component in it is given; made in one place, the process's entry point."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

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


class Drain:
    """A process that is about to stop says so first, so that balancers send their requests elsewhere before it does.

    Begun once, never taken back; shared by all components of a process.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def begun(self) -> bool:
        """Whether the process is about to stop."""
        return self._event.is_set()

    def begin(self) -> None:
        """From now on `/readyz` answers 503 `draining` and answers end their connections; requests are still served."""
        self._event.set()

    async def wait(self) -> None:
        """Return once begun."""
        await self._event.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """The collaborators of a process that needs no store: the receiver's, which works while the store is down."""

    clock: Clock
    new_id: NewId
    random_bytes: Callable[[int], bytes]
    registry: CollectorRegistry
    bus: Bus
    names: Names
    view: SettingsView
    verifier: TokenVerifier
    admin: AdminToken
    drain: Drain = field(default_factory=Drain)

    async def settings_read(self) -> str | None:
        """A check: tenants, resources, keys and clients are unknown until the settings topic was read."""
        return None if self.view.ready.is_set() else "The settings topic has not been read to its end yet."


@dataclass(frozen=True, slots=True, kw_only=True)
class StoringProcess(Process):
    """The same with a store. `sink` makes the effects port for a consumer of the raw topic."""

    store: Store
    sink: Callable[[Consumer], EffectSink]


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A running component. `hot` maps exact paths to raw ASGI callables that run in front of `app`."""

    name: str
    app: ASGIApp
    checks: Mapping[str, Check] = field(default_factory=dict)
    hot: Mapping[str, ASGIApp] = field(default_factory=dict)


@asynccontextmanager
async def background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run these beside the block and cancel them at its end.

    One that fails ends the block with its error: a process that has lost a part of itself must not look alive.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        yield
        for task in tasks:
            task.cancel()


__all__ = ["Check", "Component", "Drain", "Process", "StoringProcess", "background"]
