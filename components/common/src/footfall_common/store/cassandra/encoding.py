"""Values as CQL's native protocol carries them. All integers are big-endian; a UUID is its 16 bytes."""

import struct
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

int32 = struct.Struct(">i").pack
bigint = struct.Struct(">q").pack
smallint = struct.Struct(">h").pack
tinyint = struct.Struct(">b").pack
_COLLECTION: Final = struct.Struct(">i")
_LENGTH: Final = struct.Struct(">H")


def composite(*parts: bytes) -> bytes:
    """The routing key of a partition key with several columns."""
    return b"".join(_LENGTH.pack(len(part)) + part + b"\x00" for part in parts)


def collection(values: Sequence[bytes]) -> bytes:
    """A list or set of values that are encoded already."""
    return _COLLECTION.pack(len(values)) + b"".join(_COLLECTION.pack(len(value)) + value for value in values)


def uuids(values: Iterable[UUID]) -> bytes:
    """A list of UUIDs."""
    return collection([value.bytes for value in values])


def ints(values: Iterable[int]) -> bytes:
    """A list or set of ints."""
    return collection([int32(value) for value in values])


def entry(query_id: bytes, values: int) -> bytes:
    """The head of one prepared statement within a batch; its values follow, each behind its length (int32)."""
    return b"\x01" + _LENGTH.pack(len(query_id)) + query_id + _LENGTH.pack(values)


def value(encoded: bytes) -> bytes:
    """A value behind its length."""
    return _COLLECTION.pack(len(encoded)) + encoded
