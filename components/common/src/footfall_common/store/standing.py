"""Which segments of a day may be believed, which may go, and how a segment is stored. The same for every adapter."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from footfall_common.documents import NIL
from footfall_common.store import Folded, Segment, Span


def own_of(heads: Iterable[Segment]) -> Segment | None:
    """Resource NIL's among the heads of one bucket or one day."""
    return next((head for head in heads if head.resource == NIL), None)


def complete(heads: Sequence[Segment]) -> bool:
    """Whether everything is there that resource NIL's head speaks of. `heads` = those of one bucket or one day.

    A newer version of a member holds all that the one spoken of held; it came from a writer that was cut off, or whose
    last row is on its way. One upon another base does not.
    """
    own = own_of(heads)
    if own is None:
        return False
    others = {head.resource: head for head in heads if head.resource != NIL}
    if not own.members:  # written by an earlier release, which counted
        return own.rows == sum(head.rows for head in others.values())
    return all(
        resource in others and others[resource].version >= version and others[resource].base == own.base
        for resource, version in own.members.items()
    )


def members_of(heads: Sequence[Segment]) -> list[Segment]:
    """The heads that NIL's speaks of or that continue what it speaks of, without NIL's."""
    own = own_of(heads)
    return [] if own is None else [head for head in heads if head.resource != NIL and head.base == own.base]


def folded_of(day_heads: Sequence[Segment]) -> Mapping[int, Folded]:
    """What the standing segments of a day hold; nothing unless they are complete."""
    own = own_of(day_heads)
    return own.folded if own is not None and complete(day_heads) else {}


def usable(heads: Sequence[Segment], folded: Mapping[int, Folded]) -> bool:
    """Whether a bucket's heads, with the day's segments where they rest on them, hold all up to their watermark."""
    own = own_of(heads)
    if own is None or not complete(heads):
        return False
    return own.base is None or (own.bucket in folded and folded[own.bucket].version >= own.base)


class Noted(NamedTuple):
    """A version that is in the store, and when it was put there (ms)."""

    segment: Segment
    put: int


class Swept(NamedTuple):
    """What may go of one resource's day: first the chunks, then the versions that listed them."""

    chunks: Sequence[bytes]
    versions: Sequence[Segment]


def folded_before(day_heads: Iterable[Noted], before: int) -> Mapping[int, int]:
    """Bucket -> the highest version that the standing day makes superfluous; nothing unless all of it is older."""
    noted = list(day_heads)
    if any(one.put >= before for one in noted):
        return {}
    return {bucket: one.version for bucket, one in folded_of([one.segment for one in noted]).items()}


def swept(versions: Iterable[Noted], folded: Mapping[int, int], before: int) -> Swept:
    """What may go of these versions, which are all that one resource (or NIL) has of one day.

    Args:
        versions: of both spans, in any order.
        folded: as `folded_before` gives it.
        before: a version goes when one above it, noted before this time, stands.
    """
    by_place: dict[tuple[Span, int], list[Noted]] = defaultdict(list)
    for one in versions:
        by_place[one.segment.span, one.segment.bucket].append(one)
    gone: list[Segment] = []
    kept: set[bytes] = set()
    for (span, bucket), some in by_place.items():
        top = max((one.segment.version for one in some if one.put < before), default=-1)
        line = folded.get(bucket, -1) if span is Span.BUCKET else -1
        for segment, _ in some:
            if segment.version < top or segment.version <= line:
                gone.append(segment)
            else:
                kept.update(segment.chunks)
    listed = dict.fromkeys(chunk for segment in gone for chunk in segment.chunks)
    return Swept([chunk for chunk in listed if chunk not in kept], gone)


class _Body(msgspec.Struct, omit_defaults=True):
    watermark: dict[int, int]
    chunks: list[str]
    rows: int
    sizes: tuple[int, ...] = ()
    base: int | None = None
    members: dict[uuid.UUID, int] = {}
    closed: bool = False
    folded: dict[int, tuple[int, dict[int, int]]] = {}


_decode = msgspec.json.Decoder(_Body).decode
_encode = msgspec.json.Encoder().encode


def body_of(segment: Segment) -> bytes:
    """What is stored of a segment beside the columns that it is found by: JSON."""
    return _encode(
        _Body(
            watermark=dict(segment.watermark),
            chunks=[chunk.hex() for chunk in segment.chunks],
            rows=segment.rows,
            sizes=tuple(segment.sizes),
            base=segment.base,
            members=dict(segment.members),
            closed=segment.closed,
            folded={bucket: (one.version, dict(one.watermark)) for bucket, one in segment.folded.items()},
        )
    )


def segment_of(resource: uuid.UUID, span: Span, bucket: int, version: int, body: bytes) -> Segment:
    """The segment that `body_of` stored."""
    held = _decode(body)
    return Segment(
        resource=resource,
        bucket=bucket,
        version=version,
        watermark=held.watermark,
        chunks=[bytes.fromhex(chunk) for chunk in held.chunks],
        rows=held.rows,
        sizes=held.sizes,
        span=span,
        base=held.base,
        members=held.members,
        closed=held.closed,
        folded={bucket: Folded(*one) for bucket, one in held.folded.items()},
    )
