"""Brings a keyspace to this release's schema: `footfall migrate`. Nothing else changes a schema.

    applied = migrate(settings, "footfall_pooled", packaged(), Waiting())

One runner at a time holds a lock row, which dies with it after LOCK_SECONDS; others wait. Each file is recorded with
its checksum once its last statement is done.
"""

# ruff: noqa: S608 - a keyspace's name is checked first, all else in a statement is a constant

import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from footfall_common.clock import NewId, new_id
from footfall_common.errors import Conflict, InvalidInput
from footfall_common.store.cassandra.migrations import Migration
from footfall_common.store.cassandra.sessions import Administration, administration
from footfall_common.store.cassandra.settings import CassandraSettings

LOCK_SECONDS: Final = 60
"""How long a lock outlives its holder. A statement takes less, with the wait until every node knows of it."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
_NAMESPACE: Final = uuid.UUID("6a0c1a3c-5f0f-4c3e-9d0e-3d8f4b9f7a11")

_LOCK: Final = "CREATE TABLE IF NOT EXISTS {keyspace}.schema_lock (name text PRIMARY KEY, holder uuid) WITH id = {id}"
_RECORD: Final = """CREATE TABLE IF NOT EXISTS {keyspace}.schema_migrations (
    shard tinyint, number int, name text, checksum text, PRIMARY KEY ((shard), number)) WITH id = {id}"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How to wait for another runner: at most `seconds`, looking every `poll`; `say` hears what is done."""

    seconds: float = 300
    poll: float = 0.5
    say: Callable[[str], None] = lambda _: None
    new_id: NewId = new_id


def migrate(
    settings: CassandraSettings, keyspace: str, migrations: Sequence[Migration], waiting: Waiting
) -> Sequence[str]:
    """Apply what is missing; returns its names. Blocks.

    Raises Conflict when another runner holds the lock for too long or an applied file was edited, StoreUnavailable when
    the cluster does not answer or does not allow it. It may be run again after any of them.
    """
    if not _NAME.fullmatch(keyspace):
        raise InvalidInput(
            f"'{keyspace}' is no name of a keyspace: a small letter, then small letters, digits and _, 48 at most.",
            field="keyspace",
        )
    with administration(settings) as session:
        _make_keyspace(session, settings, keyspace, waiting.say)
        for table, statement in (("schema_lock", _LOCK), ("schema_migrations", _RECORD)):
            # The same id whoever makes it: two runners on two nodes would otherwise make two tables of one name.
            session.change(statement.format(keyspace=keyspace, id=uuid.uuid5(_NAMESPACE, f"{keyspace}.{table}")))
        with _lock(session, keyspace, waiting) as renew:
            return _apply(session, keyspace, migrations, renew, waiting.say)


def _make_keyspace(
    session: Administration, settings: CassandraSettings, keyspace: str, say: Callable[[str], None]
) -> None:
    """Looked for first: a role that may not make keyspaces may well have been given one."""
    if session.rows("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = %s", keyspace):
        return
    replication = f"{{'class': 'NetworkTopologyStrategy', '{settings.local_dc}': {settings.replication}}}"
    session.change(f"CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {replication}")
    say(f"keyspace {keyspace} made, {settings.replication} copies in {settings.local_dc}")


@contextmanager
def _lock(session: Administration, keyspace: str, waiting: Waiting) -> Iterator[Callable[[], None]]:
    """Holds the lock; what it gives renews it, and raises Conflict when it is another's by now."""
    holder = waiting.new_id()
    table = f"{keyspace}.schema_lock"
    take = f"INSERT INTO {table} (name, holder) VALUES ('schema', %s) IF NOT EXISTS USING TTL {LOCK_SECONDS}"
    keep = f"UPDATE {table} USING TTL {LOCK_SECONDS} SET holder = %s WHERE name = 'schema' IF holder = %s"
    until = time.monotonic() + waiting.seconds
    told = False
    while not (outcome := session.rows(take, holder)[0])[0] and holder not in outcome:
        if time.monotonic() > until:
            raise Conflict(
                f"Another runner has been changing {keyspace} for more than {waiting.seconds:g} s; see what it does. "
                f"Where it died, its lock is gone {LOCK_SECONDS} s later.",
                code="locked",
            )
        if not told:
            waiting.say(f"another runner is changing {keyspace}; waiting for it")
            told = True
        time.sleep(waiting.poll)

    def renew() -> None:
        if not session.rows(keep, holder, holder)[0][0]:
            raise Conflict(f"The lock on {keyspace} went to another runner meanwhile; run this again.", code="locked")

    try:
        yield renew
    finally:
        session.rows(f"DELETE FROM {table} WHERE name = 'schema' IF holder = %s", holder)


def _apply(
    session: Administration,
    keyspace: str,
    migrations: Sequence[Migration],
    renew: Callable[[], None],
    say: Callable[[str], None],
) -> Sequence[str]:
    recorded = session.rows(f"SELECT number, checksum FROM {keyspace}.schema_migrations WHERE shard = 0")
    done: dict[int, str] = dict(recorded)
    applied: list[str] = []
    session.use(keyspace)
    for number, name, statements, checksum in migrations:
        if number in done:
            _refuse_edited(name, done[number], checksum)
            continue
        for statement in statements:
            renew()
            session.change(statement)
        renew()
        record = f"INSERT INTO {keyspace}.schema_migrations (shard, number, name, checksum) VALUES (0, %s, %s, %s)"
        session.rows(record, number, name, checksum)
        say(f"{name} applied")
        applied.append(name)
    return applied


def _refuse_edited(name: str, recorded: str, checksum: str) -> None:
    if recorded != checksum:
        raise Conflict(
            f"{name} was applied with other statements (checksum {recorded[:12]}, now {checksum[:12]}): an applied "
            "migration is never edited. Restore the file, and write the change as a new one.",
            code="migration_edited",
        )
