"""What aiokafka keeps private, touched here only: mostly to end its clients whatever happens.

Its `stop()` waits for what is under way: a flush that cannot end without a leader, a coordinator that is looked for, a
rebalance whose listener is still busy. And it raises CancelledError though nobody cancelled, when a fetch is in its
pause before a retry: it would end the caller's task without a word. So it runs in a task of its own, gets its time, and
what it left is cancelled.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, conn
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError
from typing_extensions import override

_GRACE: Final = 1.0
_TASKS: Final = (
    "_coordination_task",
    "_heartbeat_task",
    "_commit_refresh_task",
    "_reset_committed_task",
    "_fetch_task",
)
_log = structlog.get_logger(__name__)


class Connection(conn.AIOKafkaConnection):  # type: ignore[misc] # of a base without types
    """One whose end is told as aiokafka expects it.

    A loop iteration or two lie between a reset and the moment at which aiokafka hears of it. What is written in them
    asyncio drops; uvloop raises RuntimeError, and that ends whichever task of aiokafka's was writing, without a word.
    """

    @override
    def send(self, request: Any, expect_response: bool = True) -> Any:
        """KafkaConnectionError on a connection that has ended."""
        try:
            return super().send(request, expect_response)
        except (KafkaError, NotImplementedError):  # RuntimeErrors too, and told before anything is written
            raise
        except RuntimeError as error:
            self.close(reason=conn.CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"Connection at {self._host}:{self._port} broken: {error}") from error


def install() -> None:
    """Have every client of this process make such connections; there is no way to hand it one class."""
    conn.AIOKafkaConnection = Connection


async def stop_producer(producer: AIOKafkaProducer, seconds: float) -> None:
    """End a producer; what it has not sent by then is lost, and its callers have been told."""
    _bury(producer.client)
    if await _ended(producer.stop(), seconds):
        return
    await _cancel([producer._sender.sender_task])  # noqa: SLF001 - there is no public way to end it without a flush
    await _ended(producer.client.close(), _GRACE)


async def stop_consumer(consumer: AIOKafkaConsumer, seconds: float) -> None:
    """End a consumer and leave its group, when Kafka lets us; else the session timeout ends the membership."""
    _bury(consumer._client)  # noqa: SLF001 - as above
    if await _ended(consumer.stop(), seconds):
        return
    owners = [consumer._coordinator, consumer._fetcher]  # noqa: SLF001 - as above
    await _cancel([getattr(owner, name, None) for owner in owners for name in _TASKS])
    await _ended(consumer._client.close(), _GRACE)  # noqa: SLF001 - as above


async def stop_admin(admin: AIOKafkaAdminClient, seconds: float) -> None:
    """End an administrator's client."""
    await _ended(admin.close(), seconds)


def is_member(consumer: AIOKafkaConsumer) -> bool:
    """Whether the group still counts this consumer in, as far as it knows.

    A consumer that was put out goes on with generation -1, and Kafka takes commits of that from anybody while a group
    is empty.
    """
    coordinator = consumer._coordinator  # noqa: SLF001 - the generation is shown nowhere else
    return coordinator is not None and coordinator.generation > 0


def knows_no_more(client: AIOKafkaClient) -> bool:
    """Whether the task that asks which brokers lead has died: nothing tells, and nothing starts it again."""
    return client._sync_task is not None and client._sync_task.done()  # noqa: SLF001 - as above


def reads_no_more(consumer: AIOKafkaConsumer) -> bool:
    """Whether a task has died without which no records come; a poll does not tell."""
    fetcher = consumer._fetcher  # noqa: SLF001 - as above
    fetches = fetcher is None or not fetcher.error_future.done()
    return not fetches or knows_no_more(consumer._client)  # noqa: SLF001 - as above


def _bury(client: AIOKafkaClient) -> None:
    """Forget a dead task: `close()` would raise what it died of, before it closes a single connection."""
    if knows_no_more(client):
        client._sync_task = None  # noqa: SLF001 - as above


async def _ended(ending: Coroutine[Any, Any, None], seconds: float) -> bool:
    """Whether it came to its end in time, without an error."""
    task = asyncio.ensure_future(ending)
    try:
        await asyncio.wait((task,), timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
    await asyncio.wait((task,), timeout=_GRACE)
    if not task.done() or task.cancelled():
        return False
    if (error := task.exception()) is not None:
        _log.info("kafka_client_ended_with_error", error=repr(error))
    return error is None


async def _cancel(tasks: Iterable["asyncio.Task[Any] | None"]) -> None:
    running = [task for task in tasks if task is not None and not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running, timeout=_GRACE)
