"""What a count needs to know beside the rows: moments, zones, goals. Made from the query and the settings, purely."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from zoneinfo import ZoneInfo

from footfall_common.documents import Goal, GoalFilter, ResourceDocument
from footfall_report.models.days import ONE_DAY, Midnight, date_at, midnights, start_of, zone_of
from footfall_report.models.overview import OverviewQuery

_FOREVER = 2**63 - 1


class Rule(NamedTuple):
    """A goal's filter while it was in force: since <= received < until (ms). `goal` = index in `Scope.goals`."""

    goal: int
    resource: uuid.UUID
    since: int
    until: int
    filter: GoalFilter


class Zoned(NamedTuple):
    """The days of one zone, as far as rows are read."""

    zone: str
    midnights: Sequence[Midnight]


@dataclass(frozen=True, slots=True)
class Scope:
    """`start` <= ts < `stop` is the range; `low` <= ts < `high` is what must be read: visits that reach over its ends.

    `zones[0]` is UTC, `zones[1]` the query's; `sites` = resource -> index of its zone, UTC for one that is not listed.
    """

    start: int
    stop: int
    low: int
    high: int
    zones: Sequence[Zoned]
    sites: dict[uuid.UUID, int]
    goals: Sequence[tuple[uuid.UUID, Goal]]
    rules: Sequence[Rule]
    only: frozenset[uuid.UUID] | None


UTC, ASKED = 0, 1


def scope_of(query: OverviewQuery, resources: Iterable[ResourceDocument]) -> Scope:
    """The scope of a query over the documents of its resources."""
    documents = sorted(resources, key=lambda document: document.resource)
    names = ["UTC", query.zone.key, *sorted({document.time_zone for document in documents})]
    zones = [zone_of(name, "timeZone") for name in names]
    low, high = _reach(query, zones)
    goals = [(document.resource, goal) for document in documents for goal in document.goals]
    return Scope(
        start=query.start,
        stop=query.stop,
        low=low,
        high=high,
        zones=[Zoned(zone.key, _days(low, high, zone)) for zone in zones],
        sites={document.resource: names.index(document.time_zone) for document in documents},
        goals=goals,
        rules=[rule for index, (resource, goal) in enumerate(goals) for rule in _rules(index, resource, goal)],
        only=frozenset(query.resources) if query.resources else None,
    )


def _reach(query: OverviewQuery, zones: Iterable[ZoneInfo]) -> tuple[int, int]:
    """From the midnight before the range to the one after it, of whichever zone is further: visits end at midnight."""
    lows, highs = zip(
        *(
            (start_of(date_at(query.start, zone), zone), start_of(date_at(query.stop - 1, zone) + ONE_DAY, zone))
            for zone in zones
        ),
        strict=True,
    )
    return min(lows), max(highs)


def _days(low: int, high: int, zone: ZoneInfo) -> Sequence[Midnight]:
    """The days that cover [low, high), one more before them for a zone that skips the first."""
    return tuple(midnights(date_at(low, zone) - ONE_DAY, date_at(high, zone), zone))


def _rules(index: int, resource: uuid.UUID, goal: Goal) -> Iterable[Rule]:
    ends = [*(revision.since for revision in goal.revisions[1:]), _FOREVER]
    for revision, until in zip(goal.revisions, ends, strict=True):
        if revision.active:
            yield Rule(index, resource, revision.since, until, revision.filter)
