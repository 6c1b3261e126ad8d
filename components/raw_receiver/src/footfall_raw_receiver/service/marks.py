"""Marks of topic `buckets`, taken together a bucket and a day."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from footfall_common.bus import Received
from footfall_common.errors import UNREADABLE
from footfall_common.pipeline.effects import Mark
from footfall_common.pipeline.marks import AnyMark, Close, Fold, Rebuild, read_mark
from footfall_raw_receiver.models import Dead
from footfall_raw_receiver.service.reading import unreadable


class Due(NamedTuple):
    """What the marks of a bucket ask for: rows up to `highs` (part -> offset), in version `version`."""

    tenant: uuid.UUID
    bucket: int
    version: int
    highs: Mapping[int, int]
    close: bool = False
    rebuild: bool = False


class DayDue(NamedTuple):
    """A day to be folded, in version `version`."""

    tenant: uuid.UUID
    day: int
    version: int


class Dues(NamedTuple):
    """What a chunk of marks asks for, in the order of each one's first mark, and what is no mark."""

    buckets: Sequence[Due]
    days: Sequence[DayDue]
    dead: Sequence[Dead]


def joined(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    """The higher offset of each part."""
    return {**one, **{part: max(high, one.get(part, -1)) for part, high in other.items()}}


def groups(records: Sequence[Received], most: int) -> Iterator[Sequence[Received]]:
    """The records in their order, cut so that none of the parts holds marks of more than `most` buckets and days.

    All marks of one have one key, so however many there are of it, they are one piece of work.
    """
    some: list[Received] = []
    keys: set[bytes] = set()
    for received in records:
        if received.key not in keys and len(keys) == most:
            yield some
            some, keys = [], set()
        some.append(received)
        keys.add(received.key)
    if some:
        yield some


def coalesce(records: Sequence[Received]) -> Dues:
    """One Due a bucket, one DayDue a day.

    The highest mark's offset is the version: all marks of a bucket or a day lie in one partition, so it only grows.
    """
    buckets: dict[tuple[uuid.UUID, int], Due] = {}
    days: dict[tuple[uuid.UUID, int], DayDue] = {}
    dead: list[Dead] = []
    for received in records:
        try:
            mark = read_mark(received.value)
        except UNREADABLE as error:
            dead.append(unreadable(received, "mark", error))
            continue
        if isinstance(mark, Fold):
            days[mark.tenant, mark.day] = DayDue(mark.tenant, mark.day, received.offset)
        else:
            held = buckets.get((mark.tenant, mark.bucket)) or Due(mark.tenant, mark.bucket, 0, {})
            buckets[mark.tenant, mark.bucket] = _with(held, mark)._replace(version=received.offset)
    return Dues(list(buckets.values()), list(days.values()), dead)


def _with(due: Due, mark: AnyMark) -> Due:
    match mark:
        case Mark(part=part, high=high):
            return due._replace(highs=joined(due.highs, {part: high}))
        case Close():
            return due._replace(close=True)
        case Rebuild(highs=highs):
            return due._replace(highs=joined(due.highs, highs), close=True, rebuild=True)
        case Fold():
            return due
