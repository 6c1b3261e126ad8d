"""Who data belongs to: a tenant, or a tenant and one of its resources.

Both identifiers of a pair travel together everywhere. The pair is also the public write key of a site.
"""

import uuid
from dataclasses import dataclass

from typing_extensions import override

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "footfall.dev")
"""Root of every derived identifier. Changing it would change the wire GUID of every tenant."""


@dataclass(frozen=True, slots=True)
class TenantContext:
    """The authority to touch one tenant's data; every repository call takes one."""

    tenant: uuid.UUID


@dataclass(frozen=True, slots=True)
class ResourceKey:
    """One site or app of one tenant."""

    tenant: uuid.UUID
    resource: uuid.UUID

    @override
    def __hash__(self) -> int:
        """Asked at every request: the generated one calls UUID's own twice, at four times the price."""
        return hash((self.tenant.int, self.resource.int))


def wire_guid(tenant_id: str) -> uuid.UUID:
    """The GUID that Creatio knows a tenant by: the id itself where it is one, else derived from it.

    Two spellings of one tenant (its GUID in any case, its name) give the same GUID.
    """
    try:
        return uuid.UUID(tenant_id)
    except ValueError:
        return uuid.uuid5(NAMESPACE, tenant_id.lower())


def default_resource_id(tenant: uuid.UUID, site_name: str) -> uuid.UUID:
    """The resource id of a manifest's site that names none: stable, so that a restore keeps write keys."""
    return uuid.uuid5(tenant, site_name)


def goal_id(resource: uuid.UUID, name: str) -> uuid.UUID:
    """The id of a manifest's goal."""
    return uuid.uuid5(resource, name)
