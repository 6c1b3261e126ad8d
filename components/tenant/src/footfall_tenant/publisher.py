"""Getting stored settings onto the settings topic."""

from typing import NoReturn

import structlog

from footfall_common.errors import Unavailable
from footfall_common.pipeline.relay import Relay

log = structlog.stdlib.get_logger("footfall.tenant")


class SettingsPublisher:
    """Publishes at once where it can; what it cannot, the sweep publishes later. Stored is stored either way."""

    def __init__(self, relay: Relay, sweep_seconds: float) -> None:
        self._relay = relay
        self._sweep_seconds = sweep_seconds

    async def announce(self) -> None:
        """Try to publish what is stored. A bus that is away is no fault of the caller, whose change is safe."""
        try:
            await self._relay.flush()
        except Unavailable as error:
            log.warning("settings published later", reason=error.message, sweep_seconds=self._sweep_seconds)

    async def run(self) -> NoReturn:
        """Sweep for ever."""
        await self._relay.run(self._sweep_seconds)
