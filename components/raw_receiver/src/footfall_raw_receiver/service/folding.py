"""Segments of a day out of its closed buckets, in rounds that a bounded memory bears.

A day's new version holds what the standing one holds and the buckets closed since, so a late event costs one small
chunk and not the day. A round takes whole buckets; where more are left, another fold mark is published.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import structlog

from footfall_common.documents import NIL
from footfall_common.events.times import BUCKET, DAY
from footfall_common.pipeline.marks import AnyMark, Fold, Rebuild
from footfall_common.store import Folded, Segment, SegmentStore, Span
from footfall_common.store.standing import complete, folded_of, members_of, own_of, usable
from footfall_common.tenancy import TenantContext
from footfall_raw_receiver.service.chunks import LostChunks
from footfall_raw_receiver.service.drafting import NOTHING, Draft
from footfall_raw_receiver.service.marks import DayDue
from footfall_raw_receiver.service.merging import Bodies, Merger, sizes_of, small_of

_log = structlog.get_logger(__name__)


class Closed(NamedTuple):
    """A closed bucket that the day does not hold yet: its NIL segment, and those that are to be taken in."""

    own: Segment
    parts: Sequence[Segment]


class Standing(NamedTuple):
    """A day as its heads tell it: its own segments if they are whole, and what of its buckets they lack.

    `open` = buckets that a close mark has yet to bring up; `version` = the highest of the day, whole or not.
    """

    day: Sequence[Segment]
    folded: Mapping[int, Folded]
    closed: Sequence[Closed]
    open: Sequence[int]
    version: int


def standing_of(heads: Iterable[Segment], *, without_day: bool = False) -> Standing:
    """What `SegmentStore.heads` of one day means. `without_day`: as if the day had no segments of its own."""
    day: list[Segment] = []
    buckets: dict[int, list[Segment]] = defaultdict(list)
    for head in heads:
        if head.span is Span.DAY:
            day.append(head)
        else:
            buckets[head.bucket].append(head)
    version = max((head.version for head in day if head.resource == NIL), default=-1)
    whole = complete(day) and not without_day
    folded = folded_of(day) if whole else {}
    closed: list[Closed] = []
    waiting: list[int] = []
    for bucket, some in sorted(buckets.items()):
        held = folded[bucket].version if bucket in folded else -1
        if all(head.version <= held for head in some):
            continue
        own = own_of(some)
        if own is None or not own.closed or not usable(some, folded):
            waiting.append(bucket)
        elif own.version > held:
            closed.append(Closed(own, [one for one in members_of(some) if one.version > held]))
    return Standing(day if whole else (), folded, closed, waiting, version)


class Round(NamedTuple):
    """What a fold puts, and the marks that it asks for then."""

    draft: Draft
    marks: Sequence[AnyMark] = ()


class Folder:
    """Folds days; `budget` = bytes of chunks that one round joins."""

    def __init__(self, segments: SegmentStore, merger: Merger, budget: int) -> None:
        self._segments = segments
        self._merger = merger
        self._budget = budget

    async def fold(self, tenant: TenantContext, due: DayDue) -> Round:
        """The next version of the day; nothing while a bucket is open, or when the day holds them all.

        Where chunks are gone: of a bucket, it is asked to be made from its rows; of the day, that is folded anew out of
        its buckets, after those that it alone held were made from their rows.
        """
        heads = await self._segments.heads(tenant, [due.day])
        standing = standing_of(heads)
        try:
            return await self._fold(tenant, due, standing)
        except LostChunks as lost:
            _log.error("chunks_missing", tenant=str(tenant.tenant), day=due.day, chunks=str(lost))
            names = lost.names
        if not any(names & set(head.chunks) for head in standing.day):
            return _rebuilds(due, _listing(standing.closed, names))
        anew = standing_of(heads, without_day=True)
        alone = standing.folded.keys() - {one.own.bucket for one in anew.closed}
        if broken := sorted({*alone, *_listing(anew.closed, names)}):
            return _rebuilds(due, broken)
        try:
            return await self._fold(tenant, due, anew)
        except LostChunks as lost:
            return _rebuilds(due, _listing(anew.closed, lost.names))

    async def _fold(self, tenant: TenantContext, due: DayDue, standing: Standing) -> Round:
        if standing.open or not standing.closed or due.version <= standing.version:
            return Round(NOTHING)
        taken = _within(standing.closed, self._budget, self._merger.limit)
        day = {head.resource: head for head in standing.day if head.resource != NIL}
        pieces: dict[uuid.UUID, list[Segment]] = defaultdict(list)
        for one in taken:
            for part in one.parts:
                pieces[part.resource].append(part)
        bodies: Bodies = {}
        changed = [
            await self._merger.packed(tenant, _joined(due, resource, [*_one(day, resource), *some]), bodies)
            for resource, some in pieces.items()
        ]
        members = {**day, **{one.resource: one for one in changed}}
        own = _blank(due, NIL)._replace(
            rows=sum(member.rows for member in members.values()),
            members={resource: member.version for resource, member in members.items()},
            folded={**standing.folded, **{one.own.bucket: Folded(one.own.version, one.own.watermark) for one in taken}},
        )
        more = [Fold(due.tenant, due.day)] if len(taken) < len(standing.closed) else []
        return Round(Draft((*changed, own), bodies), more)


def _within(closed: Sequence[Closed], budget: int, limit: int) -> Sequence[Closed]:
    """The first buckets whose small chunks fit into the budget; one at least."""
    weight = 0
    for taken, one in enumerate(closed):
        weight += sum(sum(small_of(part, limit).values()) for part in one.parts)
        if weight > budget and taken:
            return closed[:taken]
    return closed


def _joined(due: DayDue, resource: uuid.UUID, segments: Sequence[Segment]) -> Segment:
    """All chunks of those segments as the day's; each once, though the day may list what a bucket lists."""
    sizes = {name: size for segment in segments for name, size in sizes_of(segment).items()}
    rows = sum(segment.rows for segment in segments)
    return _blank(due, resource)._replace(chunks=tuple(sizes), sizes=tuple(sizes.values()), rows=rows)


def _blank(due: DayDue, resource: uuid.UUID) -> Segment:
    return Segment(resource, due.day * DAY // BUCKET, due.version, {}, (), 0, span=Span.DAY)


def _one(day: Mapping[uuid.UUID, Segment], resource: uuid.UUID) -> Sequence[Segment]:
    return [day[resource]] if resource in day else []


def _listing(closed: Iterable[Closed], names: frozenset[bytes]) -> list[int]:
    """The buckets whose segments list any of these chunks."""
    return [one.own.bucket for one in closed if any(names & set(part.chunks) for part in one.parts)]


def _rebuilds(due: DayDue, buckets: Iterable[int]) -> Round:
    return Round(NOTHING, [Rebuild(due.tenant, bucket) for bucket in buckets])
