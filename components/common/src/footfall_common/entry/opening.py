"""Opening what a process stands on, which may be away when it starts."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from footfall_common.errors import Unavailable

_GROWTH = 2
_log = structlog.get_logger(__name__)


class Outside(Protocol):
    """An adapter of a system outside. Opened, it recovers by itself; `open` may be tried again after it failed."""

    async def open(self) -> None:
        """Raises Unavailable within a bounded time where the system does not answer."""
        ...

    async def close(self) -> None:
        """End, in a bounded time, also where it never opened."""
        ...


class Opening:
    """Tries until one adapter is open. `name` is what /readyz and the log call it."""

    def __init__(self, name: str, outside: Outside, *, retry: float, retry_max: float) -> None:
        self.name = name
        self._outside = outside
        self._retry = retry
        self._retry_max = retry_max
        self._reason: str | None = f"The {name} is being opened."

    async def run(self) -> None:
        """Return once it is open."""
        pause = self._retry
        while True:
            try:
                await self._outside.open()
            except Unavailable as error:
                self._reason = error.message
                _log.warning("not_open", part=self.name, reason=error.message, retry_s=pause)
            else:
                self._reason = None
                return
            await asyncio.sleep(pause)
            pause = min(pause * _GROWTH, self._retry_max)

    async def close(self) -> None:
        """Close it, opened or not."""
        await self._outside.close()

    async def check(self) -> str | None:
        """A readiness check: why it is not open yet; None once it is."""
        return self._reason


async def open_all(openings: Sequence[Opening]) -> None:
    """Return once all are open, each tried beside the others."""
    async with asyncio.TaskGroup() as group:
        for one in openings:
            group.create_task(one.run())
