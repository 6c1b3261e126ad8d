"""Requests whose bytes are made here: the driver's own binding and encoding cost more than all the rest of a write.

A request is also a statement of the driver, so that it can go either way (`sending`). `Handler` is what the driver
offers for other encodings (`Session.client_protocol_handler`); it passes on what is not from here.
"""

import struct
from collections.abc import Sequence
from typing import Any, Final

from cassandra import ConsistencyLevel
from cassandra.protocol import BatchMessage, ExecuteMessage, ProtocolHandler
from cassandra.query import BatchStatement, BatchType, BoundStatement, PreparedStatement
from typing_extensions import override

VERSION: Final = 4
"""Of the native protocol: 5 adds checksums, which the driver computes bit by bit in Python; TLS has its own."""

_HEADER: Final = struct.Struct(">BBhBi").pack  # version, flags, stream, opcode, length of the body
_OPENING: Final = struct.Struct(">BH").pack  # type of batch, number of entries
_CLOSING: Final = struct.Struct(">HB").pack  # consistency, flags
_SHORT: Final = struct.Struct(">H").pack
_BINDING: Final = struct.Struct(">HBH").pack  # consistency, flags, number of values
_INT: Final = struct.Struct(">i").pack
_VALUES_NO_METADATA_PAGE: Final = 0x01 | 0x02 | 0x04


class Rows:
    """The encoded statements of a batch, in the place where the driver keeps a list of them."""

    __slots__ = ("body", "count")

    def __init__(self, count: int, body: bytes) -> None:
        self.count = count
        self.body = body

    def __len__(self) -> int:
        return self.count

    def frame(self, consistency: int, stream: int) -> bytes:
        """An UNLOGGED batch as a frame of the protocol."""
        body = b"".join((_OPENING(BatchType.UNLOGGED.value, self.count), self.body, _CLOSING(consistency, 0)))
        return _HEADER(VERSION, 0, stream, BatchMessage.opcode, len(body)) + body


class UnloggedBatch(BatchStatement):  # type: ignore[misc] # the driver ships no types
    """Rows of one partition of `keyspace`, so one mutation; the routing key tells its replicas."""

    batch_type = BatchType.UNLOGGED
    is_idempotent = True
    metadata = None

    def __init__(self, keyspace: str, routing_key: bytes, rows: Rows) -> None:
        self.keyspace = keyspace
        self.routing_key = routing_key
        self._statements_and_parameters = rows

    def frame(self, stream: int) -> bytes:
        """This as a frame of the protocol."""
        return self._statements_and_parameters.frame(ConsistencyLevel.LOCAL_QUORUM, stream)


class Bound(BoundStatement):  # type: ignore[misc] # the driver ships no types
    """A prepared statement with values that are encoded already."""

    def __init__(self, prepared: PreparedStatement, keyspace: str, values: Sequence[bytes], page: int) -> None:
        self.prepared_statement = prepared
        self.is_idempotent = prepared.is_idempotent
        self.metadata = prepared.result_metadata
        self.keyspace = keyspace
        self.values = values
        self.fetch_size = page

    def frame(self, stream: int) -> bytes:
        """This as a frame of the protocol."""
        id_, values = self.prepared_statement.query_id, self.values
        binding = _BINDING(ConsistencyLevel.LOCAL_QUORUM, _VALUES_NO_METADATA_PAGE, len(values))
        bound = b"".join([_INT(len(value)) + value for value in values])
        body = b"".join((_SHORT(len(id_)), id_, binding, bound, _INT(self.fetch_size)))
        return _HEADER(VERSION, 0, stream, ExecuteMessage.opcode, len(body)) + body


class Handler(ProtocolHandler):  # type: ignore[misc] # the driver ships no types
    """The driver's encoding, but for `UnloggedBatch`."""

    @classmethod
    @override
    def encode_message(cls, msg: Any, stream_id: int, *rest: Any, **options: Any) -> bytes:
        """A message as a frame of the protocol."""
        rows = getattr(msg, "queries", None)
        if isinstance(rows, Rows):
            return rows.frame(msg.consistency_level, stream_id)
        return bytes(super().encode_message(msg, stream_id, *rest, **options))
