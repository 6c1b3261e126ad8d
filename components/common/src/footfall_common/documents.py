"""The settings that travel from tenant and identity to everyone, one document a key, over the compacted topic.

A document with a lower `revision` than the one held is ignored; a deletion is a document with `deleted`, kept.
"""

import uuid
from typing import Literal

import msgspec

Origin = Literal["manifest", "api"]


class Limits(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Rates a receiver holds a tenant or resource to; None = no limit."""

    events_per_second: int | None = None


class GoalFilter(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Creatio's goal settings: all filters are ANDed, texts compare without case.

    Kinds of text filters: 0 none, 1 equal, 2 contains, 3 begins, 4 ends; of cost: 0 none, 1 equal, 2 <=, 3 >=.
    """

    event_type: str = ""
    name_kind: Literal[0, 1, 2, 3, 4] = 0
    name: str = ""
    value_kind: Literal[0, 1, 2, 3, 4] = 0
    value: str = ""
    cost_kind: Literal[0, 1, 2, 3] = 0
    cost: float | None = None


class GoalRevision(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A goal's rule from `since` (ms, inclusive, compared with an event's `received`) until the next revision."""

    since: int
    active: bool
    filter: GoalFilter


class Goal(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel", kw_only=True):
    """A goal with all its revisions, oldest first. A deleted goal keeps its past: its last revision is inactive."""

    id: uuid.UUID
    name: str = ""
    origin: Origin
    deleted: bool = False
    revisions: tuple[GoalRevision, ...]


class ResourceDocument(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel", kw_only=True, tag="resource"):
    """One site or app. Key: (tenant, resource)."""

    tenant: uuid.UUID
    resource: uuid.UUID
    revision: int
    origin: Origin
    name: str = ""
    project: uuid.UUID | None = None
    active: bool = True
    deleted: bool = False
    domains: tuple[str, ...] = ()
    time_zone: str = "UTC"
    limits: Limits = Limits()
    goals: tuple[Goal, ...] = ()


class TenantDocument(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel", kw_only=True, tag="tenant"):
    """One tenant. Key: (tenant, nil)."""

    tenant: uuid.UUID
    revision: int
    tenant_id: str
    placement: Literal["Dedicated", "Pooled"]
    active: bool = True
    deleted: bool = False
    retention_days: int = 400
    limits: Limits = Limits()
    projects: tuple[uuid.UUID, ...] = ()
    sites: tuple[uuid.UUID, ...] = ()
    """The manifest's resources in the manifest's order."""


class KeysDocument(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel", kw_only=True, tag="keys"):
    """Identity's public keys. Key: (nil, nil). `jwks` is a JWK set of public keys."""

    revision: int
    issuer: str
    jwks: dict[str, list[dict[str, str]]]


class ClientDocument(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel", kw_only=True, tag="client"):
    """Which tokens of a client no longer hold. Key: (tenant, client)."""

    tenant: uuid.UUID
    client: uuid.UUID
    revision: int
    revoked_before: int = 0
    """Tokens issued before this (ms) are refused."""
    deleted: bool = False


Document = ResourceDocument | TenantDocument | KeysDocument | ClientDocument

NIL = uuid.UUID(int=0)


def key_of(document: Document) -> bytes:
    """The document's key on the settings topic: 32 bytes, tenant then what it is about."""
    match document:
        case ResourceDocument(tenant=tenant, resource=about) | ClientDocument(tenant=tenant, client=about):
            return tenant.bytes + about.bytes
        case TenantDocument(tenant=tenant):
            return tenant.bytes + NIL.bytes
        case KeysDocument():
            return NIL.bytes + NIL.bytes
