"""The overview's request and answer, and the reading of the one."""

import datetime as dt
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import msgspec

from footfall_common.errors import InvalidInput
from footfall_report.models.days import ONE_DAY, start_of, zone_of

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_FIRST, _LAST = dt.date(1970, 1, 1), dt.date(9000, 1, 1)
_NAMES = ("from", "to", "tz", "resource")


@dataclass(frozen=True, slots=True)
class OverviewQuery:
    """Days `first` to `last`, both included, as a clock of `zone` shows them; no `resources` = all."""

    first: dt.date
    last: dt.date
    zone: ZoneInfo
    resources: tuple[uuid.UUID, ...]

    @property
    def start(self) -> int:
        """The first moment (ms) of the range."""
        return start_of(self.first, self.zone)

    @property
    def stop(self) -> int:
        """The first moment (ms) after the range."""
        return start_of(self.last + ONE_DAY, self.zone)

    def days(self) -> list[dt.date]:
        """Every day of the range."""
        return [self.first + ONE_DAY * number for number in range((self.last - self.first).days + 1)]


class Numbers(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """What is counted for a range, a day, a resource. Visitors are distinct."""

    events: int = 0
    page_views: int = 0
    visitors: int = 0
    visits: int = 0


class Day(Numbers, rename="camel", frozen=True, kw_only=True):
    """One day, `2026-11-23`."""

    day: str


class Resource(Numbers, rename="camel", frozen=True, kw_only=True):
    """One resource over the whole range."""

    resource: uuid.UUID


class Source(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """Where visits came from: the visits that began in the range, whole."""

    channel: str
    source: str
    visits: int
    visitors: int
    page_views: int


class Device(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """What events of the range were sent with."""

    device: str
    os: str
    browser: str
    visitors: int
    page_views: int


class GoalNumbers(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """A goal's matches in the range; `conversion_rate` = visits with a match / visits of the resource, 0 to 1."""

    goal: uuid.UUID
    name: str
    resource: uuid.UUID
    events: int
    visits: int
    visitors: int
    conversion_rate: float


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """All numbers of an overview: what is remembered between requests."""

    totals: Numbers
    days: Sequence[Day]
    resources: Sequence[Resource]
    sources: Sequence[Source]
    devices: Sequence[Device]
    goals: Sequence[GoalNumbers]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. `as_of`: everything that was taken in before it is counted."""

    first: str = msgspec.field(name="from")
    last: str = msgspec.field(name="to")
    zone: str = msgspec.field(name="tz")
    as_of: str = msgspec.field(name="asOf")
    totals: Numbers
    days: Sequence[Day]
    resources: Sequence[Resource]
    sources: Sequence[Source]
    devices: Sequence[Device]
    goals: Sequence[GoalNumbers]


def parse(parameters: Mapping[str, Sequence[str]], most_days: int) -> OverviewQuery:
    """The query in a URL's parameters; InvalidInput names the one at fault. Whether a resource exists is not asked."""
    _refuse_unknown(parameters)
    first, last = _day("from", parameters), _day("to", parameters)
    if first > last:
        raise InvalidInput("from is after to; swap them.", field="from")
    if (last - first).days >= most_days:
        raise InvalidInput(f"to is more than {most_days} days from from; ask for a shorter range.", field="to")
    zone = zone_of(_one("tz", parameters) or "UTC", "tz")
    resources = {_resource(text) for text in parameters.get("resource", ())}
    return OverviewQuery(first, last, zone, tuple(sorted(resources)))


def _refuse_unknown(parameters: Mapping[str, Sequence[str]]) -> None:
    """A misspelt `resource` must not answer for all of them."""
    unknown = next((name for name in parameters if name not in _NAMES), None)
    if unknown is not None:
        raise InvalidInput(f"{unknown} is no parameter here; there are {', '.join(_NAMES)}.", field=unknown)


def _one(name: str, parameters: Mapping[str, Sequence[str]]) -> str | None:
    values = parameters.get(name, ())
    if len(values) > 1:
        raise InvalidInput(f"{name} may be given once only.", field=name)
    return values[0] if values else None


def _day(name: str, parameters: Mapping[str, Sequence[str]]) -> dt.date:
    text = _one(name, parameters) or ""
    try:
        day = dt.date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not _FIRST <= day <= _LAST:
        raise InvalidInput(f"{name} is {'no date' if text else 'missing'}; send a day such as 2026-11-23.", field=name)
    return day


def _resource(text: str) -> uuid.UUID:
    try:
        return msgspec.convert(text, uuid.UUID)
    except msgspec.ValidationError as error:
        raise InvalidInput("resource is not a GUID.", field="resource") from error
