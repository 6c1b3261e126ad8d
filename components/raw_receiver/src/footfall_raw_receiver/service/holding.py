"""Marks that wait, so that a replay marks a bucket once and not once for every chunk of records that touches it.

A mark says that all rows of a part up to an offset are written, so a later one says what the earlier ones said. What is
held is lost when the replay is ended; the next one holds it again.
"""

import uuid
from collections.abc import Sequence
from typing import Final

from typing_extensions import override

from footfall_common.bus import Consumer, Received
from footfall_common.pipeline.effects import Effects, EffectSink, Mark
from footfall_raw_receiver.service.membership import Insist, Work
from footfall_raw_receiver.service.raw import RawReceiver, SinkOf

_AT_ONCE: Final = 500
"""Marks of one publish: about what a chunk of records makes."""


class Holding:
    """An EffectSink that applies everything but marks, and those when it is told. Called with a consumer, it begins."""

    def __init__(self, sink_of: SinkOf) -> None:
        self._sink_of = sink_of
        self._sink: EffectSink | None = None
        self._held: dict[tuple[uuid.UUID, int, int], int] = {}

    def __call__(self, consumer: Consumer) -> EffectSink:
        """Itself, over the sink of this consumer."""
        self._sink = self._sink_of(consumer)
        return self

    async def apply(self, effects: Effects) -> None:
        """Returns once all but the marks is durable."""
        await self._inner().apply(effects._replace(marks=()))
        for mark in effects.marks:
            key = (mark.tenant, mark.bucket, mark.part)
            self._held[key] = max(mark.high, self._held.get(key, mark.high))

    async def let_go(self) -> None:
        """Returns once the marks are durable too; what fails is still held."""
        while some := list(self._held.items())[:_AT_ONCE]:
            await self._inner().apply(Effects(marks=[Mark(*key, high) for key, high in some]))
            for key, _ in some:
                del self._held[key]

    def _inner(self) -> EffectSink:
        if self._sink is None:
            raise RuntimeError("nothing was begun")
        return self._sink


class Replaying(Work):
    """The raw receiver's work, which marks after `every` records and when it is asked to settle."""

    def __init__(self, work: RawReceiver, holding: Holding, every: int) -> None:
        self._work = work
        self._holding = holding
        self._every = every
        self._since = 0

    @override
    async def joined(self, consumer: Consumer) -> None:
        """As the raw receiver."""
        await self._work.joined(consumer)

    @override
    def forget(self) -> None:
        """As the raw receiver."""
        self._work.forget()

    @override
    async def handle(self, records: Sequence[Received], insist: Insist) -> None:
        """As the raw receiver, but for the marks."""
        await self._work.handle(records, insist)
        self._since += len(records)
        if self._since >= self._every:
            await self.settle(insist)

    async def settle(self, insist: Insist) -> None:
        """Mark what was stored until now."""
        await insist(self._holding.let_go)
        self._since = 0
