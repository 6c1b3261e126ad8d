"""A component whose only task dies, or will not end: `python tests/support/broken.py dies|hangs`, as tests run it."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

from footfall_common.bus import Bus, Received
from footfall_common.entry import command, plain
from footfall_common.entry.loaded import Loaded
from footfall_common.entry.settings import ProcessSettings
from footfall_common.entry.standing import Plan
from footfall_common.pipeline.view import SettingsView
from footfall_common.process import Component, Process, background
from footfall_common.web import build_app

NAME = "broken"


class Silent:
    """A view's bus on which nothing comes."""

    async def reader(self, _topic: str) -> "Silent":
        return self

    async def poll(self, _limit: int, _wait: float) -> Sequence[Received]:
        await asyncio.Event().wait()
        return ()

    async def caught_up(self) -> bool:
        return True

    async def close(self) -> None:
        pass


async def dies() -> None:
    raise LookupError("the task is dead")


async def hangs() -> None:
    try:
        await asyncio.Event().wait()
    finally:
        threading.Event().wait()  # the loop itself is what hangs


@asynccontextmanager
async def running(process: Process) -> AsyncIterator[Component]:
    app = build_app(NAME, [], checks={}, registry=process.registry, clock=process.clock, new_id=process.new_id)
    async with background({"dies": dies, "hangs": hangs}[sys.argv[1]]()):
        yield Component(name=NAME, app=app)


def plan(loaded: Loaded) -> Plan[Process]:
    process, _ = plain.assembled(loaded)
    silent = replace(process, view=SettingsView(cast("Bus", Silent()), process.names.topics.settings))
    return Plan(NAME, loaded.of(ProcessSettings), silent, (), running)


if __name__ == "__main__":
    sys.exit(command.run(NAME, plain.CLASSES, plan, ()))
