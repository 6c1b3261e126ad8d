"""The raw receiver: raw records into stored events, edges and marks."""

import asyncio
from collections.abc import Callable, Sequence

from footfall_common.bus import Consumer, Received
from footfall_common.pipeline.effects import EffectSink
from footfall_common.store import EventReads
from footfall_raw_receiver.models import Decision, Piece
from footfall_raw_receiver.publisher import DeadLetters
from footfall_raw_receiver.service.burying import bury
from footfall_raw_receiver.service.deciding import Decider, Knowledge, effects_of
from footfall_raw_receiver.service.membership import Insist
from footfall_raw_receiver.service.metrics import Metrics
from footfall_raw_receiver.service.reading import ids_of, pieces, read

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
        piece_bytes: int,
    ) -> None:
        self._events = events
        self._sink_of = sink_of
        self._decider = decider
        self._dead = dead
        self._metrics = metrics
        self._piece_bytes = piece_bytes
        self._sink: EffectSink | None = None

    async def joined(self, consumer: Consumer) -> None:
        """Take the sink that commits for this consumer."""
        self._sink = self._sink_of(consumer)

    def forget(self) -> None:
        """Nothing: what is stored is looked up anew for each chunk."""

    async def handle(self, records: Sequence[Received], insist: Insist) -> None:
        """Decide about a chunk, store what it changes, commit it."""
        sink = self._sink
        if sink is None:
            raise RuntimeError("handle() before joined()")
        read_pieces = [await self._read(run) for run in pieces(records, self._piece_bytes)]
        with self._metrics.stage("look_up"):
            wanted = ids_of(read_pieces)
            known = await insist(lambda: self._events.placed(wanted))
        decisions = await self._decided(read_pieces, known)
        del read_pieces  # the events, decoded: twice what is stored of them, and that is to be written now
        await bury(self._dead, [one for decision in decisions for one in decision.dead], insist)
        effects = effects_of(records, decisions)
        with self._metrics.stage("apply"):
            await insist(lambda: sink.apply(effects))
        self._metrics.met(decisions)

    async def _read(self, run: Sequence[Received]) -> Piece:
        with self._metrics.stage("read"):
            piece = read(run)
        await asyncio.sleep(0)  # others in this process get their turn
        return piece

    async def _decided(self, read_pieces: Sequence[Piece], stored: Knowledge) -> Sequence[Decision]:
        """Decide piece after piece; what one decides, the next ones know."""
        known = {day: dict(ids) for day, ids in stored.items()}
        decisions: list[Decision] = []
        for piece in read_pieces:
            with self._metrics.stage("decide"):
                decision = self._decider.decide(piece, known)
            for day, ids in decision.fresh.items():
                known[day].update(ids)
            decisions.append(decision)
            await asyncio.sleep(0)
        return decisions
