"""`footfall migrate` on a real node: several at once, one that died, one that may not."""

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from footfall_common.errors import Conflict, InvalidInput, StoreUnavailable
from footfall_common.store.cassandra import CassandraSettings
from footfall_common.store.cassandra.migrate import Waiting, migrate
from footfall_common.store.cassandra.migrations import packaged, parse
from footfall_common.store.cassandra.sessions import Administration, administration
from footfall_standalone.cli import build
from footfall_standalone.commands import migrate as migrate_command
from tests.support.servers import CassandraServers
from tests.support.stores import settings_of

pytestmark = [pytest.mark.cassandra, pytest.mark.integration, pytest.mark.timeout(180)]

NAMES = [migration.name for migration in packaged()]


@pytest.fixture(scope="module")
def settings(cassandra: CassandraServers, tmp_path_factory: pytest.TempPathFactory) -> CassandraSettings:
    return settings_of(cassandra, tmp_path_factory.mktemp("cassandra"))


@pytest.fixture(scope="module")
def admin(settings: CassandraSettings) -> Iterator[Administration]:
    with administration(settings) as session:
        yield session


@pytest.fixture
def name(admin: Administration) -> Iterator[str]:
    """A keyspace that is not there yet."""
    made = f"footfall_test_{uuid.uuid4().hex[:12]}"
    yield made
    admin.change(f"DROP KEYSPACE IF EXISTS {made}")


def tables(admin: Administration, name: str) -> set[str]:
    rows = admin.rows("SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", name)
    return {table for (table,) in rows}


class TestMigrate:
    def test_a_second_run_finds_nothing_to_do(
        self, settings: CassandraSettings, admin: Administration, name: str
    ) -> None:
        said: list[str] = []
        assert list(migrate(settings, name, packaged(), Waiting(say=said.append))) == NAMES
        assert [line for line in said if line.endswith("applied")] == [f"{name} applied" for name in NAMES]
        assert list(migrate(settings, name, packaged(), Waiting())) == []
        assert {"event_ids", "segments", "documents"} <= tables(admin, name)

    def test_of_several_at_once_one_works_and_the_others_wait(
        self, settings: CassandraSettings, admin: Administration, name: str
    ) -> None:
        with ThreadPoolExecutor(3) as pool:
            runs = [pool.submit(migrate, settings, name, packaged(), Waiting(poll=0.05)) for _ in range(3)]
            applied = [list(run.result()) for run in runs]
        assert sorted(applied) == [[], [], NAMES]
        assert admin.rows(f"SELECT * FROM {name}.schema_lock") == []

    def test_one_that_died_in_the_middle_goes_on(
        self, settings: CassandraSettings, admin: Administration, name: str
    ) -> None:
        first = packaged()[0]
        cut = first._replace(statements=[*first.statements[:2], "CREATE TABLE what is this"])
        with pytest.raises(StoreUnavailable, match="what"):
            migrate(settings, name, [cut], Waiting())
        assert len(tables(admin, name)) == 2 + 2
        assert list(migrate(settings, name, packaged(), Waiting())) == NAMES

    def test_a_runner_that_is_gone_blocks_no_longer_than_its_lock_lives(
        self, settings: CassandraSettings, admin: Administration, name: str
    ) -> None:
        migrate(settings, name, [], Waiting())
        _lock(admin, name, seconds=3)
        with pytest.raises(Conflict, match="Another runner"):
            migrate(settings, name, packaged(), Waiting(seconds=0, poll=0.05))
        said: list[str] = []
        assert list(migrate(settings, name, packaged(), Waiting(poll=0.05, say=said.append))) == NAMES
        assert "waiting for it" in said[0]

    def test_a_runner_whose_lock_went_to_another_stops(
        self, settings: CassandraSettings, admin: Administration, name: str
    ) -> None:
        def usurp(line: str) -> None:
            if line.endswith("applied"):
                admin.rows(f"UPDATE {name}.schema_lock SET holder = %s WHERE name = 'schema' IF EXISTS", uuid.uuid4())

        with pytest.raises(Conflict, match="went to another"):
            migrate(settings, name, packaged(), Waiting(say=usurp))
        assert admin.rows(f"SELECT number FROM {name}.schema_migrations") == [(1,)]

    def test_an_applied_file_is_not_edited(self, settings: CassandraSettings, name: str) -> None:
        one = parse("0001_a.cql", "CREATE TABLE IF NOT EXISTS a (b int PRIMARY KEY)")
        migrate(settings, name, [one], Waiting())
        migrate(
            settings,
            name,
            [parse("0001_a.cql", "-- why\nCREATE TABLE IF NOT EXISTS a\n (b int PRIMARY KEY);")],
            Waiting(),
        )
        edited = parse("0001_a.cql", "CREATE TABLE IF NOT EXISTS a (b text PRIMARY KEY)")
        with pytest.raises(Conflict, match="never edited"):
            migrate(settings, name, [edited], Waiting())

    @pytest.mark.parametrize("wrong", ["", "A", "a-b", "a; DROP KEYSPACE b", "1a", "x" * 49])
    def test_a_name_that_is_none_is_refused(self, settings: CassandraSettings, wrong: str) -> None:
        with pytest.raises(InvalidInput, match="no name of a keyspace"):
            migrate(settings, wrong, packaged(), Waiting())

    def test_a_role_that_may_not_is_told_what(
        self, settings: CassandraSettings, admin: Administration, name: str, tmp_path: Path
    ) -> None:
        password = tmp_path / "password"
        password.write_text("nothing", "utf-8")
        admin.rows(f"CREATE ROLE {name} WITH LOGIN = true AND PASSWORD = 'nothing'")
        weak = settings.model_copy(update={"user": name, "password_file": password})
        try:
            with pytest.raises(StoreUnavailable, match=rf"'{name}' may not: CREATE KEYSPACE"):
                migrate(weak, name, packaged(), Waiting())
        finally:
            admin.rows(f"DROP ROLE {name}")


