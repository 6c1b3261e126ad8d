"""From the directory to the settings topic: a document is stored first, then published, and never forgotten between."""

import asyncio
from collections.abc import Sequence
from typing import NoReturn

import structlog

from footfall_common.bus import Outgoing, Publisher
from footfall_common.errors import Unavailable
from footfall_common.store import Directory, StoredDocument

_CHUNK = 100

log = structlog.stdlib.get_logger("footfall.relay")


class Relay:
    """Publishes documents whose published revision is behind the stored one."""

    def __init__(self, directory: Directory, bus: Publisher, topic: str) -> None:
        self._directory = directory
        self._bus = bus
        self._topic = topic
        # Two flushes at once could put an older revision after a newer one, and compaction keeps what came last.
        self._turn = asyncio.Lock()

    async def flush(self) -> None:
        """Return once everything stored so far is on the topic.

        Raises BusUnavailable or StoreUnavailable; what was stored stays stored, and `run` publishes it later.
        """
        async with self._turn:
            while pending := await self._directory.unpublished(_CHUNK):
                await self._publish(pending)

    async def run(self, interval: float) -> NoReturn:
        """Sweep for ever, every `interval` seconds: what a crash or an absent bus left unpublished goes out here."""
        while True:
            try:
                await self.flush()
            except Unavailable as error:
                log.warning("settings not published", topic=self._topic, reason=error.message)
            await asyncio.sleep(interval)

    async def _publish(self, pending: Sequence[StoredDocument]) -> None:
        await self._bus.publish([Outgoing(self._topic, document.key, document.body) for document in pending])
        # At once, so that the notes share a commit; each to its end, so that none is still running in the next flush.
        outcomes = await asyncio.gather(*(self._settle(document) for document in pending), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _settle(self, document: StoredDocument) -> None:
        """Note what is published; where another process has stored and published a newer one meanwhile, follow it.

        Otherwise ours, which may have reached the topic after theirs, would be what compaction keeps.
        """
        await self._directory.published(document.key, document.revision)
        current = await self._directory.get(document.key)
        if current is not None and current.revision > document.revision:
            await self._bus.publish([Outgoing(self._topic, current.key, current.body)])
            await self._settle(current)
