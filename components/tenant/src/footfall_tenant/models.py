"""What goes over the wire. Creatio's names are those of its C# classes, read in any case; unknown ones are let pass.

Each fact of Creatio's interface stands here once; the calls themselves are in `api.creatio`.
"""

import math
import re
import uuid
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from footfall_common.documents import NIL, GoalFilter, Limits, Origin
from footfall_common.errors import InvalidInput

T = TypeVar("T", bound=msgspec.Struct)

TextFilter = Literal[0, 1, 2, 3, 4]
CostFilter = Literal[0, 1, 2, 3]
FilterText = Annotated[str, Meta(max_length=255)] | None

_MOST_COST = 1e15
_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{1,20})?([eE][+-]?\d{1,2})?")
_PLACE = re.compile(r" - at `\$\.(?P<path>[^`]+)`$")
_MISSING = re.compile(r"required field `(?P<name>[^`]+)`")


class _Wire(msgspec.Struct, rename="pascal"):
    """A body of Creatio's."""


class ProjectBody(_Wire):
    """POST /api/Project/create."""

    project_id: uuid.UUID


class ResourceBody(_Wire, kw_only=True):
    """PUT /api/Resource/update. There is one type of resource so far."""

    id: uuid.UUID
    is_active: bool
    resource_type: Literal[0] = 0


class NewResourceBody(ResourceBody, kw_only=True):
    """POST /api/Resource/create."""

    project_id: uuid.UUID


class GoalSettings(_Wire):
    """What an event must be to reach a goal; null and absent mean no filter."""

    event_type_filter: Annotated[str, Meta(max_length=64)] | None = None
    event_name_filter_type: TextFilter | None = None
    event_name_filter_data: FilterText = None
    event_value_filter_type: TextFilter | None = None
    event_value_filter_data: FilterText = None
    event_cost_filter_type: CostFilter | None = None
    event_cost_filter_data: Annotated[str, Meta(max_length=64)] | float | None = None


class GoalBody(_Wire):
    """PUT /api/Goal."""

    id: uuid.UUID
    is_active: bool
    settings: GoalSettings


class NewGoalBody(GoalBody):
    """POST /api/Goal."""

    resource_id: uuid.UUID


class Info(msgspec.Struct, frozen=True, rename="camel"):
    """GET /api/Tenant/info. "tenent" is Creatio's spelling, so both are sent."""

    identity_client_id: uuid.UUID
    tenent_id: uuid.UUID
    tenant_id: uuid.UUID


class RegisteredResource(msgspec.Struct, frozen=True, rename="camel"):
    """A site of the manifest and the id it got."""

    name: str
    resource_id: uuid.UUID


class Registered(msgspec.Struct, frozen=True, rename="camel"):
    """Answer to a registration; resources in the manifest's order."""

    tenant: uuid.UUID
    revision: int
    resources: tuple[RegisteredResource, ...]


class GoalState(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A goal with the rule in force."""

    goal_id: uuid.UUID
    name: str
    origin: Origin
    active: bool
    filter: GoalFilter
    revisions: int


class ResourceState(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A resource as it is stored."""

    resource_id: uuid.UUID
    revision: int
    origin: Origin
    name: str
    active: bool
    project: uuid.UUID | None
    domains: tuple[str, ...]
    time_zone: str
    limits: Limits
    goals: tuple[GoalState, ...]


class TenantState(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A tenant as it is stored: the manifest's resources in its order, then the others by id."""

    tenant: uuid.UUID
    tenant_id: str
    revision: int
    active: bool
    placement: str
    retention_days: int
    limits: Limits
    projects: tuple[uuid.UUID, ...]
    resources: tuple[ResourceState, ...]


def read(kind: type[T], fields: dict[str, Any]) -> T:
    """A body of Creatio's as `kind`; InvalidInput names the field as Creatio does, such as Settings.EventTypeFilter."""
    try:
        return msgspec.convert(_canonical(kind, fields, ""), kind)
    except msgspec.ValidationError as error:
        reason = str(error)
        place, missing = _PLACE.search(reason), _MISSING.search(reason)
        path = ".".join(part for part in (place and place["path"], missing and missing["name"]) if part)
        raise InvalidInput(f"{path}: {_PLACE.sub('', reason)}.", field=path) from error


def identifier(value: uuid.UUID, field: str) -> uuid.UUID:
    """The id, unless it is the GUID of zeros, which C# sends for one that was never set."""
    if value == NIL:
        raise InvalidInput(f"{field} is the GUID of zeros; send the record's own.", field=field)
    return value


def goal_filter(settings: GoalSettings) -> GoalFilter:
    """The rule that Creatio's settings mean. Cost data that is no number is refused, whether it is used or not."""
    cost = _cost(settings.event_cost_filter_data)
    if settings.event_cost_filter_type and cost is None:
        field = "Settings.EventCostFilterData"
        raise InvalidInput(f"{field} is empty; send the number to compare with.", field=field)
    return GoalFilter(
        event_type=(settings.event_type_filter or "").strip(),
        name_kind=settings.event_name_filter_type or 0,
        name=settings.event_name_filter_data or "",
        value_kind=settings.event_value_filter_type or 0,
        value=settings.event_value_filter_data or "",
        cost_kind=settings.event_cost_filter_type or 0,
        cost=cost,
    )


def _cost(data: str | float | None) -> float | None:
    if data is None or data == "":
        return None
    if isinstance(data, str):
        data = float(data) if _NUMBER.fullmatch(data) else math.nan
    if not abs(data) <= _MOST_COST:  # false for what is no number, too
        field = "Settings.EventCostFilterData"
        raise InvalidInput(f"{field} is no number; send one such as 12.50, at most 1e15.", field=field)
    return data


def _canonical(kind: type[msgspec.Struct], fields: dict[str, Any], at: str) -> dict[str, Any]:
    """The same fields under the names of `kind`, whatever the case they came in."""
    known = {field.encode_name.lower(): field for field in msgspec.structs.fields(kind)}
    named: dict[str, Any] = {}
    for name, value in fields.items():
        field = known.get(name.lower())
        if field is None:
            continue
        if field.encode_name in named:
            place = f"{at}{field.encode_name}"
            raise InvalidInput(f"{place} comes twice, in two spellings; send it once.", field=place)
        inner = field.type if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct) else None
        nested = inner is not None and isinstance(value, dict)
        named[field.encode_name] = _canonical(inner, value, f"{field.encode_name}.") if inner and nested else value
    return named
