"""Every setting of every tenant in memory, read from the compacted settings topic.

Receivers and workers ask it at each request, so that neither tenant nor identity nor the store is on an event's way.
"""

import asyncio
import uuid
from collections.abc import Sequence

import msgspec
import structlog

from footfall_common.bus import Bus, Reader, Received
from footfall_common.documents import (
    ClientDocument,
    Document,
    KeysDocument,
    ResourceDocument,
    TenantDocument,
    key_of,
)
from footfall_common.errors import UNREADABLE, BusUnavailable
from footfall_common.tenancy import ResourceKey

_CHUNK = 500
_WAIT = 1.0
_decoder = msgspec.json.Decoder(Document)

log = structlog.stdlib.get_logger("footfall.settings")


class SettingsView:
    """What the settings topic says, as of the last record read; a lower revision never replaces a higher one.

    While the bus is away the view keeps what it has; afterwards it reads the topic again from the beginning. `retry`
    is the wait before that, in seconds. `ready` is set once the topic has been read to its end, and stays set.
    """

    def __init__(self, bus: Bus, topic: str, *, retry: float = 1.0) -> None:
        self.ready = asyncio.Event()
        self.ignored = 0
        """Records that no settings document could be made of."""
        self._bus = bus
        self._topic = topic
        self._retry = retry
        self._held: dict[bytes, Document] = {}
        self._tenants: dict[uuid.UUID, TenantDocument] = {}
        self._resources: dict[ResourceKey, ResourceDocument] = {}
        self._of_tenant: dict[uuid.UUID, dict[uuid.UUID, ResourceDocument]] = {}
        self._clients: dict[tuple[uuid.UUID, uuid.UUID], ClientDocument] = {}
        self._keys: KeysDocument | None = None

    async def run(self) -> None:
        """Follow the topic until cancelled."""
        while True:
            try:
                await self._follow()
            except BusUnavailable as error:
                log.warning("settings not followed", topic=self._topic, reason=error.message, retry_seconds=self._retry)
            await asyncio.sleep(self._retry)

    def tenant(self, tenant: uuid.UUID) -> TenantDocument | None:
        """The tenant's own document; None where it never was or is deleted."""
        return self._tenants.get(tenant)

    def resource(self, key: ResourceKey) -> ResourceDocument | None:
        """One resource, inactive ones too; None where it never was or is deleted. One look-up: the hot path."""
        return self._resources.get(key)

    def resources_of(self, tenant: uuid.UUID) -> Sequence[ResourceDocument]:
        """All resources of a tenant that are not deleted, in no promised order."""
        return tuple(self._of_tenant.get(tenant, {}).values())

    def tenants(self) -> Sequence[TenantDocument]:
        """All tenants that are not deleted."""
        return tuple(self._tenants.values())

    def keys(self) -> KeysDocument | None:
        """Identity's public keys."""
        return self._keys

    def client(self, tenant: uuid.UUID, client: uuid.UUID) -> ClientDocument | None:
        """What is known of a client, deleted ones too: their tokens must be refused."""
        return self._clients.get((tenant, client))

    async def _follow(self) -> None:
        reader = await self._bus.reader(self._topic)
        try:
            while True:
                await self._announce(reader)
                for record in await reader.poll(_CHUNK, _WAIT):
                    self._take(record)
        finally:
            await reader.close()

    async def _announce(self, reader: Reader) -> None:
        if not self.ready.is_set() and await reader.caught_up():
            self.ready.set()
            log.info("settings read to the end", topic=self._topic, documents=len(self._held), ignored=self.ignored)

    def _take(self, record: Received) -> None:
        document = _read(record)
        if document is None:
            self.ignored += 1
            log.error(
                "settings document ignored",
                topic=self._topic,
                partition=record.partition.number,
                offset=record.offset,
                key=record.key.hex(),
                ignored=self.ignored,
            )
            return
        held = self._held.get(record.key)
        if held is None or held.revision <= document.revision:
            self._held[record.key] = document
            self._index(document)

    def _index(self, document: Document) -> None:
        match document:
            case ResourceDocument():
                self._index_resource(document)
            case TenantDocument(tenant=tenant, deleted=True):
                self._tenants.pop(tenant, None)
            case TenantDocument(tenant=tenant):
                self._tenants[tenant] = document
            case ClientDocument(tenant=tenant, client=client):
                self._clients[tenant, client] = document
            case KeysDocument():
                self._keys = document

    def _index_resource(self, document: ResourceDocument) -> None:
        key = ResourceKey(document.tenant, document.resource)
        if document.deleted:
            self._resources.pop(key, None)
            self._of_tenant.get(document.tenant, {}).pop(document.resource, None)
        else:
            self._resources[key] = document
            self._of_tenant.setdefault(document.tenant, {})[document.resource] = document


def _read(record: Received) -> Document | None:
    """The document, or None where the bytes are none or speak of something else than their key."""
    try:
        document: Document = _decoder.decode(record.value)
    except UNREADABLE:
        return None
    return document if key_of(document) == record.key else None
