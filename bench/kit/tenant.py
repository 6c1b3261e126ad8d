"""The one tenant of a measurement: its settings as the topic carries them, and tokens that hold for it."""

import uuid
from dataclasses import dataclass, field

import msgspec

from footfall_common.bus import Outgoing, Publisher
from footfall_common.clock import SystemClock
from footfall_common.documents import ClientDocument, Document, ResourceDocument, TenantDocument, key_of
from footfall_common.testing import Issuer

ISSUER = "http://identity.bench"


@dataclass(frozen=True)
class Tenant:
    """Two sites: `resource` takes the load, `watched` the probes."""

    tenant: uuid.UUID = field(default_factory=uuid.uuid4)
    resource: uuid.UUID = field(default_factory=uuid.uuid4)
    watched: uuid.UUID = field(default_factory=uuid.uuid4)
    client: uuid.UUID = field(default_factory=uuid.uuid4)
    issuer: Issuer = field(default_factory=lambda: Issuer(SystemClock(), ISSUER))

    def documents(self) -> list[Document]:
        """What identity and tenant would have published."""
        keys = self.issuer.document
        if keys is None:
            raise RuntimeError("an issuer without keys")
        return [
            TenantDocument(tenant=self.tenant, revision=1, tenant_id="bench", placement="Pooled"),
            *(
                ResourceDocument(tenant=self.tenant, resource=one, revision=1, origin="manifest", name=name)
                for name, one in (("shop", self.resource), ("watched", self.watched))
            ),
            ClientDocument(tenant=self.tenant, client=self.client, revision=1),
            keys,
        ]

    async def publish(self, bus: Publisher, topic: str) -> None:
        """Put the documents on the settings topic."""
        await bus.publish([Outgoing(topic, key_of(one), msgspec.json.encode(one)) for one in self.documents()])

    def token(self) -> str:
        """One for the report, good for an hour."""
        return self.issuer.token(self.tenant, self.client)
