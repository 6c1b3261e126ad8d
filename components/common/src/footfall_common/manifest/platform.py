"""The TrackingPlatform resource, v1alpha1: what an installation is made of. One a cluster, named `default`."""

import ipaddress
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from footfall_common.manifest.conditions import Conditions, Generation
from footfall_common.manifest.fields import (
    API_VERSION,
    Autoscaling,
    Closed,
    Copies,
    Host,
    Hours,
    Metadata,
    Name,
    ObjectName,
    Partitions,
    Rate,
    Replicas,
    Report,
)
from footfall_common.manifest.workloads import Workloads

KIND = "TrackingPlatform"


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise PydanticCustomError("network", "is no network, as 10.0.0.0/8 is one") from error
    return value


Digest = Annotated[str, StringConstraints(max_length=71, pattern=r"^sha256:[0-9a-f]{64}$")]
Url = Annotated[
    str, StringConstraints(max_length=255, pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9/._-]*)?$")
]
Cidr = Annotated[
    str, StringConstraints(max_length=43, pattern=r"^[0-9a-fA-F.:]+/[0-9]{1,3}$"), AfterValidator(_network)
]
Port = Annotated[int, Field(strict=True, ge=1, le=65_535)]


class Digests(Closed):
    """Which image each component runs, so that a tag that moves changes nothing."""

    identity: Digest = Field(description="of footfall-identity")
    tenant: Digest = Field(description="of footfall-tenant")
    receiver: Digest = Field(description="of footfall-receiver")
    raw_receiver: Digest = Field(description="of footfall-raw-receiver")
    report: Digest = Field(description="of footfall-report")


class Images(Closed):
    """Where the components' images come from."""

    prefix: Annotated[str, StringConstraints(max_length=200, pattern=r"^([a-z0-9][a-z0-9._:/-]*/)?$")] = Field(
        "", description="what stands before footfall-receiver and the others: a registry and path that end in /"
    )
    digests: Digests = Field(description="one a component")
    pull_secrets: Annotated[tuple[ObjectName, ...], Field(max_length=8)] = Field(
        (), description="names of Secrets in the operator's namespace; it copies them to Dedicated tenants"
    )


class Endpoints(Closed):
    """Public addresses, written into every tenant's Secret."""

    identity: Url = Field(description="where tokens are asked for")
    tenant: Url = Field(description="where Creatio manages resources and goals")


class Maxima(Closed):
    """Most that one tenant may ask for."""

    receivers: Replicas = Field(20, description="receiver replicas of a Dedicated tenant")
    raw_receivers: Replicas = Field(24, description="raw receiver replicas of a Dedicated tenant")
    partitions: Partitions = Field(24, description="partitions of a Dedicated tenant's raw topic")
    events_per_second: Rate = Field(5000, description="limits.eventsPerSecond of a tenant")


class Tenancy(Closed):
    """Bounds for tenants."""

    host_suffixes: Annotated[tuple[Host, ...], Field(max_length=16)] = Field(
        (), description="a tenant's hosts end in one of these; none = no tenant may have hosts"
    )
    max_dedicated: Annotated[int, Field(strict=True, ge=0, le=100)] = Field(
        20, description="Dedicated tenants; each costs a keyspace, of which Cassandra bears tens"
    )
    max_pooled: Annotated[int, Field(strict=True, ge=0, le=100_000)] = Field(10_000, description="Pooled tenants")
    maxima: Maxima = Field(Maxima.model_validate({}), description="most that one tenant may ask for")


class Topics(Closed):
    """The shared topics, and what Dedicated ones are when their tenant does not say."""

    replicas: Copies = Field(3, description="copies of each partition, at most the brokers")
    min_insync: Copies = Field(2, description="copies that acknowledge an event, at most replicas")
    partitions: Partitions = Field(24, description="of the raw topic; set once: keys would move")
    retention: Hours = Field("168h", description="how long raw events stay, in hours")

    @model_validator(mode="after")
    def _insync(self) -> Self:
        if self.min_insync > self.replicas:
            raise PydanticCustomError("order", "is above replicas", {"at": ("minInsync",)})
        return self


