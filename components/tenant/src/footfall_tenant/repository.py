"""Documents of tenants and resources in the directory, written only over the revision that was read."""

import uuid
from typing import NamedTuple, TypeVar

import msgspec

from footfall_common.documents import NIL, Document, ResourceDocument, TenantDocument, key_of
from footfall_common.errors import Conflict, TooLarge
from footfall_common.store import Directory
from footfall_common.tenancy import ResourceKey, TenantContext

D = TypeVar("D", TenantDocument, ResourceDocument)

_decoder = msgspec.json.Decoder(Document)
_encoder = msgspec.json.Encoder()

_SWITCHED_OFF = 80
"""Bytes that switching off one thing may add at most: two flags, and for a goal a revision without filter."""


class Holdings(NamedTuple):
    """All that is stored of one tenant, deleted documents too. `others` are ids in use by something else."""

    tenant: TenantDocument | None
    resources: dict[uuid.UUID, ResourceDocument]
    others: frozenset[uuid.UUID]


class TenantRepository:
    """Reads and writes one tenant's documents."""

    def __init__(self, directory: Directory, max_document_bytes: int) -> None:
        self._directory = directory
        self._max_document_bytes = max_document_bytes

    async def tenant(self, context: TenantContext) -> TenantDocument | None:
        """The tenant's own document, a deleted one too."""
        return await self._get(context.tenant, NIL, TenantDocument)

    async def resource(self, key: ResourceKey) -> ResourceDocument | None:
        """A resource, a deleted one too; Conflict where the id is one of something else."""
        return await self._get(key.tenant, key.resource, ResourceDocument)

    async def holdings(self, context: TenantContext) -> Holdings:
        """Everything of one tenant."""
        tenant: TenantDocument | None = None
        resources: dict[uuid.UUID, ResourceDocument] = {}
        others: set[uuid.UUID] = set()
        for stored in await self._directory.of_tenant(context):
            document = _decoder.decode(stored.body)
            if isinstance(document, TenantDocument):
                tenant = document
            elif isinstance(document, ResourceDocument):
                resources[document.resource] = document
            else:
                others.add(uuid.UUID(bytes=stored.key[16:]))
        return Holdings(tenant, resources, frozenset(others))

    async def put(self, document: TenantDocument | ResourceDocument) -> None:
        """Store revision n over n - 1. Conflict where another is stored by now, TooLarge beyond the bound."""
        body = _encoder.encode(document)
        if len(body) - _unbounded(document) > self._max_document_bytes:
            raise TooLarge(
                f"With this it would take {len(body)} bytes, and {self._max_document_bytes} is the most "
                "(FOOTFALL_TENANT_MAX_DOCUMENT_BYTES); make fewer goals or shorten their filters."
            )
        await self._directory.put(key_of(document), body, document.revision)

    async def _get(self, tenant: uuid.UUID, about: uuid.UUID, kind: type[D]) -> D | None:
        stored = await self._directory.get(tenant.bytes + about.bytes)
        if stored is None:
            return None
        document = _decoder.decode(stored.body)
        if not isinstance(document, kind):
            raise Conflict("This id names something else of this tenant; choose another.", field="Id")
        return document


def _unbounded(document: TenantDocument | ResourceDocument) -> int:
    """Bytes that the bound leaves out: whatever is full must still be switched off and deleted."""
    if isinstance(document, TenantDocument):
        return 0
    return _SWITCHED_OFF * (sum(goal.deleted for goal in document.goals) + (not document.active))
