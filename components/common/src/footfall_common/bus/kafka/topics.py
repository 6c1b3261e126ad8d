"""What the cluster says of itself: a topic's partitions, and whether it can be asked at all."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import TopicAuthorizationFailedError
from aiokafka.structs import TopicPartition

from footfall_common.bus.kafka import connection, errors, internals
from footfall_common.bus.kafka.settings import KafkaSettings
from footfall_common.errors import BusUnavailable

_TRIES: Final = 5
_PAUSE: Final = 0.1
"""A topic just made is known to every broker within a few of these."""
_REMEMBERED: Final = 1.0
_RETRY_AFTER: Final = 5


class Topics:
    """Asks once, however many want to know, and remembers a failure for a second: a receiver asks at each request."""

    def __init__(
        self, settings: KafkaSettings, client: Callable[[], AIOKafkaClient], renew: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._client = client
        self._renew = renew
        self._asking: dict[str, asyncio.Task[Sequence[int]]] = {}
        self._failed: dict[str, tuple[float, BusUnavailable]] = {}

    async def partitions(self, topic: str) -> Sequence[int]:
        """The numbers of a topic's partitions; BusUnavailable for one that does not exist."""
        loop = asyncio.get_running_loop()
        if topic in self._failed:
            until, error = self._failed.pop(topic)
            if loop.time() < until:
                self._failed[topic] = until, error
                raise BusUnavailable(error.message, retry_after=error.retry_after)
        task = self._asking.get(topic)
        if task is None:
            task = self._asking[topic] = asyncio.create_task(self._ask(topic))
            task.add_done_callback(lambda _: self._asking.pop(topic, None))
        try:
            return await asyncio.shield(task)
        except BusUnavailable as error:
            self._failed[topic] = loop.time() + _REMEMBERED, error
            raise BusUnavailable(error.message, retry_after=error.retry_after) from error

    async def obstacle(self) -> str | None:
        """Why the cluster cannot be asked; None when it answers. A client that cannot ask is replaced."""
        if internals.knows_no_more(self._client()):
            self._renew("it asks for no metadata any more")
            return await self._unreached() or errors.broken_down().message
        try:
            async with asyncio.timeout(self._settings.request_timeout_ms / 1_000):
                if await self._client().force_metadata_update():
                    return None
        except TimeoutError:
            return "Kafka does not answer."
        return await self._unreached()

    def refresh(self, topic: str) -> None:
        """Ask for a topic's leaders soon; once, however often it is called meanwhile.

        A client asks for the topics it was told of alone, and that of a producer which took another's place knows none.
        """
        client = self._client()
        client.add_topic(topic)
        client.force_metadata_update()

    def leaderless(self, topic: str, number: int) -> bool:
        """Whether nobody takes records for a partition, as of the last answer."""
        return self._client().cluster.leader_for_partition(TopicPartition(topic, number)) in {None, -1}

    async def close(self) -> None:
        """Stop asking."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _unreached(self) -> str | None:
        reason = await connection.obstacle(self._settings)
        return f"Kafka cannot be reached: {reason}." if reason else None

    async def _ask(self, topic: str) -> Sequence[int]:
        """Aiokafka's own call takes a topic for unknown when no broker answers, and needs a request timeout for it."""
        client = self._client()
        client.add_topic(topic)
        for _ in range(_TRIES):
            if obstacle := await self.obstacle():
                raise BusUnavailable(obstacle, retry_after=_RETRY_AFTER)
            if numbers := client.cluster.partitions_for_topic(topic):
                return sorted(numbers)
            if topic in client.cluster.unauthorized_topics:
                break
            await asyncio.sleep(_PAUSE)
        else:
            raise errors.missing(topic)
        raise errors.unavailable(TopicAuthorizationFailedError(topic), topic=topic, user=self._settings.user)
