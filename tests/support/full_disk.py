"""Fills a small disk under a SqliteFile and prints what happened, as JSON. Runs in a mount namespace of its own."""

import asyncio
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

from footfall_common.errors import StoreUnavailable
from footfall_common.sqlite import SqliteFile


def insert(connection: sqlite3.Connection) -> int | None:
    return connection.execute("INSERT INTO t (body) VALUES (zeroblob(65536))").lastrowid


def present(connection: sqlite3.Connection) -> list[int]:
    return [n for (n,) in connection.execute("SELECT n FROM t ORDER BY n")]


async def fill(disk: Path) -> dict[str, Any]:
    """Writes until the disk is full, makes room, and writes again: by the same SqliteFile."""
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(1_000_000))
    file = SqliteFile(
        disk / "t.db", ["CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, body BLOB)"], unavailable=StoreUnavailable
    )
    await file.open()
    acknowledged: list[int | None] = []
    refused: list[str] = []
    while len(refused) < 10 and len(acknowledged) < 1_000:
        for outcome in await asyncio.gather(*(file.write(insert) for _ in range(5)), return_exceptions=True):
            if isinstance(outcome, BaseException):
                refused.append(f"{type(outcome).__name__}: {outcome}")
            else:
                acknowledged.append(outcome)
    report: dict[str, Any] = {"refused": refused, "check": await file.check(), "read": await file.read(present)}
    report["acknowledged"] = list(acknowledged)
    ballast.unlink()
    report["check_with_room"] = await file.check()
    report["written_with_room"] = await file.write(insert)
    report["read_with_room"] = await file.read(present)
    await file.close()
    return report


if __name__ == "__main__":
    print(json.dumps(asyncio.run(fill(Path(sys.argv[1])))))  # noqa: T201 - its answer to the test that started it
