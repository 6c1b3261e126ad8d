"""Marks as topic `buckets` carries them: every change of a segment is caused by one, and its offset is the version.

A data mark is a JSON array, as it always was; the others are objects that name their kind. A worker of an earlier
release puts kinds that it does not know aside as dead letters: they are published again (see `docs/segments.md`).
"""

import uuid

import msgspec

from footfall_common.bus import Outgoing
from footfall_common.events.keys import bucket_key, day_key
from footfall_common.pipeline.effects import Mark


class Close(msgspec.Struct, frozen=True, tag="close", tag_field="kind"):
    """The bucket is over: merge what is left, and say that it is closed. Rows that come later open it again."""

    tenant: uuid.UUID
    bucket: int


class Rebuild(msgspec.Struct, frozen=True, tag="rebuild", tag_field="kind"):
    """Make the bucket's segments again from its rows, and close it.

    `highs` = part -> offset up to which whoever publishes this knows all rows to be stored; what the standing
    segments and earlier marks vouched for need not be named.
    """

    tenant: uuid.UUID
    bucket: int
    highs: dict[int, int] = {}


class Fold(msgspec.Struct, frozen=True, tag="fold", tag_field="kind"):
    """The day is over: make segments of the day out of its closed buckets."""

    tenant: uuid.UUID
    day: int


AnyMark = Mark | Close | Rebuild | Fold

_encode = msgspec.json.Encoder().encode
_decode: msgspec.json.Decoder[AnyMark] = msgspec.json.Decoder(AnyMark)


def mark_record(topic: str, mark: AnyMark) -> Outgoing:
    """A mark under its bucket's or its day's key, so that all marks of one have one owner and one order."""
    key = day_key(mark.tenant, mark.day) if isinstance(mark, Fold) else bucket_key(mark.tenant, mark.bucket)
    return Outgoing(topic, key, _encode(mark))


def read_mark(value: bytes) -> AnyMark:
    """The mark in a record; raises what `errors.UNREADABLE` lists."""
    return _decode.decode(value)
