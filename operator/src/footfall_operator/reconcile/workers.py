"""Takes keys from the queue, and gives them back by how their pass ended."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from footfall_operator.cluster import Changed, Refused, Unreachable
from footfall_operator.lease import Fenced
from footfall_operator.metrics import Metrics
from footfall_operator.queue import Queue
from footfall_operator.reconcile.hints import THE_PLATFORM
from footfall_operator.resources import Ref

_OUTCOMES: Final = {Changed: "overtaken", Refused: "refused", Unreachable: "unreachable", Fenced: "fenced"}
_log = structlog.stdlib.get_logger(__name__)


class Workers:
    """`look` is a pass: it gives the seconds until the key's next, None where there is none to come."""

    def __init__(self, queue: Queue[Ref], look: Callable[[Ref], Awaitable[float | None]], metrics: Metrics) -> None:
        self._queue = queue
        self._look = look
        self._metrics = metrics
        self._all: list[asyncio.Task[None]] = []
        self._busy: set[asyncio.Task[None] | None] = set()
        self._ends = False

    def begin(self, count: int) -> None:
        """So many at a time, until `end`."""
        self._all = [asyncio.create_task(self._work()) for _ in range(count)]

    async def end(self, seconds: float) -> None:
        """Take nothing more; what is under way has so many seconds to come to its end."""
        self._ends = True
        for worker in self._all:
            if worker not in self._busy:
                worker.cancel()
        if self._all:
            _, late = await asyncio.wait(self._all, timeout=seconds)
            for worker in late:
                worker.cancel()
            await asyncio.gather(*self._all, return_exceptions=True)

    async def _work(self) -> None:
        """One worker. What the fence stops waits: the lease comes back, or the process ends."""
        me = asyncio.current_task()
        while not self._ends:
            key = await self._queue.take()
            self._busy.add(me)
            try:
                with self._metrics.timed(key):
                    again = await self._look(key)
            except Exception as error:  # noqa: BLE001 - one resource that breaks us must not stop the others
                self._failed(key, error)
            else:
                self._metrics.ended(key, "done")
                self._queue.done(key, again=again)
            finally:
                self._busy.discard(me)

    def _failed(self, key: Ref, error: Exception) -> None:
        outcome = next((name for kind, name in _OUTCOMES.items() if isinstance(error, kind)), "broken")
        self._metrics.ended(key, outcome)
        if outcome == "broken":
            _log.error("pass_broken", key=key.path, exc_info=error)
        else:
            _log.warning("pass_failed", key=key.path, outcome=outcome, reason=str(error))
        if isinstance(error, Changed):  # looked at once more at once: its hint may have come before, or not come at all
            self._queue.add(key)
        unanswered = error if isinstance(error, Unreachable) else None
        # The platform waits for nobody: what tenants stand on is told by its pass alone.
        silent = unanswered is not None and not unanswered.busy and key != THE_PLATFORM
        self._queue.failed(key, after=unanswered.after if unanswered else 0.0, silent=silent)
