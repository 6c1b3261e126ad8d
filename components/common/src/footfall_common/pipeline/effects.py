"""The port through which the raw receiver changes the world, in an order that a crash may cut anywhere."""

import uuid
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from footfall_common.bus import Partition
from footfall_common.store import Edge, EventRow


def part_of(partition: Partition, epoch: int = 0) -> int:
    """The `part` of a position: the topic's epoch and the partition's number in one integer."""
    return epoch << 16 | partition.number


class Mark(NamedTuple):
    """A bucket that holds new rows of partition `part` up to offset `high`; goes to topic `buckets`."""

    tenant: uuid.UUID
    bucket: int
    part: int
    high: int


class Effects(NamedTuple):
    """All that one chunk of raw records changes, applied in the order of the fields."""

    rows: Sequence[EventRow] = ()
    edges: Sequence[Edge] = ()
    marks: Sequence[Mark] = ()
    commit: Mapping[Partition, int] = {}


class EffectSink(Protocol):
    """Applies effects in the order that a crash may cut anywhere: rows, edges, then marks, then the offsets.

    The embedded adapter does it in one transaction; others one after the other, each acknowledged before the next.
    """

    async def apply(self, effects: Effects) -> None:
        """Returns once all of it is durable."""
        ...
