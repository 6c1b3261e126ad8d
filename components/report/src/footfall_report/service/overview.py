"""The overview: what to read, what to count, and how the counts become the answer."""

import datetime as dt
import uuid
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from footfall_common.clock import from_ms
from footfall_common.documents import Goal, ResourceDocument
from footfall_common.errors import InvalidInput
from footfall_common.events.times import day_of
from footfall_common.tenancy import TenantContext
from footfall_report.models.days import number_of
from footfall_report.models.overview import (
    Counted,
    Day,
    Device,
    GoalNumbers,
    Numbers,
    Overview,
    OverviewQuery,
    Resource,
    Source,
)
from footfall_report.models.scope import Scope, scope_of
from footfall_report.repository.engine import Engine, Row, Tallies
from footfall_report.repository.segments import SegmentRows


class Resources(Protocol):
    """Where the resources of a tenant are known; `SettingsView` is one."""

    def resources_of(self, tenant: uuid.UUID) -> Sequence[ResourceDocument]:
        """All that are not deleted, inactive ones too."""
        ...


class AsOf(Protocol):
    """How far ingestion has come; `Progress` is one."""

    async def as_of(self) -> int:
        """The moment (ms) before which everything is in what is read from now on."""
        ...


class Overviews:
    """Counts overviews, and remembers `kept` of them by what they rest on: the segments' versions and the settings."""

    def __init__(self, rows: SegmentRows, engine: Engine, resources: Resources, progress: AsOf, kept: int) -> None:
        self._rows = rows
        self._engine = engine
        self._resources = resources
        self._progress = progress
        self._kept = kept
        self._remembered: OrderedDict[Hashable, Counted] = OrderedDict()

    async def overview(self, tenant: TenantContext, query: OverviewQuery) -> Overview:
        """The answer; InvalidInput on `resource` for one that the tenant has not."""
        documents = _asked(query, self._resources.resources_of(tenant.tenant))
        as_of = await self._progress.as_of()  # before anything is read: what is read may only hold more
        counted = await self._counted(tenant, query, documents)
        return Overview(
            first=query.first.isoformat(),
            last=query.last.isoformat(),
            zone=query.zone.key,
            as_of=from_ms(as_of).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            totals=counted.totals,
            days=counted.days,
            resources=counted.resources,
            sources=counted.sources,
            devices=counted.devices,
            goals=counted.goals,
        )

    async def _counted(
        self, tenant: TenantContext, query: OverviewQuery, documents: Sequence[ResourceDocument]
    ) -> Counted:
        scope = scope_of(query, documents)
        reading = await self._rows.reading(tenant, range(day_of(scope.low), day_of(scope.high - 1) + 1))
        settings = frozenset((document.resource, document.revision) for document in documents)
        key = None if reading.stamp is None else (tenant, query, settings, reading.stamp)
        if key in self._remembered:
            self._remembered.move_to_end(key)
            return self._remembered[key]
        tallies = await self._engine.count(scope, self._rows.tables(tenant, reading))
        counted = counted_of(tallies, query, scope)
        if key is not None:
            self._remember(key, counted)
        return counted

    def _remember(self, key: Hashable, counted: Counted) -> None:
        self._remembered[key] = counted
        while len(self._remembered) > self._kept:
            self._remembered.popitem(last=False)


def _asked(query: OverviewQuery, known: Sequence[ResourceDocument]) -> Sequence[ResourceDocument]:
    if not query.resources:
        return known
    by_id = {document.resource: document for document in known}
    unknown = next((resource for resource in query.resources if resource not in by_id), None)
    if unknown is not None:
        raise InvalidInput(f"resource {unknown} is none of this tenant's.", field="resource")
    return [by_id[resource] for resource in query.resources]


class _Spread(NamedTuple):
    """Numbers in total, by day number and by resource."""

    total: Numbers
    days: Mapping[int, Numbers]
    resources: Mapping[uuid.UUID, Numbers]


def counted_of(tallies: Tallies, query: OverviewQuery, scope: Scope) -> Counted:
    """The answer's lists out of the rows of each statement: every day is there, and every resource that is known."""
    spread = _spread(tallies)
    resources = sorted(scope.sites.keys() | spread.resources.keys())
    return Counted(
        totals=spread.total,
        days=[_day(day, spread.days.get(number_of(day), Numbers())) for day in query.days()],
        resources=[_resource(one, spread.resources.get(one, Numbers())) for one in resources],
        sources=[_source(row) for row in tallies.sources],
        devices=[_device(row) for row in tallies.devices],
        goals=list(_goals(tallies, scope, spread.resources)),
    )


def _spread(tallies: Tallies) -> _Spread:
    visits = {(day, resource): count for day, resource, count in tallies.visits}
    numbers = {
        (day, resource): Numbers(
            events=events, page_views=views, visitors=visitors, visits=visits.get((day, resource), 0)
        )
        for day, resource, events, views, visitors in tallies.numbers
    }
    return _Spread(
        total=numbers[None, None],
        days={day: one for (day, _), one in numbers.items() if day is not None},
        resources={resource: one for (_, resource), one in numbers.items() if resource is not None},
    )


def _day(day: dt.date, one: Numbers) -> Day:
    return Day(
        day=day.isoformat(), events=one.events, page_views=one.page_views, visitors=one.visitors, visits=one.visits
    )


def _resource(resource: uuid.UUID, one: Numbers) -> Resource:
    return Resource(
        resource=resource, events=one.events, page_views=one.page_views, visitors=one.visitors, visits=one.visits
    )


def _source(row: Row) -> Source:
    channel, source, visits, visitors, views = row
    return Source(channel=channel, source=source, visits=visits, visitors=visitors, page_views=views)


def _device(row: Row) -> Device:
    device, os, browser, visitors, views = row
    return Device(device=device, os=os, browser=browser, visitors=visitors, page_views=views)


def _goals(tallies: Tallies, scope: Scope, resources: Mapping[uuid.UUID, Numbers]) -> Iterable[GoalNumbers]:
    """Every goal that stands, and deleted ones that had matches in the range."""
    matched = {index: (events, visits, visitors) for index, events, visits, visitors in tallies.goals}
    for index, (resource, goal) in enumerate(scope.goals):
        events, visits, visitors = matched.get(index, (0, 0, 0))
        if not goal.deleted or events or visits:
            of = resources.get(resource, Numbers()).visits
            yield _goal(goal, resource, (events, visits, visitors), of)


def _goal(goal: Goal, resource: uuid.UUID, matches: tuple[int, int, int], visits_of_resource: int) -> GoalNumbers:
    events, visits, visitors = matches
    return GoalNumbers(
        goal=goal.id,
        name=goal.name,
        resource=resource,
        events=events,
        visits=visits,
        visitors=visitors,
        conversion_rate=visits / visits_of_resource if visits_of_resource else 0.0,
    )
