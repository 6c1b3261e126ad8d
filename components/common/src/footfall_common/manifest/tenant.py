"""The TrackingTenant resource, v1alpha1, and the part of it that the tenant service registers.

What one field alone cannot say (no two sites of one name) is checked by the models too, so that a file, `kubectl apply`
and the admin API agree.
"""

import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from footfall_common.manifest.conditions import Conditions, Generation
from footfall_common.manifest.fields import (
    API_VERSION,
    Autoscaling,
    Closed,
    Copies,
    EventType,
    Guid,
    Host,
    Hours,
    Label,
    Metadata,
    Partitions,
    Rate,
    Replicas,
    Report,
    TenantId,
    TimeZone,
    once,
)
from footfall_common.placement import Placement
from footfall_common.tenancy import default_resource_id, wire_guid

KIND = "TrackingTenant"

TenantName = Annotated[str, StringConstraints(max_length=40, pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?$")]
Address = Annotated[str, StringConstraints(max_length=512)]


class Limits(Closed):
    """Rates that receivers enforce."""

    events_per_second: Rate | None = Field(None, description="events a second, 1 to 1000000; absent = no limit")


class Goal(Closed):
    """Something a visitor is wished to do: an event of one type."""

    name: Label = Field(description="1 to 63 visible characters, once a site")
    event: EventType = Field(description="the event type that reaches the goal, in any case, 1 to 64 characters")


class Site(Closed):
    """One site or app: what Creatio calls a resource."""

    name: Label = Field(description="1 to 63 visible characters, once a tenant")
    resource_id: Guid | None = Field(None, description="a GUID, set once; absent = derived from tenant and name")
    domains: tuple[Host, ...] = Field(
        (),
        max_length=32,
        description="host names in lower case, without scheme, port or path; none = any page may send",
    )
    time_zone: TimeZone = Field("UTC", description="where this site's days begin and end")
    limits: Limits = Field(Limits.model_validate({}), description="rates of this site alone")
    goals: tuple[Goal, ...] = Field((), max_length=50, description="at most 50 goals")

    @model_validator(mode="after")
    def _goals_once(self) -> Self:
        once([goal.name for goal in self.goals], ("goals",), "name", "names another goal of this site already")
        return self


Sites = Annotated[tuple[Site, ...], Field(max_length=100, description="at most 100 sites")]


def _sites_once(tenant_id: str, sites: Sequence[Site]) -> None:
    guid = wire_guid(tenant_id)
    once([site.name for site in sites], ("sites",), "name", "names another site of this tenant already")
    ids = [resource_of(guid, site) for site in sites]
    once(ids, ("sites",), "resourceId", "is the id of another site of this tenant already")


def resource_of(tenant: uuid.UUID, site: Site) -> uuid.UUID:
    """The site's resource id: its own, or the one derived from its name."""
    return site.resource_id or default_resource_id(tenant, site.name)


class Scaling(Closed):
    """Fixed or automatic: exactly one of the two."""

    replicas: Replicas | None = Field(None, description="a fixed number, 1 to 100")
    autoscaling: Autoscaling | None = Field(None, description="bounds of automatic scaling")

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.replicas is None) == (self.autoscaling is None):
            raise PydanticCustomError("one_of", "needs exactly one of replicas and autoscaling")
        return self


class Kafka(Closed):
    """Topics of a Dedicated tenant."""

    partitions: Partitions | None = Field(None, description="1 to 1000, set once: keys would move")
    retention: Hours | None = Field(None, description="how long raw events stay on the bus, in hours, as 168h")


class Cassandra(Closed):
    """How long events are kept, and how often."""

    retention: Literal["30d", "100d", "400d"] = Field("400d", description="how long events are kept")
    replication: Copies | None = Field(None, description="copies of each row, 1 to 9; Dedicated tenants only")


class Spec(Closed):
    """What is wished for one tenant."""

    tenant_id: TenantId = Field(description="3 to 32 of a-z, 0-9 and -, beginning with a letter, or a GUID; set once")
    placement: Placement = Field(description="Dedicated or Pooled; set once")
    hosts: tuple[Host, ...] = Field(
        (), max_length=8, description="public host names of this tenant's receiver, in lower case"
    )
    limits: Limits = Field(Limits.model_validate({}), description="rates of the whole tenant")
    receivers: Scaling | None = Field(None, description="the receiver's replicas; Dedicated tenants only")
    raw_receivers: Scaling | None = Field(None, description="the raw receiver's replicas; Dedicated tenants only")
    report: Report | None = Field(None, description="the report service; Dedicated tenants only")
    kafka: Kafka | None = Field(None, description="topics; Dedicated tenants only")
    cassandra: Cassandra = Field(Cassandra.model_validate({}), description="how long events are kept, and how often")
    sites: Sites = ()
    deletion_policy: Literal["Retain", "Delete"] = Field("Retain", description="what becomes of data on deletion")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        once(self.hosts, ("hosts",), None, "is listed already")
        _sites_once(self.tenant_id, self.sites)
        self._dedicated_only()
        self._read_by_somebody()
        return self

    def _read_by_somebody(self) -> None:
        scaling, partitions = self.raw_receivers, self.kafka.partitions if self.kafka else None
        if scaling is None or partitions is None:
            return
        field = ("replicas",) if scaling.autoscaling is None else ("autoscaling", "max")
        if (scaling.autoscaling.max if scaling.autoscaling else scaling.replicas or 0) > partitions:
            raise PydanticCustomError(
                "partitions",
                "is above kafka.partitions: the rest would have nothing to read",
                {"at": ("rawReceivers", *field)},
            )

    def _dedicated_only(self) -> None:
        given = {
            ("receivers",): self.receivers,
            ("rawReceivers",): self.raw_receivers,
            ("report",): self.report,
            ("kafka",): self.kafka,
            ("cassandra", "replication"): self.cassandra.replication,
        }
        for path, value in given.items():
            if value is not None and self.placement is not Placement.DEDICATED:
                raise PydanticCustomError(
                    "dedicated", "is for Dedicated tenants only: Pooled ones share the platform's", {"at": path}
                )


class Urls(Closed):
    """Where a tenant's services are reached."""

    receiver: Address = Field("", description="where pages and apps send events")
    report: Address = Field("", description="where Creatio reads the feed and reports")
    tenant: Address = Field("", description="where Creatio manages resources and goals")
    identity: Address = Field("", description="where Creatio asks for tokens")


class ReceiverStatus(Closed):
    """A Dedicated tenant's receivers, for the scale subresource too."""

    replicas: Generation = Field(0, description="pods that there are")
    ready: Generation = Field(0, description="pods that are ready")
    selector: Annotated[str, StringConstraints(max_length=1024)] = Field("", description="labels of its pods")


class TenantStatus(Closed):
    """What the operator says of a tenant."""

    observed_generation: Generation | None = Field(None, description="the generation of the spec that was looked at")
    claim: Annotated[str, StringConstraints(max_length=36)] = Field(
        "", description="the tenant's GUID on the wire, which names its TrackingClaim"
    )
    secret: Annotated[str, StringConstraints(max_length=63)] = Field(
        "", description="the Secret in this namespace that holds ids, addresses and the snippet"
    )
    urls: Urls = Field(Urls.model_validate({}), description="where its services are reached")
    receivers: ReceiverStatus | None = Field(None, description="its own receivers, if it is Dedicated")
    conditions: Conditions = ()


class TenantMetadata(Metadata):
    """Children are named after the tenant, and a Service's name is a label of DNS that begins with a letter."""

    name: TenantName = Field(description="1 to 40 of a-z, 0-9 and -, beginning with a letter")


class TrackingTenant(Closed):
    """One tenant as its owner writes it."""

    api_version: Literal["footfall.dev/v1alpha1"] = Field(description=API_VERSION)
    kind: Literal["TrackingTenant"] = Field(description=KIND)
    metadata: TenantMetadata
    spec: Spec
    status: Any = None

    @property
    def guid(self) -> uuid.UUID:
        """The tenant's GUID on the wire."""
        return wire_guid(self.spec.tenant_id)


class Registration(Closed):
    """What the tenant service is told of a tenant: the body of `PUT <tenant>/admin/v1/tenants/{wire guid}`."""

    tenant_id: TenantId = Field(description="as in the manifest")
    placement: Placement = Field(description="Dedicated or Pooled; set once")
    retention_days: Literal[30, 100, 400] = Field(400, description="how many days events are kept")
    limits: Limits = Field(Limits.model_validate({}), description="rates of the whole tenant")
    sites: Sites = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _sites_once(self.tenant_id, self.sites)
        return self

    @property
    def guid(self) -> uuid.UUID:
        """The tenant's GUID on the wire."""
        return wire_guid(self.tenant_id)
