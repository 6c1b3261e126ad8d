"""Settings documents, clients and signing keys: `Directory` on SQLite."""

import sqlite3
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from footfall_common.errors import Conflict, NotFound
from footfall_common.sqlite import SqliteFile
from footfall_common.store import ClientRecord, SigningKey, StoredDocument, TenantContext

_DOCUMENT = "SELECT key, revision, published, body FROM documents"
# The change that has waited longest keeps its place while newer ones of the same document arrive.
_PUT = """INSERT INTO documents (key, body, revision, published, change)
    SELECT :key, :body, :revision, 0, coalesce(max(change), 0) + 1 FROM documents WHERE true
    ON CONFLICT DO UPDATE SET body = excluded.body, revision = excluded.revision,
        change = CASE WHEN published < revision THEN change ELSE excluded.change END"""
_CLIENT = "SELECT client, tenant, name, secret, created, scopes, disabled, revoked_before FROM clients"


class EmbeddedDirectory:
    """`Directory`: each write is one transaction."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def get(self, key: bytes) -> StoredDocument | None:
        """One document by its settings-topic key."""
        found = await self._documents(f"{_DOCUMENT} WHERE key = ?", key)
        return found[0] if found else None

    async def of_tenant(self, tenant: TenantContext) -> Sequence[StoredDocument]:
        """All documents whose key begins with the tenant, by key."""
        prefix = tenant.tenant.bytes
        return await self._documents(
            f"{_DOCUMENT} WHERE key BETWEEN ? AND ? ORDER BY key", prefix, prefix + b"\xff" * 17
        )

    async def put(self, key: bytes, body: bytes, revision: int) -> None:
        """Write revision `revision`; Conflict unless the stored one is exactly `revision - 1` (none = 0)."""
        await self._file.write(lambda connection: _put(connection, key, body, revision))

    async def unpublished(self, limit: int) -> Sequence[StoredDocument]:
        """Documents whose published revision is behind, oldest change first."""
        return await self._documents(f"{_DOCUMENT} WHERE published < revision ORDER BY change LIMIT ?", limit)

    async def published(self, key: bytes, revision: int) -> None:
        """Note that this revision is on the topic; one that is noted already stays when it is higher."""
        await self._file.write(
            lambda connection: connection.execute(
                "UPDATE documents SET published = ?2 WHERE key = ?1 AND published < ?2", (key, revision)
            )
        )

    async def client(self, client: UUID) -> ClientRecord | None:
        """A client by its id."""
        found = await self._clients(f"{_CLIENT} WHERE client = ?", client.bytes)
        return found[0] if found else None

    async def clients_of(self, tenant: TenantContext) -> Sequence[ClientRecord]:
        """All clients of a tenant, oldest first."""
        return await self._clients(f"{_CLIENT} WHERE tenant = ? ORDER BY created, name", tenant.tenant.bytes)

    async def add_client(self, record: ClientRecord) -> None:
        """Insert; Conflict when the id or (tenant, name) is taken."""
        await self._file.write(lambda connection: _add_client(connection, record))

    async def update_client(self, record: ClientRecord) -> None:
        """Replace secret, disabled or revoked_before of an existing client; NotFound otherwise."""
        await self._file.write(lambda connection: _update_client(connection, record))

    async def keys(self) -> Sequence[SigningKey]:
        """Identity's signing keys, newest first."""
        statement = "SELECT kid, created, jwk FROM signing_keys ORDER BY created DESC, kid"
        return await self._file.read(lambda connection: [SigningKey(*row) for row in connection.execute(statement)])

    async def add_key(self, key: SigningKey) -> None:
        """Insert a signing key; Conflict when its id is taken."""
        await self._file.write(lambda connection: _add_key(connection, key))

    async def _documents(self, statement: str, *arguments: Any) -> list[StoredDocument]:
        return await self._file.read(
            lambda connection: [StoredDocument(*row) for row in connection.execute(statement, arguments)]
        )

    async def _clients(self, statement: str, *arguments: Any) -> list[ClientRecord]:
        return await self._file.read(
            lambda connection: [_client(*row) for row in connection.execute(statement, arguments)]
        )


def _put(connection: sqlite3.Connection, key: bytes, body: bytes, revision: int) -> None:
    row = connection.execute("SELECT revision FROM documents WHERE key = ?", (key,)).fetchone()
    stands = 0 if row is None else row[0]
    if stands != revision - 1:
        raise Conflict(f"Revision {stands} stands, so {stands + 1} comes next, not {revision}: read again, then write.")
    connection.execute(_PUT, {"key": key, "body": body, "revision": revision})


def _add_client(connection: sqlite3.Connection, record: ClientRecord) -> None:
    added = connection.execute(
        "INSERT OR IGNORE INTO clients VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.client.bytes,
            record.tenant.bytes,
            record.name,
            record.secret,
            record.created,
            " ".join(record.scopes),  # as OAuth writes them; a scope holds no space
            record.disabled,
            record.revoked_before,
        ),
    )
    if not added.rowcount:
        raise Conflict(f"A client named '{record.name}' stands already: rotate its secret instead.", field="name")


def _update_client(connection: sqlite3.Connection, record: ClientRecord) -> None:
    updated = connection.execute(
        "UPDATE clients SET secret = ?, disabled = ?, revoked_before = ? WHERE client = ? AND tenant = ?",
        (record.secret, record.disabled, record.revoked_before, record.client.bytes, record.tenant.bytes),
    )
    if not updated.rowcount:
        raise NotFound(f"No client '{record.name}' stands: add it first.")


def _add_key(connection: sqlite3.Connection, key: SigningKey) -> None:
    if not connection.execute("INSERT OR IGNORE INTO signing_keys VALUES (?, ?, ?)", key).rowcount:
        raise Conflict(f"A signing key '{key.kid}' stands already.")


def _client(
    client: bytes,
    tenant: bytes,
    name: str,
    secret: bytes,
    created: int,
    scopes: str,
    disabled: int,
    revoked_before: int,
) -> ClientRecord:
    return ClientRecord(
        UUID(bytes=client),
        UUID(bytes=tenant),
        name,
        secret,
        created,
        tuple(scopes.split()),
        bool(disabled),
        revoked_before,
    )
