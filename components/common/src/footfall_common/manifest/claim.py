"""The TrackingClaim resource, v1alpha1: what a tenant holds outside Kubernetes, as a PersistentVolume is to its claim.

The operator alone writes it; people write `spec.releaseTo`, through `kubectl footfall release`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from footfall_common.manifest.conditions import Conditions, Generation, Moment
from footfall_common.manifest.fields import API_VERSION, Closed, Metadata, Name, ObjectName

KIND = "TrackingClaim"

Outside = Annotated[str, StringConstraints(min_length=1, max_length=249)]
"""A name in Kafka or Cassandra; 249 is a topic's limit, the longest."""


class Holder(Closed):
    """Who holds an id: by name, so that a tenant restored from a backup holds it again."""

    namespace: Name = Field(description="of the TrackingTenant")
    name: ObjectName = Field(description="of the TrackingTenant")


class ClaimSpec(Closed):
    """Who holds the id that the claim is named by."""

    holder: Holder = Field(description="the tenant that holds it, also when it was deleted with Retain")
    release_to: Holder | None = Field(None, description="the tenant that may take it over")


class OutsideNames(Closed):
    """What belongs to the claim outside Kubernetes."""

    topics: Annotated[tuple[Outside, ...], Field(max_length=8)] = Field((), description="in Kafka")
    groups: Annotated[tuple[Outside, ...], Field(max_length=8)] = Field((), description="in Kafka")
    keyspace: Annotated[str, StringConstraints(max_length=48)] = Field("", description="in Cassandra")
    kafka_user: Annotated[str, StringConstraints(max_length=249)] = Field("", description="in Kafka")
    role: Annotated[str, StringConstraints(max_length=249)] = Field("", description="in Cassandra")


class ClaimStatus(Closed):
    """How far the claim is."""

    observed_generation: Generation | None = Field(None, description="the generation of the spec that was looked at")
    state: Literal["Bound", "Retained", "Purging", "Gone"] = Field(
        "Bound", description="Bound = a tenant stands; Retained = it was deleted, its data was not"
    )
    names: OutsideNames = Field(OutsideNames.model_validate({}), description="what belongs to it outside Kubernetes")
    since: Moment = Field("", description="when it came into this state")
    conditions: Conditions = ()


class TrackingClaim(Closed):
    """One claim."""

    api_version: Literal["footfall.dev/v1alpha1"] = Field(description=API_VERSION)
    kind: Literal["TrackingClaim"] = Field(description=KIND)
    metadata: Metadata
    spec: ClaimSpec
    status: Any = None