class TestCommand:
    def test_it_says_what_it_did(self, settings: CassandraSettings, name: str) -> None:
        first = run(settings, "--keyspace", name)
        assert first.exit_code == 0, first.output
        assert [line for line in first.stdout.splitlines() if "applied" in line] == [f"{one} applied" for one in NAMES]
        assert "nothing to do" in run(settings, "--keyspace", name).stdout
        assert json.loads(run(settings, "--keyspace", name, "--json").stdout) == {"keyspace": name, "applied": []}

    def test_a_lock_of_another_is_exit_code_3(
        self, settings: CassandraSettings, admin: Administration, name: str
    ) -> None:
        run(settings, "--keyspace", name)
        _lock(admin, name, seconds=20)
        ended = run(settings, "--keyspace", name, "--wait", "0")
        assert code(ended) == 3

    def test_no_cluster_is_exit_code_4(self, settings: CassandraSettings) -> None:
        ended = run(settings.model_copy(update={"hosts": ("127.0.0.1",), "port": 1}), "--keyspace", "a")
        assert code(ended) == 4

    def test_help_names_what_the_role_needs(self) -> None:
        shown = CliRunner().invoke(
            build({"migrate": migrate_command.command, "other": lambda: None}), ["migrate", "--help"]
        )
        assert "CREATE and ALTER" in " ".join(shown.output.replace("│", " ").split())


def code(ended: Result) -> int:
    return int(getattr(ended.exception, "code", ended.exit_code))


def run(settings: CassandraSettings, *arguments: str) -> Result:
    given = settings.model_dump(exclude_none=True, exclude_defaults=True)
    environ = {
        f"FOOTFALL_CASSANDRA_{key.upper()}": ",".join(value) if isinstance(value, tuple) else str(value)
        for key, value in given.items()
    }
    app = build({"migrate": migrate_command.command, "other": lambda: None})
    return CliRunner().invoke(app, ["migrate", *arguments], env=environ)


def _lock(admin: Administration, name: str, seconds: int) -> None:
    admin.rows(
        f"INSERT INTO {name}.schema_lock (name, holder) VALUES ('schema', %s) IF NOT EXISTS USING TTL {seconds}",
        uuid.uuid4(),
    )
