"""`footfall migrate`: the schema of a keyspace on Cassandra."""

import os
from typing import Annotated

import msgspec
import typer

from footfall_common.documents import NIL
from footfall_common.errors import Conflict, StoreUnavailable
from footfall_common.placement import Placement, names
from footfall_common.store.cassandra import CassandraSettings
from footfall_common.store.cassandra.migrate import Waiting, migrate
from footfall_common.store.cassandra.migrations import packaged
from footfall_standalone.commands.options import AsJson
from footfall_standalone.exits import CommandFailed, ExitCode

_POOLED = names(NIL, Placement.POOLED).keyspace


class Report(msgspec.Struct, frozen=True):
    """The output of --json: the migrations that were applied just now, in their order."""

    keyspace: str
    applied: tuple[str, ...]


def command(
    keyspace: Annotated[str, typer.Option(metavar="NAME", help="The keyspace; made when it is missing.")] = _POOLED,
    wait: Annotated[float, typer.Option(metavar="SECONDS", min=0, help="How long to wait for another runner.")] = 300.0,
    *,
    as_json: AsJson = False,
) -> None:
    """Bring a keyspace on Cassandra to this release's schema; nothing is done where it stands already.

    Run it before a new release's processes start: they never change a schema, and say so when theirs is missing.
    It may be run again after whatever ended it, and by several at once: one works, the others wait for it.

    The cluster, the role and its password's file are settings, `FOOTFALL_CASSANDRA_*` in docs/settings.md. The role
    needs CREATE and ALTER on the keyspace, and SELECT and MODIFY on its tables; CREATE on all keyspaces to make it.

    Examples:

    - `FOOTFALL_CASSANDRA_HOSTS=db-0,db-1 footfall migrate`

    - `footfall migrate --keyspace footfall_t_0f8fad5bd9cb469fa16570867728950e --json`
    """
    settings = CassandraSettings.load(os.environ)
    say = (lambda line: typer.echo(line, err=True)) if as_json else typer.echo
    try:
        applied = migrate(settings, keyspace, packaged(), Waiting(seconds=wait, say=say))
    except StoreUnavailable as error:
        raise CommandFailed(error.message, ExitCode.UNREACHABLE) from error
    except Conflict as error:
        code = ExitCode.IN_USE if error.code == "locked" else ExitCode.INVALID
        raise CommandFailed(error.message, code) from error
    if as_json:
        typer.echo(msgspec.json.encode(Report(keyspace, tuple(applied))).decode())
    elif not applied:
        typer.echo(f"{keyspace} stands as this release needs it; nothing to do.")
