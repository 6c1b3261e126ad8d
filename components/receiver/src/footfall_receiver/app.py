"""Puts a receiver together on a process's collaborators."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from footfall_common.process import Check, Component, Process
from footfall_common.web import build_app
from footfall_receiver.api.engine import Engine
from footfall_receiver.api.native import NativeDoor
from footfall_receiver.service import Receiver
from footfall_receiver.settings import ReceiverSettings

DOOR = "/api/events"
STATIC = Path(__file__).parent / "static"
"""The tracker's build; `make setup` puts it here. Without it `/JS` answers 404."""


@asynccontextmanager
async def running(process: Process, settings: ReceiverSettings) -> AsyncIterator[Component]:
    """A receiver that takes events while the context lasts."""
    receiver = Receiver(
        process.bus,
        process.view,
        settings,
        topic=process.names.topics.raw,
        clock=process.clock,
        registry=process.registry,
    )
    door = NativeDoor(
        receiver, max_body_bytes=settings.max_body_bytes, new_id=process.new_id, registry=process.registry
    )
    checks: dict[str, Check] = {"bus": process.bus.check, "settings": process.settings_read}
    app = build_app(
        "receiver",
        [],
        checks=checks,
        registry=process.registry,
        clock=process.clock,
        new_id=process.new_id,
        drain=process.drain,
    )
    app.mount(DOOR, door)
    app.mount("/JS", Engine(STATIC / "JS"))
    yield Component(name="receiver", app=app, checks=checks, hot={DOOR: door})
