"""The SQL of a partitioned log in one SQLite file. Functions on a connection; each runs inside a caller's transaction.

A row holds one batch: what one group commit brought for one partition, so that a commit costs a row a partition and not
a row a record. `id` = partition id << 44 | offset of the batch's first record, which keeps appends at the end of a
partition's range in one B-tree. A batch is msgpack of (deltas, records): deltas are None while the batch is whole, and
the kept records' distances from the first offset once compaction has thinned it.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from footfall_common.bus import Headers

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS log_partitions (
        id INTEGER PRIMARY KEY, topic TEXT NOT NULL, number INTEGER NOT NULL, UNIQUE (topic, number))""",
    """CREATE TABLE IF NOT EXISTS log_batches (
        id INTEGER PRIMARY KEY, count INTEGER NOT NULL, appended INTEGER NOT NULL, body BLOB NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS log_offsets (
        team TEXT NOT NULL, topic TEXT NOT NULL, number INTEGER NOT NULL, next INTEGER NOT NULL,
        PRIMARY KEY (team, topic, number)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS log_identity (one INTEGER PRIMARY KEY CHECK (one = 1), id BLOB NOT NULL)",
)
OFFSET_BITS = 44
_MASK = (1 << OFFSET_BITS) - 1

Content = tuple[bytes, bytes, Headers]
"""Key, value, headers."""


class Batch(NamedTuple):
    """Records of one partition; `offsets` has one offset a record."""

    offsets: Sequence[int]
    appended: int
    records: Sequence[Content]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[list[int] | None, list[Content]]).decode


def partitions(connection: sqlite3.Connection, topic: str, count: int) -> list[int]:
    """The ids of a topic's partitions, made where they are missing. A topic never shrinks: keys would move."""
    connection.executemany(
        "INSERT OR IGNORE INTO log_partitions (topic, number) VALUES (?, ?)", [(topic, n) for n in range(count)]
    )
    return [
        row[0] for row in connection.execute("SELECT id FROM log_partitions WHERE topic = ? ORDER BY number", (topic,))
    ]


def end(connection: sqlite3.Connection, partition: int) -> int:
    """The offset that the next record of a partition will get."""
    row = connection.execute(
        "SELECT id, count FROM log_batches WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1", _range(partition)
    ).fetchone()
    return 0 if row is None else (row[0] & _MASK) + row[1]


def append(connection: sqlite3.Connection, partition: int, records: Sequence[Content], now: int) -> Batch:
    """Put records at a partition's end, as one batch."""
    base = end(connection, partition)
    connection.execute(
        "INSERT INTO log_batches VALUES (?, ?, ?, ?)",
        (partition << OFFSET_BITS | base, len(records), now, _encode((None, records))),
    )
    return Batch(range(base, base + len(records)), now, records)


def read(connection: sqlite3.Connection, partition: int, offset: int, limit: int) -> list[Batch]:
    """Batches from the one that holds `offset`, or the next after it, until they hold `limit` records or more."""
    low, high = _range(partition)
    first = connection.execute(
        "SELECT max(id) FROM log_batches WHERE id BETWEEN ? AND ?", (low, low | offset)
    ).fetchone()[0]
    found: list[Batch] = []
    held = 0
    rows = connection.execute(
        "SELECT id, count, appended, body FROM log_batches WHERE id BETWEEN ? AND ? ORDER BY id",
        (low if first is None else first, high),
    )
    for row in rows:
        batch = _batch(*row)
        found.append(batch)
        held += sum(at >= offset for at in batch.offsets)
        if held >= limit:
            break
    return found


def appended_at(connection: sqlite3.Connection, partition: int, offset: int) -> int | None:
    """When the first record at or after `offset` was appended; None when there is none."""
    batches = read(connection, partition, offset, 1)
    return next((batch.appended for batch in batches if batch.offsets and batch.offsets[-1] >= offset), None)


