"""Settings documents, clients and signing keys: `Directory` on Cassandra, by conditional writes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from footfall_common.errors import Conflict, NotFound
from footfall_common.store import ClientRecord, SigningKey, TenantContext
from footfall_common.store.cassandra import statements
from footfall_common.store.cassandra.documents import Documents
from footfall_common.store.cassandra.encoding import bigint


class CassandraDirectory(Documents):
    """`Directory`. A client stands under its tenant and name; its id, taken once in all tenants, leads there."""

    async def client(self, client: UUID) -> ClientRecord | None:
        """A client by its id."""
        for tenant, name in await self._calls().one(statements.CLIENT_ID, client.bytes):
            standing = await self._standing(tenant, name)
            return standing if standing is not None and standing.client == client else None
        return None

    async def clients_of(self, tenant: TenantContext) -> Sequence[ClientRecord]:
        """All clients of a tenant, oldest first."""
        rows = await self._calls().one(statements.CLIENTS, tenant.tenant.bytes)
        return sorted(map(_client, rows), key=lambda record: (record.created, record.name))

    async def add_client(self, record: ClientRecord) -> None:
        """Insert; Conflict when the id or (tenant, name) is taken. One that a crash cut short may be added again."""
        async with self._turn:
            claimed = await self._claim(record)
            if await self._applied(statements.ADD_CLIENT, *_values(record)):
                return
            standing = await self._standing(record.tenant, record.name)
            if claimed and (standing is None or standing.client != record.client):
                of, name = record.tenant.bytes, record.name.encode()
                await self._applied(statements.RELEASE_ID, record.client.bytes, of, name)
            raise Conflict(f"A client named '{record.name}' stands already: rotate its secret instead.", field="name")

    async def update_client(self, record: ClientRecord) -> None:
        """Replace secret, disabled or revoked_before of an existing client; NotFound otherwise."""
        changed = record.secret, _boolean(record.disabled), bigint(record.revoked_before)
        place = record.tenant.bytes, record.name.encode(), record.client.bytes
        async with self._turn:
            if not await self._applied(statements.UPDATE_CLIENT, *changed, *place):
                raise NotFound(f"No client '{record.name}' stands: add it first.")

    async def keys(self) -> Sequence[SigningKey]:
        """Identity's signing keys, newest first."""
        rows = await self._calls().one(statements.KEYS)
        return sorted((SigningKey(*row) for row in rows), key=lambda key: (-key.created, key.kid))

    async def add_key(self, key: SigningKey) -> None:
        """Insert a signing key; Conflict when its id is taken."""
        async with self._turn:
            if not await self._applied(statements.ADD_KEY, key.kid.encode(), bigint(key.created), key.jwk):
                raise Conflict(f"A signing key '{key.kid}' stands already.")

    async def _claim(self, record: ClientRecord) -> bool:
        """Whether the id was free; it may lead to this client's place already. Conflict where it leads elsewhere."""
        of, name = record.tenant, record.name
        if await self._applied(statements.CLAIM_ID, record.client.bytes, of.bytes, name.encode()):
            return True
        if list(await self._calls().one(statements.CLIENT_ID, record.client.bytes)) != [(of, name)]:
            raise Conflict("This client id is another client's: make a new one.", field="client")
        return False

    async def _standing(self, tenant: UUID, name: str) -> ClientRecord | None:
        rows = await self._calls().one(statements.CLIENT, tenant.bytes, name.encode())
        return _client(rows[0]) if rows else None

    async def _applied(self, text: str, *values: bytes) -> bool:
        return bool((await self._calls().one(text, *values))[0][0])


def _boolean(value: bool) -> bytes:  # noqa: FBT001 - it is the value that is encoded
    return b"\x01" if value else b"\x00"


def _values(record: ClientRecord) -> tuple[bytes, ...]:
    return (
        record.client.bytes,
        record.tenant.bytes,
        record.name.encode(),
        record.secret,
        bigint(record.created),
        " ".join(record.scopes).encode(),  # as OAuth writes them; a scope holds no space
        _boolean(record.disabled),
        bigint(record.revoked_before),
    )


def _client(row: tuple[Any, ...]) -> ClientRecord:
    client, tenant, name, secret, created, scopes, disabled, revoked_before = row
    return ClientRecord(client, tenant, name, secret, created, tuple(scopes.split()), disabled, revoked_before)
