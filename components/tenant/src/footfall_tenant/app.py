"""Puts the tenant service together on a process's collaborators."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from footfall_common.pipeline.relay import Relay
from footfall_common.process import Check, Component, StoringProcess
from footfall_common.web import build_app
from footfall_tenant.api.admin import admin_routes
from footfall_tenant.api.creatio import creatio_routes
from footfall_tenant.publisher import SettingsPublisher
from footfall_tenant.repository import TenantRepository
from footfall_tenant.service.administration import Administration
from footfall_tenant.service.creatio import Creatio
from footfall_tenant.settings import TenantSettings


@contextlib.asynccontextmanager
async def running(process: StoringProcess, settings: TenantSettings) -> AsyncIterator[Component]:
    """A tenant service that publishes what it stores while the context lasts."""
    directory = process.store.directory
    publisher = SettingsPublisher(Relay(directory, process.bus, process.names.topics.settings), settings.sweep_seconds)
    repository = TenantRepository(directory, settings.max_document_bytes)
    creatio = Creatio(repository, publisher, process.clock, settings)
    administration = Administration(repository, publisher, process.clock, settings)
    checks: dict[str, Check] = {"store": process.store.check, "settings": process.settings_read}
    app = build_app(
        "tenant",
        [
            creatio_routes(creatio, process.verifier, settings.max_body_bytes),
            admin_routes(administration, process.admin, settings.max_registration_bytes),
        ],
        checks=checks,
        registry=process.registry,
        clock=process.clock,
        new_id=process.new_id,
        drain=process.drain,
    )
    async with asyncio.TaskGroup() as tasks:
        sweep = tasks.create_task(publisher.run(), name="tenant settings sweep")
        try:
            yield Component(name="tenant", app=app, checks=checks)
        finally:
            sweep.cancel()
