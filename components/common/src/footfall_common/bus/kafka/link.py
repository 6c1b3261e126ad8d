"""The producer in use, and its replacement."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from footfall_common.bus.kafka import connection
from footfall_common.bus.kafka.internals import stop_producer
from footfall_common.bus.kafka.settings import KafkaSettings
from footfall_common.errors import BusUnavailable

_PAUSE: Final = 0.3
_log = structlog.get_logger(__name__)


class Link:
    """Holds one started producer; `renewed` is called when another has taken its place."""

    def __init__(self, settings: KafkaSettings, renewed: Callable[[], None]) -> None:
        self.producer: AIOKafkaProducer
        """The newest that was started. Set by `open`."""
        self._settings = settings
        self._renewed = renewed
        self._renewing: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    async def open(self) -> None:
        """Start the first; BusUnavailable says why that cannot be done, within the deadline."""
        try:
            async with asyncio.timeout(self._settings.deadline_seconds):
                self.producer = await self._start()
        except (KafkaError, TimeoutError) as error:
            reason = await connection.obstacle(self._settings) or str(error) or "it did not answer in time"
            message = f"Kafka cannot be reached: {reason}."
            raise BusUnavailable(message, retry_after=5) from error

    def renew(self, why: str) -> None:
        """Replace the producer as soon as Kafka lets us; once at a time."""
        if self._renewing is None and not self._closed:
            _log.warning("kafka_producer_replaced", reason=why)
            self._renewing = asyncio.create_task(self._replace())

    async def close(self) -> None:
        """End every producer, in bounded time."""
        self._closed = True
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait((self._renewing,))
        await stop_producer(self.producer, self._settings.close_seconds)
        if self._ending:
            await asyncio.wait(self._ending)

    async def _replace(self) -> None:
        try:
            fresh = await self._insist()
        finally:
            self._renewing = None
        ending = asyncio.create_task(stop_producer(self.producer, self._settings.close_seconds))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        self.producer = fresh
        self._renewed()

    async def _insist(self) -> AIOKafkaProducer:
        while True:
            try:
                return await self._start()
            except (KafkaError, BusUnavailable) as error:
                _log.warning("kafka_not_reached", error=str(error))
            await asyncio.sleep(_PAUSE)

    async def _start(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(**self._arguments())
        try:
            await producer.start()
        except BaseException:
            await stop_producer(producer, self._settings.close_seconds)
            raise
        return producer

    def _arguments(self) -> Mapping[str, Any]:
        """Idempotence is off: with it a batch that fails burns sequence numbers, and its partition stays broken."""
        settings = self._settings
        return {
            **connection.arguments(settings),
            "acks": "all",
            "enable_idempotence": False,
            "linger_ms": 0,  # ours
            "max_batch_size": settings.batch_bytes,
            "compression_type": None if settings.compression == "none" else settings.compression,
        }
