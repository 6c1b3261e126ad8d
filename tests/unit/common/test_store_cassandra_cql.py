"""What every statement on Cassandra, and the code around it, must keep to."""

import ast
import re
from pathlib import Path

import pytest

import footfall_common.store.cassandra as adapter
from footfall_common.store.cassandra import statements
from footfall_common.store.cassandra.migrations import packaged

WITHOUT_TENANT = {"client_ids", "schema_migrations", "signing_keys"}
"""Tables that are not a tenant's."""
ACROSS_TENANTS = {statements.ALL_PENDING}
"""Statements that read a tenant's table for all tenants: which documents are not published yet."""

TABLES = {
    matched[1]: statement
    for migration in packaged()
    for statement in migration.statements
    if (matched := re.match(r"CREATE TABLE IF NOT EXISTS (\w+)", statement))
}
TEXTS = {name: text for name, text in vars(statements).items() if text in statements.ALL and isinstance(text, str)}
SOURCES = sorted(Path(adapter.__file__).parent.rglob("*.py"))


def table_of(text: str) -> str:
    matched = re.search(r"\b(?:FROM|INTO|UPDATE) (\w+)", text)
    assert matched is not None
    return matched[1]


def test_all_texts_are_found() -> None:
    assert len(TEXTS) == len(statements.ALL) > 30
    assert len(TABLES) > 10


@pytest.mark.parametrize("name", TEXTS)
def test_a_statement_on_a_tenants_table_names_the_tenant(name: str) -> None:
    text = TEXTS[name]
    if table_of(text) in WITHOUT_TENANT or text in ACROSS_TENANTS:
        return
    if text.startswith("INSERT"):
        columns, values = re.findall(r"\(([^()]*)\)", text)[:2]
        bound = dict(zip(columns.split(", "), values.split(", "), strict=True))
        assert bound["tenant"] == "?"
    else:
        assert re.search(r"\bWHERE\b.*\btenant = \?", text, re.DOTALL)


@pytest.mark.parametrize("name", TEXTS)
def test_a_statement_names_a_table_of_the_migrations(name: str) -> None:
    assert table_of(TEXTS[name]) in {*TABLES, "schema_migrations"}


@pytest.mark.parametrize("table", TABLES)
def test_a_tenants_table_is_partitioned_by_tenant_first(table: str) -> None:
    partition = re.search(r"PRIMARY KEY \(\(([^)]*)\)", TABLES[table])
    assert partition is not None
    assert partition[1].split(", ")[0] == "tenant" or table in {*WITHOUT_TENANT, "unpublished_documents"}


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_written_of_a_tenants_events_expires(name: str) -> None:
    kept = {"documents", "unpublished_documents", "clients", "client_ids", "signing_keys"}
    text = TEXTS[name]
    if text.startswith(("INSERT", "UPDATE")) and table_of(text) not in kept:
        assert re.search(r"\bTTL \?", text)


@pytest.mark.parametrize("table", TABLES)
def test_every_table_says_how_it_is_compacted(table: str) -> None:
    assert "UnifiedCompactionStrategy" in TABLES[table]


def test_every_migration_may_be_done_again() -> None:
    for migration in packaged():
        assert all("IF NOT EXISTS" in statement for statement in migration.statements)


def test_migrations_are_numbered_without_gap() -> None:
    assert [migration.number for migration in packaged()] == list(range(1, len(packaged()) + 1))


def importers(module: str, names: set[str]) -> set[str]:
    found = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == module and names & {one.name for one in node.names}:
                found.add(source.name)
            if isinstance(node, ast.Import) and any(one.name.split(".")[0] == "cassandra" for one in node.names):
                found.add(source.name)
    return found


def test_the_raw_session_is_imported_in_one_place() -> None:
    assert importers("cassandra.cluster", {"Cluster", "Session"}) == {"sessions.py"}
    assert importers("cassandra", {"cluster"}) == set()


def test_a_text_is_bound_to_its_keyspace_where_its_table_stands() -> None:
    assert statements.within("ks", "SELECT a FROM t WHERE b = ?") == "SELECT a FROM ks.t WHERE b = ?"
    for text in statements.ALL:
        bound = statements.within("ks", text)
        assert bound.count("ks.") == 1
        assert f"ks.{table_of(text)}" in bound
