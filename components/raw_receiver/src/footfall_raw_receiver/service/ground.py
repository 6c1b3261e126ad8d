"""What new segments of a bucket are built upon: its standing ones, those of its day, or its rows alone."""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import NamedTuple
from uuid import UUID

from footfall_common.documents import NIL
from footfall_common.events.times import day_of_bucket
from footfall_common.store import Folded, Segment, Store
from footfall_common.store.standing import complete, folded_of, members_of, own_of, usable
from footfall_common.tenancy import TenantContext
from footfall_raw_receiver.service.marks import Due, joined


class Ground(NamedTuple):
    """`heads` are kept and continued; `base` as Segment's.

    `reached` = up to where they hold the bucket's rows; `highs` = up to where they are to; rows of the parts in
    `unmarked` come in without raising the watermark, since some may still be landing.
    """

    heads: Mapping[UUID, Segment]
    reached: Mapping[int, int]
    highs: Mapping[int, int]
    base: int | None = None
    closed: bool = False
    version: int = -1
    """The highest that stands: a lower one would never be read."""
    unmarked: Sequence[int] = ()


async def ground_of(store: Store, tenant: TenantContext, due: Due) -> Ground:
    """The least work that loses nothing.

    An open bucket goes on from its own segments. One that its day holds begins anew upon the day's, with only what
    came since, so that a late event costs the same however large its bucket is. Where neither can be believed, the
    rows are read again.
    """
    heads = await store.segments.bucket_heads(tenant, due.bucket)
    own = own_of(heads)
    if own is not None and not due.rebuild and own.base is None and not own.closed and complete(heads):
        return _upon(own, heads, due)
    day = await store.segments.day_heads(tenant, day_of_bucket(due.bucket))
    folded = folded_of(day)
    if not due.rebuild:
        held = folded.get(due.bucket)
        good = own is not None and usable(heads, folded)
        if held is not None and (own is None or not good or held.version >= own.version):
            return _upon_day(held, heads, due)
        if own is not None and good:
            return _upon(own, heads, due)
    return await _from_rows(store, tenant, due, [*heads, *_folded_watermark(day, due.bucket)])


async def ground_of_rows(store: Store, tenant: TenantContext, due: Due) -> Ground:
    """The rows alone, whatever stands."""
    return await ground_of(store, tenant, due._replace(rebuild=True))


def _upon(own: Segment, heads: Sequence[Segment], due: Due) -> Ground:
    kept = {head.resource: head for head in members_of(heads)}
    return Ground(kept, own.watermark, due.highs, own.base, own.closed, own.version)


def _upon_day(held: Folded, heads: Sequence[Segment], due: Due) -> Ground:
    highs = _highest([due.highs, *(head.watermark for head in heads)])
    return Ground({}, held.watermark, highs, held.version, closed=True, version=max(held.version, _standing(heads)))


async def _from_rows(store: Store, tenant: TenantContext, due: Due, vouching: Sequence[Segment]) -> Ground:
    """Every watermark that ever stood came from marks, so all rows up to it are stored."""
    highs = _highest([due.highs, *(segment.watermark for segment in vouching)])
    seen = await store.events.buckets_seen(tenant, [day_of_bucket(due.bucket)])
    parts = {one.part for one in seen if one.bucket == due.bucket}
    return Ground({}, {}, highs, version=_standing(vouching), unmarked=sorted(parts - highs.keys()))


def _standing(heads: Iterable[Segment]) -> int:
    return max((head.version for head in heads if head.resource == NIL), default=-1)


def _folded_watermark(day: Sequence[Segment], bucket: int) -> list[Segment]:
    """What an incomplete day still vouches for, in the shape of a segment."""
    own = own_of(day)
    held = own.folded.get(bucket) if own is not None else None
    return [] if own is None or held is None else [own._replace(watermark=held.watermark, version=held.version)]


def _highest(watermarks: Iterable[Mapping[int, int]]) -> dict[int, int]:
    return reduce(joined, watermarks, {})
