"""The feed's cursor: where each visitor goes on, sealed so that only we can make one.

Layout: version | ts of the last row, signed | its event id | its visitor | a bit an asked id, sorted, set where
it is not finished | for each of these the milliseconds from the last row back to its next one, as a varint | MAC.
A delta of up to 397 days takes 5 bytes, so 300 visitors take about 2 KB of text. Who asks (tenant and id set) goes into
the MAC, not into the cursor.
"""

import base64
import binascii
import hashlib
import hmac
import struct
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from footfall_common.errors import InvalidInput

_HEAD = struct.Struct(">Bq16s16s")
_VERSION = 1
_MAC = 16
_LOW, _MORE = 0x7F, 0x80
_CONTEXT = b"footfall feed cursor\x01"


class FeedKey(NamedTuple):
    """A row's place in the feed: newest first, then by event id and visitor. Compares in the feed's order."""

    minus_ts: int
    event_id: uuid.UUID
    visitor: uuid.UUID


class Cursor(NamedTuple):
    """The last row handed out, and for each visitor that is not finished the time (ms) of its next row."""

    last: FeedKey
    following: Mapping[uuid.UUID, int]


class Asker(NamedTuple):
    """Whom a cursor is for: the same tenant, asking for the same visitors (sorted, each once)."""

    tenant: uuid.UUID
    visitors: Sequence[uuid.UUID]


def seal(cursor: Cursor, asker: Asker, key: bytes) -> str:
    """The cursor as text for `offset`."""
    last_ts = -cursor.last.minus_ts
    marks = bytearray(-(-len(asker.visitors) // 8))
    deltas = bytearray()
    for index, visitor in enumerate(asker.visitors):
        if (ts := cursor.following.get(visitor)) is not None:
            marks[index // 8] |= 1 << index % 8
            deltas += _varint(last_ts - ts)
    head = _HEAD.pack(_VERSION, last_ts, cursor.last.event_id.bytes, cursor.last.visitor.bytes)
    body = head + bytes(marks) + bytes(deltas)
    return base64.urlsafe_b64encode(body + _mac(body, asker, key)).rstrip(b"=").decode()


def unseal(text: str, asker: Asker, keys: Sequence[bytes]) -> Cursor:
    """The cursor in `text`; InvalidInput unless one of `keys` sealed it for this very asker."""
    sealed = _decoded(text)
    body, mac = sealed[:-_MAC], sealed[-_MAC:]
    if len(body) < _HEAD.size or not any(hmac.compare_digest(mac, _mac(body, asker, key)) for key in keys):
        raise _refused()
    version, last_ts, event_id, visitor = _HEAD.unpack_from(body)
    if version != _VERSION:
        raise _refused()
    marks_end = _HEAD.size + -(-len(asker.visitors) // 8)
    marks = body[_HEAD.size : marks_end]
    deltas = _varints(body[marks_end:])
    unfinished = [one for index, one in enumerate(asker.visitors) if marks[index // 8] >> index % 8 & 1]
    return Cursor(
        FeedKey(-last_ts, uuid.UUID(bytes=event_id), uuid.UUID(bytes=visitor)),
        {one: last_ts - delta for one, delta in zip(unfinished, deltas, strict=True)},
    )


def _decoded(text: str) -> bytes:
    try:
        sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error) as error:
        raise _refused() from error
    if base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() != text:
        raise _refused()  # the decoder skips what is no base64; one cursor has one spelling
    return sealed


def _refused() -> InvalidInput:
    return InvalidInput(
        "offset is not one that this feed gave for these creatioTrackingIds, or is too old; ask again without it.",
        field="offset",
    )


def _mac(body: bytes, asker: Asker, key: bytes) -> bytes:
    visitors = hashlib.sha256(b"".join(one.bytes for one in asker.visitors)).digest()
    return hmac.digest(key, _CONTEXT + asker.tenant.bytes + visitors + body, "sha256")[:_MAC]


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first, the high bit set where more follow."""
    out = bytearray()
    while value > _LOW:
        out.append(value & _LOW | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


def _varints(data: bytes) -> Iterator[int]:
    value = shift = 0
    for byte in data:
        value |= (byte & _LOW) << shift
        shift += 7
        if byte < _MORE:
            yield value
            value = shift = 0
