"""How a day is read: which chunks of its segments, and which rows of its buckets straight from the store. Pure.

The reading rule: a complete day is taken, and of its buckets what the day does not hold; a bucket's segments hold its
rows as far as their watermark goes; what `buckets_seen` says lies above it is read row by row, and so is a whole bucket
that neither day nor segments vouch for. So rows may come twice, and none is missing, whatever of the segments was lost.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from footfall_common.events.times import day_of_bucket
from footfall_common.store import Folded, Seen, Segment, Span
from footfall_common.store.standing import complete, folded_of, members_of, own_of, usable


class Direct(NamedTuple):
    """Rows of one part of a bucket above an offset, to be read from the store."""

    bucket: int
    part: int
    after: int


@dataclass(frozen=True, slots=True)
class DayPlan:
    """What is read of one day, and the segments that this rests on."""

    day: int
    chunks: Sequence[bytes]
    direct: Sequence[Direct]
    used: Sequence[Segment]


@dataclass(frozen=True, slots=True)
class Reading:
    """Some days. `stamp` names the segments' versions; None when rows outside of them are read too."""

    days: Sequence[DayPlan]

    @property
    def stamp(self) -> frozenset[tuple[str, bytes, int, int]] | None:
        """What the numbers rest on, if that is segments alone."""
        if any(plan.direct for plan in self.days):
            return None
        return frozenset(
            (one.span.value, one.resource.bytes, one.bucket, one.version) for plan in self.days for one in plan.used
        )


def reading_of(seen: Iterable[Seen], heads: Iterable[Segment], lost: Collection[bytes] = ()) -> Reading:
    """How each day is read, in order. A segment that lists a chunk of `lost` counts as gone."""
    highs: dict[int, dict[int, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
    standing: dict[int, list[Segment]] = defaultdict(list)
    for bucket, part, high in seen:
        highs[day_of_bucket(bucket)][bucket][part] = high
    for head in heads:
        if not lost or not any(chunk in lost for chunk in head.chunks):
            standing[day_of_bucket(head.bucket)].append(head)
    return Reading([_day(day, highs[day], standing[day]) for day in sorted(highs.keys() | standing.keys())])


def _day(day: int, highs: Mapping[int, Mapping[int, int]], heads: Sequence[Segment]) -> DayPlan:
    own_heads = [head for head in heads if head.span is Span.DAY]
    buckets: dict[int, list[Segment]] = defaultdict(list)
    for head in heads:
        if head.span is Span.BUCKET:
            buckets[head.bucket].append(head)
    folded = folded_of(own_heads)
    used: list[Segment] = [*members_of(own_heads), *_own(own_heads)] if complete(own_heads) else []
    direct: list[Direct] = []
    for bucket in sorted(highs.keys() | buckets.keys()):
        taken, above = _bucket(highs.get(bucket, {}), buckets[bucket], folded.get(bucket), folded)
        used += taken
        direct += (Direct(bucket, part, after) for part, after in above)
    return DayPlan(day, list(dict.fromkeys(chunk for segment in used for chunk in segment.chunks)), direct, used)


def _bucket(
    highs: Mapping[int, int], heads: Sequence[Segment], held: Folded | None, folded: Mapping[int, Folded]
) -> tuple[list[Segment], list[tuple[int, int]]]:
    """The segments that are taken, and (part, offset) above which rows are in none of them."""
    own = own_of(heads)
    holds = -1 if held is None else held.version
    watermark = {} if held is None else dict(held.watermark)
    taken: list[Segment] = []
    if own is not None and own.version > holds and usable(heads, folded):
        taken = [own, *(head for head in members_of(heads) if head.version > holds)]
        watermark |= {part: max(off, watermark.get(part, -1)) for part, off in own.watermark.items()}
    if not taken and held is None:
        return [], [(part, -1) for part in sorted(highs.keys() | {part for head in heads for part in head.watermark})]
    above = [(part, watermark.get(part, -1)) for part in sorted(highs)]
    return taken, [(part, after) for part, after in above if after < highs[part]]


def _own(heads: Sequence[Segment]) -> list[Segment]:
    own = own_of(heads)
    return [] if own is None else [own]
