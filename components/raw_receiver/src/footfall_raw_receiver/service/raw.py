"""The raw receiver: raw records into stored events, edges and marks."""

import asyncio
from collections.abc import Callable, Sequence

from footfall_common.bus import Consumer, Received
from footfall_common.pipeline.effects import EffectSink
from footfall_common.store import EventReads
from footfall_raw_receiver.models import Decision
from footfall_raw_receiver.publisher import DeadLetters
from footfall_raw_receiver.service.burying import bury
from footfall_raw_receiver.service.deciding import Decider, effects_of
from footfall_raw_receiver.service.known import KnownIds
from footfall_raw_receiver.service.membership import Insist
from footfall_raw_receiver.service.metrics import Metrics
from footfall_raw_receiver.service.reading import days_of, pieces, read

SinkOf = Callable[[Consumer], EffectSink]


class RawReceiver:
    """The Work of group `raw-receiver`. The order of effects: dead letters; rows, edges, marks; then the offsets."""

    def __init__(
        self,
        events: EventReads,
        sink_of: SinkOf,
        decider: Decider,
        dead: DeadLetters,
        metrics: Metrics,
        *,
        known_ids: int,
        piece_bytes: int,
    ) -> None:
        self._events = events
        self._sink_of = sink_of
        self._decider = decider
        self._dead = dead
        self._metrics = metrics
        self._known = KnownIds(known_ids)
        self._piece_bytes = piece_bytes
        self._sink: EffectSink | None = None

    async def joined(self, consumer: Consumer) -> None:
        """Take the sink that commits for this consumer."""
        self._sink = self._sink_of(consumer)

    def forget(self) -> None:
        """Another owner may have written since."""
        self._known.clear()

    async def handle(self, records: Sequence[Received], insist: Insist) -> None:
        """Decide about a chunk, store what it changes, commit it."""
        sink = self._sink
        if sink is None:
            raise RuntimeError("handle() before joined()")
        decisions = [await self._decide(run, insist) for run in pieces(records, self._piece_bytes)]
        await bury(self._dead, [one for decision in decisions for one in decision.dead], insist)
        effects = effects_of(records, decisions)
        with self._metrics.stage("apply"):
            await insist(lambda: sink.apply(effects))
        self._known.trim()
        self._metrics.met(decisions)

    async def _decide(self, run: Sequence[Received], insist: Insist) -> Decision:
        with self._metrics.stage("read"):
            piece = read(run)
        days = self._known.missing(days_of(piece))
        if days:
            with self._metrics.stage("look_up"):
                self._known.learn(await insist(lambda: self._events.placed(days)))
        else:
            await asyncio.sleep(0)  # others in this process get their turn
        with self._metrics.stage("decide"):
            decision = self._decider.decide(piece, self._known)
        self._known.learn(decision.fresh)
        return decision
