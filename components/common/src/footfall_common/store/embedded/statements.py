"""Statements that touch many rows in one step.

Python's sqlite3 lets go of the interpreter lock at every step and waits to get it back, up to 5 ms while the event
loop is busy. So rows are written by multi-row VALUES, and read as one row: their columns as JSON, their bodies joined.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
Row = tuple[Any, ...]

GROUPS = (128, 16, 1)
"""Rows a statement. Fixed sizes, so that the connection keeps few statements prepared."""


def each_group(connection: sqlite3.Connection, statement: str, rows: Sequence[Row]) -> Iterator[sqlite3.Cursor]:
    """Run `statement`, whose `{values}` stands for the rows' VALUES list, once for each group of rows.

    The cursors come one by one, each to be read before the next.
    """
    start = 0
    for size in GROUPS:
        while len(rows) - start >= size:
            group = rows[start : start + size]
            yield connection.execute(_text(statement, size, len(group[0])), tuple(chain.from_iterable(group)))
            start += size


def write_each(connection: sqlite3.Connection, statement: str, rows: Sequence[Row]) -> int:
    """`each_group` for its effect; returns how many rows it changed."""
    return sum(cursor.rowcount for cursor in each_group(connection, statement, rows))


def columns(*names: str) -> str:
    """SQL that gathers numbers, and texts made by `quoted`, of all rows into one JSON array of arrays."""
    row = " || ',' || ".join(names)
    return f"'[' || group_concat('[' || {row} || ']') || ']'"


def quoted(blob: str) -> str:
    """SQL for a blob as a JSON string of hexadecimal digits."""
    return f"'\"' || hex({blob}) || '\"'"


def bodies(*names: str) -> str:
    """SQL that joins the blobs of all rows, in the order in which `columns` of the same statement has the rows."""
    return f"CAST(group_concat({' || '.join(names)}, '') AS BLOB)"


def rows_of(gathered: str | None, row: type[T]) -> list[T]:
    """What `columns` gathered, as tuples of that type; it is NULL where there was no row."""
    return [] if gathered is None else msgspec.json.decode(gathered, type=list[row])  # type: ignore[valid-type] # the type is only known where it is called


def cut(body: bytes, lengths: Iterable[int]) -> Iterator[bytes]:
    """The pieces of what `bodies` joined, by their lengths in bytes."""
    start = 0
    for length in lengths:
        yield body[start : start + length]
        start += length


@lru_cache(maxsize=256)
def _text(statement: str, rows: int, width: int) -> str:
    row = f"({','.join('?' * width)})"
    return statement.replace("{values}", f"VALUES {','.join([row] * rows)}")