class Kafka(Closed):
    """The Kafka cluster that all tenants' topics lie on."""

    driver: Literal["AdminAPI"] = Field("AdminAPI", description="how topics and users are made; set once")
    admin_secret: ObjectName = Field(description="a Secret in the operator's namespace: address and administrator")
    topics: Topics = Field(Topics.model_validate({}), description="the shared topics")


class Ring(Closed):
    """Which StatefulSets are the ring: those labelled footfall.dev/ring and footfall.dev/rack."""

    namespace: Name = Field(description="where they are")
    ring: Name = Field(description="their footfall.dev/ring")


class Cassandra(Closed):
    """The Cassandra cluster that all keyspaces lie on."""

    driver: Literal["StatefulSet", "External"] = Field(
        description="StatefulSet = a ring in this cluster, External = somebody else's; set once"
    )
    ref: Ring | None = Field(None, description="the ring; for StatefulSet only")
    admin_secret: ObjectName = Field(description="a Secret in the operator's namespace: addresses and administrator")
    replication: Copies = Field(3, description="copies of each row")

    @model_validator(mode="after")
    def _ring(self) -> Self:
        if (self.ref is None) == (self.driver == "StatefulSet"):
            raise PydanticCustomError("one_of", "needs ref with driver StatefulSet, and none with External")
        return self


class Egress(Closed):
    """Addresses outside that workloads may open connections to."""

    cidr: Cidr = Field(description="a network, as 10.0.0.0/8")
    ports: Annotated[tuple[Port, ...], Field(min_length=1, max_length=16)] = Field(description="TCP ports")


class Network(Closed):
    """What the default-deny policies let through."""

    egress: Annotated[tuple[Egress, ...], Field(max_length=32)] = Field(
        (), description="where Kafka and Cassandra are; DNS is always open"
    )
    ingress_from: Annotated[tuple[Name, ...], Field(max_length=16)] = Field(
        (), description="namespaces whose pods may call services: the ingress controller's, the scraper's"
    )


class Pooled(Closed):
    """The workloads that all Pooled tenants share."""

    receivers: Autoscaling = Field(
        Autoscaling.model_validate({"min": 2, "max": 20, "cpu": 60}), description="the shared receivers"
    )
    raw_receivers: Autoscaling = Field(
        Autoscaling.model_validate({"min": 2, "max": 24, "cpu": 70}), description="the shared raw receivers"
    )
    report: Report = Field(Report.model_validate({}), description="the shared report services")


class PlatformSpec(Closed):
    """What is wished for the installation."""

    images: Images = Field(description="where the components' images come from")
    endpoints: Endpoints = Field(description="public addresses, written into every tenant's Secret")
    tenancy: Tenancy = Field(Tenancy.model_validate({}), description="bounds for tenants")
    kafka: Kafka = Field(description="the Kafka cluster that all tenants' topics lie on")
    cassandra: Cassandra = Field(description="the Cassandra cluster that all keyspaces lie on")
    workloads: Workloads = Field(
        Workloads.model_validate({}), description="resources and placement of every part, set here and nowhere else"
    )
    network: Network = Field(Network.model_validate({}), description="what the default-deny policies let through")
    pooled: Pooled = Field(Pooled.model_validate({}), description="the workloads that all Pooled tenants share")

    @model_validator(mode="after")
    def _read_by_somebody(self) -> Self:
        if self.pooled.raw_receivers.max > self.kafka.topics.partitions:
            raise PydanticCustomError(
                "partitions",
                "is above kafka.topics.partitions: the rest would have nothing to read",
                {"at": ("pooled", "rawReceivers", "max")},
            )
        return self


class PlatformStatus(Closed):
    """What the operator says of the installation."""

    observed_generation: Generation | None = Field(None, description="the generation of the spec that was looked at")
    version: Annotated[str, StringConstraints(max_length=32)] = Field("", description="of the operator")
    tenants: Generation = Field(0, description="how many tenants there are")
    conditions: Conditions = ()


class PlatformMetadata(Metadata):
    """There is one."""

    name: Literal["default"] = Field(description="default: there is one a cluster")


class TrackingPlatform(Closed):
    """One installation as its engineers write it."""

    api_version: Literal["footfall.dev/v1alpha1"] = Field(description=API_VERSION)
    kind: Literal["TrackingPlatform"] = Field(description=KIND)
    metadata: PlatformMetadata
    spec: PlatformSpec
    status: Any = None
