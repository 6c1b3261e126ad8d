"""Identity, put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from footfall_common.pipeline.relay import Relay
from footfall_common.process import Component, StoringProcess
from footfall_common.web import build_app
from footfall_identity.api import admin, discovery
from footfall_identity.api import oauth as oauth_api
from footfall_identity.models import KeyTimes
from footfall_identity.service.attempts import FailedAttempts
from footfall_identity.service.clients import Clients
from footfall_identity.service.keys import KeyRing
from footfall_identity.service.oauth import OAuth
from footfall_identity.service.tokens import Tokens
from footfall_identity.settings import IdentitySettings

_DAY_MS = 86_400_000


@asynccontextmanager
async def running(process: StoringProcess, settings: IdentitySettings) -> AsyncIterator[Component]:
    """A running identity. Without store or bus it starts all the same, says so in its check, and tries again."""
    directory = process.store.directory
    relay = Relay(directory, process.bus, process.names.topics.settings)
    ring = KeyRing(directory, relay, process.clock, settings.issuer, _times(settings))
    await ring.try_refresh()
    async with asyncio.TaskGroup() as tasks:
        running_tasks = [
            tasks.create_task(relay.run(settings.relay_seconds), name="identity relay"),
            tasks.create_task(ring.run(settings.key_check_seconds), name="identity keys"),
        ]
        yield _component(process, settings, relay, ring)
        for task in running_tasks:
            task.cancel()


def _component(process: StoringProcess, settings: IdentitySettings, relay: Relay, ring: KeyRing) -> Component:
    directory = process.store.directory
    clients = Clients(directory, relay, process.clock, new_id=process.new_id, random_bytes=process.random_bytes)
    oauth = OAuth(
        directory,
        clients=clients,
        tokens=Tokens(ring, settings.issuer, process.new_id, settings.token_seconds),
        attempts=FailedAttempts(
            process.clock, burst=settings.failed_attempts, per_minute=settings.failed_attempts_per_minute
        ),
        clock=process.clock,
        registry=process.registry,
    )
    checks = {"identity_keys": ring.check}
    app = build_app(
        "identity",
        [
            oauth_api.router(oauth, settings.body_bytes),
            discovery.router(settings.issuer, ring, settings.key_ahead_seconds),
            admin.router(clients, process.admin, settings.body_bytes),
        ],
        checks={**checks, "store": process.store.check, "bus": process.bus.check},
        registry=process.registry,
        clock=process.clock,
        new_id=process.new_id,
        drain=process.drain,
    )
    return Component(name="identity", app=app, checks=checks)


def _times(settings: IdentitySettings) -> KeyTimes:
    return KeyTimes(
        renew=settings.key_days * _DAY_MS,
        ahead=settings.key_ahead_seconds * 1000,
        hold=settings.token_seconds * 1000,
    )