def trim(connection: sqlite3.Connection, partition: int, before: int, below: int) -> int:
    """Delete batches appended before a time that lie below an offset; the last one stays, since it holds the end."""
    low, high = _range(partition)
    return connection.execute(
        """DELETE FROM log_batches WHERE id BETWEEN ? AND ? AND appended < ? AND (id & ?) + count <= ?
           AND id < (SELECT max(id) FROM log_batches WHERE id BETWEEN ? AND ?)""",
        (low, high, before, _MASK, below, low, high),
    ).rowcount


def compact(connection: sqlite3.Connection, partition: int) -> int:
    """Keep the last record of every key; returns how many records went. Offsets of what stays do not change."""
    low, high = _range(partition)
    rows = connection.execute(
        "SELECT id, count, appended, body FROM log_batches WHERE id BETWEEN ? AND ? ORDER BY id DESC", (low, high)
    ).fetchall()
    seen: set[bytes] = set()
    gone = 0
    for position, row in enumerate(rows):
        kept = _last_of_keys(_batch(*row), seen)
        gone += row[1] if not kept else len(_batch(*row).records) - len(kept)
        if not kept and position > 0:
            connection.execute("DELETE FROM log_batches WHERE id = ?", (row[0],))
        elif len(kept) < row[1]:
            base = row[0] & _MASK
            body = _encode(([at - base for at, _ in kept], [record for _, record in kept]))
            connection.execute("UPDATE log_batches SET body = ? WHERE id = ?", (body, row[0]))
    return gone


def identity(connection: sqlite3.Connection, otherwise: bytes) -> bytes:
    """Which bus's file this is, or, beside offsets, which bus's file they speak of; `otherwise` where none is noted."""
    connection.execute("INSERT OR IGNORE INTO log_identity VALUES (1, ?)", (otherwise,))
    noted: bytes = connection.execute("SELECT id FROM log_identity").fetchone()[0]
    return noted


def identify(connection: sqlite3.Connection, identity: bytes) -> None:
    """Note another identity."""
    connection.execute("UPDATE log_identity SET id = ?", (identity,))


def commit(connection: sqlite3.Connection, group: str, topic: str, offsets: Iterable[tuple[int, int]]) -> None:
    """Note the next offset to read for (number, offset) pairs."""
    connection.executemany(
        "INSERT INTO log_offsets VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET next = excluded.next",
        [(group, topic, number, offset) for number, offset in offsets],
    )


def committed(connection: sqlite3.Connection, group: str, topic: str) -> dict[int, int]:
    """Partition number -> next offset of a group."""
    rows = connection.execute("SELECT number, next FROM log_offsets WHERE team = ? AND topic = ?", (group, topic))
    return dict(rows.fetchall())


def committed_furthest(connection: sqlite3.Connection, topic: str) -> dict[int, int]:
    """Partition number -> the highest offset that any group has committed."""
    rows = connection.execute("SELECT number, max(next) FROM log_offsets WHERE topic = ? GROUP BY number", (topic,))
    return dict(rows.fetchall())


def committed_by_all(connection: sqlite3.Connection, topic: str) -> dict[int, int]:
    """Partition number -> the offset below which every group that ever committed has read."""
    rows = connection.execute("SELECT number, min(next) FROM log_offsets WHERE topic = ? GROUP BY number", (topic,))
    return dict(rows.fetchall())


def _range(partition: int) -> tuple[int, int]:
    low = partition << OFFSET_BITS
    return low, low | _MASK


def _batch(row_id: int, count: int, appended: int, body: bytes) -> Batch:
    base = row_id & _MASK
    deltas, records = _decode(body)
    offsets = range(base, base + count) if deltas is None else [base + delta for delta in deltas]
    return Batch(offsets, appended, records)


def _last_of_keys(batch: Batch, seen: set[bytes]) -> list[tuple[int, Content]]:
    kept = []
    for at, record in zip(reversed(batch.offsets), reversed(batch.records), strict=True):
        if record[0] not in seen:
            seen.add(record[0])
            kept.append((at, record))
    return kept[::-1]
