"""The TrackingTenant resource, v1alpha1, and the part of it that the tenant service registers.

Schemas are closed and every string, number and list has a bound, here as in the CRD. What one field alone cannot say
(no two sites of one name) is checked by the models too, so that a file, `kubectl apply` and the admin API agree.
"""

import uuid
from collections.abc import Hashable, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from footfall_common.documents import NIL
from footfall_common.manifest.zones import is_time_zone
from footfall_common.placement import Placement
from footfall_common.tenancy import default_resource_id, wire_guid

API_VERSION = "footfall.dev/v1alpha1"
KIND = "TrackingTenant"

_HOST = r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$"
_VISIBLE = r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$"
_TENANT_ID = (
    r"^([a-z][a-z0-9-]{1,30}[a-z0-9]|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})$"
)


def _known_zone(name: str) -> str:
    if not is_time_zone(name):
        raise PydanticCustomError("time_zone", "is no time zone of the IANA data base, as Europe/Berlin is one")
    return name


def _not_nil(value: uuid.UUID) -> uuid.UUID:
    if value == NIL:
        raise PydanticCustomError("nil", "cannot be the GUID of zeros only")
    return value


def _tenant_not_nil(value: str) -> str:
    _not_nil(wire_guid(value))
    return value


Host = Annotated[str, StringConstraints(max_length=253, pattern=_HOST, to_lower=True)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=_VISIBLE)]
TenantId = Annotated[str, StringConstraints(max_length=36, pattern=_TENANT_ID), AfterValidator(_tenant_not_nil)]
TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]
ResourceId = Annotated[uuid.UUID, AfterValidator(_not_nil)]
EventType = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_VISIBLE)]
Replicas = Annotated[int, Field(strict=True, ge=1, le=100)]


class Closed(BaseModel):
    """A schema without room for unknown fields; names are camelCase outside."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, hide_input_in_errors=True)


class Limits(Closed):
    """Rates that receivers enforce."""

    events_per_second: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = Field(
        None, description="events a second, 1 to 1000000; absent = no limit"
    )


class Goal(Closed):
    """Something a visitor is wished to do: an event of one type."""

    name: Label = Field(description="1 to 63 visible characters, once a site")
    event: EventType = Field(description="the event type that reaches the goal, in any case, 1 to 64 characters")


class Site(Closed):
    """One site or app: what Creatio calls a resource."""

    name: Label = Field(description="1 to 63 visible characters, once a tenant")
    resource_id: ResourceId | None = Field(None, description="a GUID, set once; absent = derived from tenant and name")
    domains: tuple[Host, ...] = Field(
        (), max_length=32, description="host names without scheme, port or path; none = any page may send"
    )
    time_zone: TimeZone = Field("UTC", description="where this site's days begin and end")
    limits: Limits = Field(Limits.model_validate({}), description="rates of this site alone")
    goals: tuple[Goal, ...] = Field((), max_length=50, description="at most 50 goals")

    @model_validator(mode="after")
    def _goals_once(self) -> Self:
        _once([goal.name for goal in self.goals], ("goals",), "name", "names another goal of this site already")
        return self


Sites = Annotated[tuple[Site, ...], Field(max_length=100, description="at most 100 sites")]


def _sites_once(tenant_id: str, sites: Sequence[Site]) -> None:
    guid = wire_guid(tenant_id)
    _once([site.name for site in sites], ("sites",), "name", "names another site of this tenant already")
    ids = [resource_of(guid, site) for site in sites]
    _once(ids, ("sites",), "resourceId", "is the id of another site of this tenant already")


def resource_of(tenant: uuid.UUID, site: Site) -> uuid.UUID:
    """The site's resource id: its own, or the one derived from its name."""
    return site.resource_id or default_resource_id(tenant, site.name)


class Autoscaling(Closed):
    """Bounds of a HorizontalPodAutoscaler."""

    min: Replicas = Field(description="fewest replicas, 1 to 100")
    max: Replicas = Field(description="most replicas, 1 to 100, not below min")
    cpu: Annotated[int, Field(strict=True, ge=1, le=100)] = Field(70, description="target CPU use in percent")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max < self.min:
            raise PydanticCustomError("order", "is below min", {"at": ("max",)})
        return self


class Scaling(Closed):
    """Fixed or automatic: exactly one of the two."""

    replicas: Replicas | None = Field(None, description="a fixed number, 1 to 100")
    autoscaling: Autoscaling | None = Field(None, description="bounds of automatic scaling")

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.replicas is None) == (self.autoscaling is None):
            raise PydanticCustomError("one_of", "needs exactly one of replicas and autoscaling")
        return self


class Report(Closed):
    """The report service of a Dedicated tenant."""

    replicas: Replicas = Field(2, description="a fixed number, 1 to 100")


class Kafka(Closed):
    """Topics of a Dedicated tenant."""

    partitions: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = Field(
        None, description="1 to 1000, set once: keys would move"
    )
    retention: Annotated[str, StringConstraints(max_length=6, pattern=r"^[1-9][0-9]{0,4}h$")] | None = Field(
        None, description="how long raw events stay on the bus, in hours, as 168h"
    )


class Cassandra(Closed):
    """How long events are kept, and how often."""

    retention: Literal["30d", "100d", "400d"] = Field("400d", description="how long events are kept")
    replication: Annotated[int, Field(strict=True, ge=1, le=9)] | None = Field(
        None, description="copies of each row, 1 to 9; Dedicated tenants only"
    )


class Spec(Closed):
    """What is wished for one tenant."""

    tenant_id: TenantId = Field(description="3 to 32 of a-z, 0-9 and -, beginning with a letter, or a GUID; set once")
    placement: Placement = Field(description="Dedicated or Pooled; set once")
    hosts: tuple[Host, ...] = Field((), max_length=8, description="public host names of this tenant's receiver")
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
        _once(self.hosts, ("hosts",), None, "is listed already")
        _sites_once(self.tenant_id, self.sites)
        scaling, partitions = self.raw_receivers, self.kafka and self.kafka.partitions
        if scaling and scaling.autoscaling and partitions and scaling.autoscaling.max > partitions:
            raise PydanticCustomError(
                "partitions",
                "is above kafka.partitions: the rest would have nothing to read",
                {"at": ("rawReceivers", "autoscaling", "max")},
            )
        return self


class Metadata(Closed):
    """Kubernetes' own part. What the API server writes is let through, so that `kubectl get -o yaml` can be read."""

    name: Annotated[str, StringConstraints(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")] = Field(
        description="lower-case letters, digits, - and ."
    )
    namespace: Annotated[str, StringConstraints(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")] | None = (
        None
    )
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    creation_timestamp: Any = None
    deletion_grace_period_seconds: Any = None
    deletion_timestamp: Any = None
    finalizers: Any = None
    generation: Any = None
    managed_fields: Any = None
    owner_references: Any = None
    resource_version: Any = None
    uid: Any = None


class TrackingTenant(Closed):
    """One tenant as its owner writes it."""

    api_version: Literal["footfall.dev/v1alpha1"] = Field(description=API_VERSION)
    kind: Literal["TrackingTenant"] = Field(description=KIND)
    metadata: Metadata
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


def _once(values: Sequence[Hashable], at: tuple[str, ...], name: str | None, message: str) -> None:
    """Raise at the first value that was there before."""
    seen: set[Hashable] = set()
    for index, value in enumerate(values):
        if value in seen:
            raise PydanticCustomError("repeated", message, {"at": (*at, index, *([name] if name else []))})
        seen.add(value)
