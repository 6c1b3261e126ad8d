"""A SqliteFile: what a group shares, and what it does not."""

import asyncio
import json
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from footfall_common.errors import Conflict, StoreUnavailable
from footfall_common.sqlite import SqliteFile
from footfall_common.testing import eventually

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS child (n INTEGER REFERENCES t (n) DEFERRABLE INITIALLY DEFERRED)",
)
ROOT = Path(__file__).parents[3]


def new(path: Path) -> SqliteFile:
    return SqliteFile(path, SCHEMA, unavailable=StoreUnavailable)


def insert(n: int) -> Callable[[sqlite3.Connection], int]:
    def work(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO t VALUES (?)", (n,))
        return n

    return work


def raising(error: BaseException, *, after: int | None = None) -> Callable[[sqlite3.Connection], None]:
    def work(connection: sqlite3.Connection) -> None:
        if after is not None:
            insert(after)(connection)
        raise error

    return work


def present(connection: sqlite3.Connection) -> list[int]:
    return [n for (n,) in connection.execute("SELECT n FROM t ORDER BY n")]


def names(folder: Path) -> list[str]:
    return sorted(found.name for found in folder.iterdir())


class Gate:
    """A work that holds the writer's thread until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()

    def __call__(self, connection: sqlite3.Connection) -> None:
        self.entered.set()
        assert self.open.wait(10)


async def grouped(file: SqliteFile, *works: Callable[[sqlite3.Connection], Any]) -> list[Any]:
    """The outcomes of works that share one group: they come while the writer is held."""
    gate = Gate()
    first = asyncio.create_task(file.write(gate))
    await eventually(gate.entered.is_set)
    tasks = [asyncio.create_task(file.write(work)) for work in works]
    await eventually(lambda: len(file._waiting) == len(works))
    gate.open.set()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteFile]:
    file = new(tmp_path / "t.db")
    await file.open()
    yield file
    await file.close()


class TestGroups:
    async def test_those_that_wait_share_one_commit(self, file: SqliteFile) -> None:
        seen: list[str] = []
        await file.write(lambda connection: connection.set_trace_callback(seen.append))
        seen.clear()
        assert await grouped(file, *(insert(n) for n in range(20))) == list(range(20))
        await file.write(lambda connection: connection.set_trace_callback(None))
        assert seen.count("COMMIT") == 2  # the gate's, then the group's
        assert await file.read(present) == list(range(20))

    @pytest.mark.parametrize("after", [None, 7])
    @pytest.mark.parametrize("error", [Conflict("taken"), ValueError("bug"), StopAsyncIteration()])
    async def test_a_work_that_raises_fails_alone_and_leaves_nothing(
        self, file: SqliteFile, error: Exception, after: int | None
    ) -> None:
        outcomes = await grouped(file, insert(1), raising(error, after=after), insert(2))
        assert outcomes == [1, error, 2]
        assert await file.read(present) == [1, 2]
        assert await file.check() is None

    @pytest.mark.parametrize(
        ("value", "error"),
        [(1, sqlite3.IntegrityError), (2**70, OverflowError), (object(), sqlite3.ProgrammingError)],
    )
    async def test_a_wrong_value_is_its_senders_fault_alone(
        self, file: SqliteFile, value: Any, error: type[Exception]
    ) -> None:
        outcomes = await grouped(file, insert(1), insert(value), insert(2))
        assert [outcomes[0], type(outcomes[1]), outcomes[2]] == [1, error, 2]
        assert await file.read(present) == [1, 2]
        assert await file.check() is None

    async def test_a_failure_of_the_file_fails_the_whole_group(self, file: SqliteFile) -> None:
        outcomes = await grouped(file, insert(1), raising(sqlite3.OperationalError("disk I/O error")), insert(2))
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
        assert all(isinstance(outcome.__cause__, sqlite3.OperationalError) for outcome in outcomes)
        assert await file.read(present) == []
        assert await file.write(insert(3)) == 3

    async def test_a_failed_commit_fails_every_waiter_and_the_next_goes_on(self, file: SqliteFile) -> None:
        await file.write(insert(1))
        connection = await file.write(lambda connection: connection)
        connection.execute("PRAGMA foreign_keys = ON")  # between transactions: inside one it has no effect

        def orphan(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO child VALUES (404)")  # found out at COMMIT

        outcomes = await grouped(file, insert(2), orphan, insert(3))
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
        assert await file.check() is None
        assert await file.write(insert(4)) == 4
        assert await file.read(present) == [1, 4]

    async def test_what_is_written_before_the_file_fails_does_not_stand(self, file: SqliteFile) -> None:
        with pytest.raises(StoreUnavailable):
            await file.write(raising(sqlite3.DatabaseError("database disk image is malformed"), after=1))
        assert await file.check() is None
        assert await file.read(present) == []


class TestCancelling:
    async def test_the_work_of_a_caller_that_left_stands(self, file: SqliteFile) -> None:
        gate = Gate()
        first = asyncio.create_task(file.write(gate))
        await eventually(gate.entered.is_set)
        leaving, staying = [asyncio.create_task(file.write(insert(n))) for n in (1, 2)]
        await eventually(lambda: len(file._waiting) == 2)
        leaving.cancel()
        gate.open.set()
        assert await staying == 2
        assert leaving.cancelled()
        await first
        assert await file.read(present) == [1, 2]

    async def test_when_the_writers_task_is_cut_off_its_callers_hear_of_it(self, file: SqliteFile) -> None:
        gate = Gate()
        callers: list[asyncio.Task[Any]] = [asyncio.create_task(file.write(gate))]
        await eventually(gate.entered.is_set)
        callers.append(asyncio.create_task(file.write(insert(1))))
        await eventually(lambda: len(file._waiting) == 1)
        assert file._busy is not None
        file._busy.cancel()
        outcomes = await asyncio.gather(*callers, return_exceptions=True)
        gate.open.set()
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 2
        assert await file.write(insert(2)) == 2


class TestClosing:
    async def test_what_waits_is_finished_and_what_comes_is_refused(self, tmp_path: Path) -> None:
        file = new(tmp_path / "t.db")
        await file.open()
        gate = Gate()
        first = asyncio.create_task(file.write(gate))
        await eventually(gate.entered.is_set)
        second = asyncio.create_task(file.write(insert(1)))
        await eventually(lambda: len(file._waiting) == 1)
        closing = asyncio.create_task(file.close())
        await eventually(lambda: file._closed)
        for refused in (file.write(insert(2)), file.read(present)):
            with pytest.raises(StoreUnavailable):
                await refused
        gate.open.set()
        await asyncio.gather(first, second, closing)
        await file.close()
        again = new(tmp_path / "t.db")
        await again.open()
        assert await again.read(present) == [1]
        await again.close()

    async def test_it_leaves_one_file_and_no_thread(self, tmp_path: Path) -> None:
        file = new(tmp_path / "t.db")
        await file.open()
        await asyncio.gather(*(file.read(present) for _ in range(8)), file.write(insert(1)))
        await file.close()
        assert names(tmp_path) == ["t.db"]
        assert not [thread for thread in threading.enumerate() if thread.name.startswith(("t-write", "t-read"))]

    async def test_one_that_never_opened_closes(self, tmp_path: Path) -> None:
        await new(tmp_path / "t.db").close()
        assert names(tmp_path) == []


class TestReading:
    async def test_a_read_sees_one_moment(self, file: SqliteFile) -> None:
        entered, go_on = threading.Event(), threading.Event()

        def twice(connection: sqlite3.Connection) -> tuple[list[int], list[int]]:
            before = present(connection)
            entered.set()
            assert go_on.wait(10)
            return before, present(connection)

        reading = asyncio.create_task(file.read(twice))
        await eventually(entered.is_set)
        await file.write(insert(1))
        go_on.set()
        assert await reading == ([], [])
        assert await file.read(present) == [1]

    @pytest.mark.parametrize(
        ("statement", "error"),
        [
            ("SELECT * FROM nowhere", StoreUnavailable),
            ("INSERT INTO t VALUES (1)", StoreUnavailable),
            ("SELECT ?", sqlite3.ProgrammingError),
        ],
    )
    async def test_a_failed_read_costs_no_connection(
        self, file: SqliteFile, statement: str, error: type[Exception]
    ) -> None:
        for _ in range(10):
            with pytest.raises(error):
                await file.read(lambda connection: connection.execute(statement))
        assert await file.read(present) == []
        assert len(file._opened) <= 2

    async def test_what_a_read_raises_comes_through_and_its_snapshot_ends(self, file: SqliteFile) -> None:
        for _ in range(4):
            with pytest.raises(Conflict):
                await file.read(raising(Conflict("taken")))
        await file.write(insert(1))
        assert await asyncio.gather(*(file.read(present) for _ in range(4))) == [[1]] * 4
        await file.write(lambda _: None)
        emptied = file._writer.submit(
            lambda: file._connection and file._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        ).result()
        assert emptied == (0, 0, 0)  # not busy: no reader holds a snapshot

    async def test_before_anything_was_written_there_is_nothing_to_read(self, tmp_path: Path) -> None:
        file = new(tmp_path / "t.db")
        with pytest.raises(StoreUnavailable):
            await file.read(present)
        assert names(tmp_path) == []
        await file.close()


class TestTheFile:
    async def test_only_its_owner_reads_it(self, file: SqliteFile) -> None:
        await file.write(insert(1))
        modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in file.path.parent.iterdir()}
        assert modes == {"t.db": 0o600, "t.db-wal": 0o600, "t.db-shm": 0o600}

    async def test_every_commit_is_synced_and_freed_pages_can_leave(self, file: SqliteFile) -> None:
        def settings(connection: sqlite3.Connection) -> list[Any]:
            names = ("journal_mode", "synchronous", "auto_vacuum")
            return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

        assert await file.write(settings) == ["wal", 2, 2]

    async def test_it_recovers_once_its_folder_is_there(self, tmp_path: Path) -> None:
        file = new(tmp_path / "missing" / "t.db")
        with pytest.raises(StoreUnavailable):
            await file.open()
        assert "t.db" in (await file.check() or "")
        (tmp_path / "missing").mkdir()
        assert await file.check() is None
        assert await file.write(insert(1)) == 1
        await file.close()

    async def test_what_is_no_database_is_refused_and_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "t.db"
        path.write_bytes(b"not a database, but somebody's file" * 300)
        file = new(path)
        with pytest.raises(StoreUnavailable, match="not a database"):
            await file.open()
        assert "not a database" in (await file.check() or "")
        await file.close()
        assert path.read_bytes() == b"not a database, but somebody's file" * 300

    async def test_a_file_that_may_not_grow_takes_writes_once_it_may(self, file: SqliteFile) -> None:
        def no_more_pages(connection: sqlite3.Connection) -> None:
            connection.execute("PRAGMA max_page_count = 1")  # SQLite's own limit; it answers as for a full disk

        def much(connection: sqlite3.Connection) -> None:
            connection.execute("CREATE TABLE IF NOT EXISTS much AS SELECT zeroblob(100000) AS body")

        await file.write(no_more_pages)
        outcomes = await grouped(file, insert(1), much)
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 2
        assert "full" in outcomes[0].message
        assert await file.write(insert(2)) == 2
        assert await file.read(present) == [2]


@pytest.fixture
def small_disk(tmp_path: Path) -> list[str]:
    """The command that runs another on a tmpfs of 3 MB at `tmp_path`, in a namespace that ends with the process."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(tmp_path)]
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", 'eval "$0" && exec "$@"', " ".join(mount)]
    if subprocess.run([*command, "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs a mount namespace (unshare --map-root-user --mount) for a small disk")
    return command


def test_a_full_disk_is_said_and_recovered_from_without_restart(small_disk: list[str], tmp_path: Path) -> None:
    ran = subprocess.run(
        [*small_disk, sys.executable, "-m", "tests.support.full_disk", str(tmp_path)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert len(report["refused"]) >= 10
    assert all(said.startswith("StoreUnavailable: The data file does not take writes") for said in report["refused"])
    assert len(report["acknowledged"]) >= 5
    assert report["read"] == report["acknowledged"]
    assert report["check_with_room"] is None
    assert report["read_with_room"] == [*report["acknowledged"], report["written_with_room"]]
