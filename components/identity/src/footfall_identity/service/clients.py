"""The clients of tenants: made, rotated, disabled, revoked.

What changes is stored first and published next, and answered last: a call that failed halfway is safe to repeat.
"""

import asyncio
import uuid
from collections.abc import Callable, Sequence

from footfall_common.auth import TRACKING_API
from footfall_common.clock import Clock, NewId
from footfall_common.errors import Conflict, NotFound
from footfall_common.pipeline.relay import Relay
from footfall_common.store import ClientRecord, Directory
from footfall_common.tenancy import TenantContext
from footfall_identity.models import ClientMade, digest, new_secret
from footfall_identity.repository import Documents


class Clients:
    """Serialises changes: a record is replaced whole, so two changes at once could undo one another."""

    def __init__(
        self,
        directory: Directory,
        relay: Relay,
        clock: Clock,
        *,
        new_id: NewId,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._directory = directory
        self._documents = Documents(directory)
        self._relay = relay
        self._clock = clock
        self._new_id = new_id
        self._random_bytes = random_bytes
        self._turn = asyncio.Lock()

    async def of(self, tenant: uuid.UUID) -> Sequence[ClientRecord]:
        """All clients of a tenant, disabled ones too."""
        return await self._directory.clients_of(TenantContext(tenant))

    async def create(self, tenant: uuid.UUID, name: str) -> ClientMade:
        """A new client; a disabled one of that name comes back with a new secret. Conflict where the name is taken."""
        async with self._turn:
            existing = await self._find(tenant, name)
            if existing is not None and existing.disabled:
                return await self._renew(existing)
            if existing is not None:
                raise Conflict(
                    f"The client {name} is there already; rotate it for a new secret.", code="name_taken", field="name"
                )
            client, secret = self._new_id(), new_secret(self._random_bytes)
            # The document goes first: services refuse tokens of clients they have never heard of.
            await self._publish(tenant, client, revoked_before=0, deleted=False)
            record = ClientRecord(client, tenant, name, digest(secret), self._clock.now_ms(), (TRACKING_API,))
            await self._directory.add_client(record)
            return ClientMade(client, secret)

    async def rotate(self, tenant: uuid.UUID, name: str) -> ClientMade:
        """A new secret; the old one and every token made with it stop to hold. Conflict for a disabled client."""
        async with self._turn:
            record = await self._get(tenant, name)
            if record.disabled:
                raise Conflict(f"The client {name} is disabled; create it anew.", code="client_disabled", field="name")
            return await self._renew(record)

    async def disable(self, tenant: uuid.UUID, name: str) -> None:
        """No token for it, and none of its tokens holds, until it is created again."""
        async with self._turn:
            record = await self._get(tenant, name)
            await self._directory.update_client(record._replace(disabled=True))
            await self._publish(tenant, record.client, revoked_before=record.revoked_before, deleted=True)

    async def revoke(self, client: uuid.UUID, before: int) -> None:
        """Tokens of this client issued before that time (ms) no longer hold; NotFound where there is no such client."""
        async with self._turn:
            record = await self._directory.client(client)
            if record is None:
                raise NotFound("There is no such client.")
            await self._revoke(record, before)

    async def _renew(self, record: ClientRecord) -> ClientMade:
        secret = new_secret(self._random_bytes)
        fresh = record._replace(secret=digest(secret), disabled=False)
        await self._directory.update_client(fresh)
        # Only now is the time taken: until the line above, a token could still be had for the old secret.
        await self._revoke(fresh, self._clock.now_ms() + 1)
        return ClientMade(record.client, secret)

    async def _revoke(self, record: ClientRecord, before: int) -> None:
        before = max(before, record.revoked_before)
        await self._directory.update_client(record._replace(revoked_before=before))
        await self._publish(record.tenant, record.client, revoked_before=before, deleted=record.disabled)

    async def _publish(self, tenant: uuid.UUID, client: uuid.UUID, *, revoked_before: int, deleted: bool) -> None:
        await self._documents.client(tenant, client, revoked_before=revoked_before, deleted=deleted)
        await self._relay.flush()

    async def _find(self, tenant: uuid.UUID, name: str) -> ClientRecord | None:
        return next((record for record in await self.of(tenant) if record.name == name), None)

    async def _get(self, tenant: uuid.UUID, name: str) -> ClientRecord:
        record = await self._find(tenant, name)
        if record is None:
            raise NotFound(f"This tenant has no client {name}; GET the list of clients for those it has.", field="name")
        return record
