"""What the models of our three resources are made of: closed schemas, with a bound on every string, number and list."""

import re
import uuid
from collections.abc import Hashable, Sequence
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic import WithJsonSchema as JsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from footfall_common.documents import NIL
from footfall_common.manifest.zones import is_time_zone
from footfall_common.tenancy import wire_guid

API_VERSION: Final = "footfall.dev/v1alpha1"

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_GUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_VISIBLE = r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$"
_ZONE = r"^[A-Za-z0-9_+-]{1,30}(/[A-Za-z0-9_+-]{1,30}){0,2}$"


def _known_zone(name: str) -> str:
    if not is_time_zone(name):
        raise PydanticCustomError("time_zone", "is no time zone of the IANA data base, as Europe/Berlin is one")
    return name


def _written_as_guid(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(_GUID, value):
        raise PydanticCustomError("string_pattern_mismatch", "is not of the form that is allowed")
    return value


def _not_nil(value: uuid.UUID) -> uuid.UUID:
    if value == NIL:
        raise PydanticCustomError("nil", "cannot be the GUID of zeros only")
    return value


def _tenant_not_nil(value: str) -> str:
    _not_nil(wire_guid(value))
    return value


Host = Annotated[str, StringConstraints(max_length=253, pattern=rf"^{_LABEL}(\.{_LABEL})*$")]
Name = Annotated[str, StringConstraints(max_length=63, pattern=rf"^{_LABEL}$")]
"""Of a namespace, a Secret, a ring: what is a label of DNS too."""
ObjectName = Annotated[str, StringConstraints(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=_VISIBLE)]
TenantId = Annotated[
    str,
    StringConstraints(max_length=36, pattern=rf"^([a-z][a-z0-9-]{{1,30}}[a-z0-9]|{_GUID})$"),
    AfterValidator(_tenant_not_nil),
]
TimeZone = Annotated[str, StringConstraints(max_length=64, pattern=_ZONE), AfterValidator(_known_zone)]
Guid = Annotated[
    uuid.UUID,
    BeforeValidator(_written_as_guid),
    AfterValidator(_not_nil),
    JsonSchema({"type": "string", "maxLength": 36, "pattern": f"^{_GUID}$"}),
]
EventType = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_VISIBLE)]
Replicas = Annotated[int, Field(strict=True, ge=1, le=100)]
Copies = Annotated[int, Field(strict=True, ge=1, le=9)]
Partitions = Annotated[int, Field(strict=True, ge=1, le=1000)]
Percent = Annotated[int, Field(strict=True, ge=1, le=100)]
Rate = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Hours = Annotated[str, StringConstraints(max_length=6, pattern=r"^[1-9][0-9]{0,4}h$")]


class Closed(BaseModel):
    """A schema without room for unknown fields; names are camelCase outside."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, hide_input_in_errors=True)


class Autoscaling(Closed):
    """Bounds of a HorizontalPodAutoscaler."""

    min: Replicas = Field(description="fewest replicas, 1 to 100")
    max: Replicas = Field(description="most replicas, 1 to 100, not below min")
    cpu: Percent = Field(70, description="target CPU use in percent of what is requested")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max < self.min:
            raise PydanticCustomError("order", "is below min", {"at": ("max",)})
        return self


class Report(Closed):
    """The report service of a Dedicated tenant, or of the platform."""

    replicas: Replicas = Field(2, description="a fixed number, 1 to 100")


class Metadata(Closed):
    """Kubernetes' own part. What the API server writes is let through, so that `kubectl get -o yaml` can be read."""

    name: ObjectName = Field(description="lower-case letters, digits, - and .")
    namespace: Annotated[str, StringConstraints(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")] | None = (
        None
    )
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    creation_timestamp: Any = None
    deletion_grace_period_seconds: Any = None
    deletion_timestamp: Any = None
    finalizers: Any = None
    generate_name: Any = None
    generation: Any = None
    managed_fields: Any = None
    owner_references: Any = None
    resource_version: Any = None
    self_link: Any = None
    uid: Any = None


def once(values: Sequence[Hashable], at: tuple[str, ...], name: str | None, message: str) -> None:
    """Raise at the first value that was there before; `at` and `name` lead to the field at fault."""
    seen: set[Hashable] = set()
    for index, value in enumerate(values):
        if value in seen:
            raise PydanticCustomError("repeated", message, {"at": (*at, index, *([name] if name else []))})
        seen.add(value)
