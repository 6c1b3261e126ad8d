"""An overview counted again, by loops over plain dicts: written from the design's words, sharing nothing with report.

An event is a dict: id, trackingId (None = no visitor), resource, occurred, ts, received (ms), type; and where they
matter name, value, cost (None = none), device, os, browser, channel, source, campaign. Identifiers are texts in lower
case. A site is a ResourceDocument. The answer has the shape of `GET /api/v1/overview`, without asOf.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from footfall_common.documents import Goal, GoalFilter, ResourceDocument

Event = dict[str, Any]
Visit = list[Event]

HALF_AN_HOUR = 30 * 60 * 1000
HIDDEN = {"identify", "alias"}


def recount(
    events: Iterable[Event],
    sites: Sequence[ResourceDocument],
    first: dt.date,
    last: dt.date,
    zone: str = "UTC",
    resources: Sequence[str] = (),
) -> dict[str, Any]:
    """The overview of the days `first` to `last`, both included, of these resources (none = all)."""
    of = {str(site.resource): site for site in sites if not resources or str(site.resource) in resources}
    kept = [one for one in distinct(events) if not resources or one["resource"] in resources]
    visits = [visit for mine in by_visitor(kept) for visit in visits_of(mine, of)]

    def day(event: Event) -> dt.date:
        return local_date(event["ts"], zone)

    inside = [event for event in kept if first <= day(event) <= last]
    begun = [visit for visit in visits if first <= day(visit[0]) <= last]
    days = [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]
    named = sorted({*of, *(event["resource"] for event in inside)})
    return {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "tz": zone,
        "totals": numbers(inside, begun),
        "days": [
            {"day": one.isoformat()}
            | numbers([event for event in inside if day(event) == one], [v for v in begun if day(v[0]) == one])
            for one in days
        ],
        "resources": [
            {"resource": one}
            | numbers([e for e in inside if e["resource"] == one], [v for v in begun if v[0]["resource"] == one])
            for one in named
        ],
        "sources": sources(begun),
        "devices": devices(inside),
        "goals": [
            line
            for resource in sorted(of)
            for goal in of[resource].goals
            if (line := goal_line(goal, resource, kept, inside, begun)) is not None
        ],
    }


def distinct(events: Iterable[Event]) -> list[Event]:
    """Each event once, hidden types left out."""
    found: dict[tuple[Any, int, str], Event] = {}
    for event in events:
        if event["type"].lower() not in HIDDEN:
            found.setdefault((event["trackingId"], event["occurred"] // 86_400_000, event["id"]), event)
    return list(found.values())


def by_visitor(events: Iterable[Event]) -> Iterable[list[Event]]:
    """The events of each visitor on each resource, in the order of time."""
    mine: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        if event["trackingId"] is not None:
            mine[event["resource"], event["trackingId"]].append(event)
    for several in mine.values():
        yield sorted(several, key=lambda event: (event["ts"], event["id"]))


def visits_of(events: Sequence[Event], sites: dict[str, ResourceDocument]) -> list[Visit]:
    """A visit ends after more than 30 minutes, at midnight of its site, or with another campaign."""
    visits: list[Visit] = []
    for event in events:
        site = sites.get(event["resource"])
        if not visits or ends(visits[-1], event, site.time_zone if site else "UTC"):
            visits.append([])
        visits[-1].append(event)
    return visits


def ends(visit: Visit, event: Event, zone: str) -> bool:
    before = visit[-1]
    campaign = event.get("campaign", "")
    return (
        event["ts"] - before["ts"] > HALF_AN_HOUR
        or local_date(event["ts"], zone) != local_date(before["ts"], zone)
        or (campaign != "" and campaign != visit[0].get("campaign", ""))
    )


def numbers(events: Sequence[Event], visits: Sequence[Visit]) -> dict[str, int]:
    return {
        "events": len(events),
        "pageViews": page_views(events),
        "visitors": visitors(events),
        "visits": len(visits),
    }


def sources(visits: Sequence[Visit]) -> list[dict[str, Any]]:
    """Of the visits that began in the range, whole, by what brought their first event."""
    groups: dict[tuple[str, str], list[Visit]] = defaultdict(list)
    for visit in visits:
        groups[visit[0].get("channel", ""), visit[0].get("source", "")].append(visit)
    lines = [
        {
            "channel": channel,
            "source": source,
            "visits": len(several),
            "visitors": len({visit[0]["trackingId"] for visit in several}),
            "pageViews": sum(map(page_views, several)),
        }
        for (channel, source), several in groups.items()
    ]
    return sorted(lines, key=lambda line: (-line["visits"], line["channel"], line["source"]))


def devices(events: Sequence[Event]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str, str], list[Event]] = defaultdict(list)
    for event in events:
        groups[event.get("device", "other"), event.get("os", ""), event.get("browser", "")].append(event)
    lines = [
        {"device": device, "os": os, "browser": browser, "visitors": visitors(some), "pageViews": page_views(some)}
        for (device, os, browser), some in groups.items()
    ]
    return sorted(
        lines, key=lambda line: (-line["visitors"], -line["pageViews"], line["device"], line["os"], line["browser"])
    )


def goal_line(
    goal: Goal, resource: str, kept: Sequence[Event], inside: Sequence[Event], begun: Sequence[Visit]
) -> dict[str, Any] | None:
    """The goal's numbers; None for a deleted one without any."""
    hits = {id(event) for event in kept if event["resource"] == resource and reached(goal, event)}
    here = [event for event in inside if id(event) in hits]
    visits = [visit for visit in begun if visit[0]["resource"] == resource]
    with_match = sum(any(id(event) in hits for event in visit) for visit in visits)
    if goal.deleted and not here and not with_match:
        return None
    return {
        "goal": str(goal.id),
        "name": goal.name,
        "resource": resource,
        "events": len(here),
        "visits": with_match,
        "visitors": visitors(here),
        "conversionRate": with_match / len(visits) if visits else 0.0,
    }


def reached(goal: Goal, event: Event) -> bool:
    """Judged by the revision in force when the event was received."""
    in_force = [revision for revision in goal.revisions if revision.since <= event["received"]]
    return bool(in_force) and in_force[-1].active and matches(in_force[-1].filter, event)


def matches(rule: GoalFilter, event: Event) -> bool:
    return (
        (rule.event_type == "" or rule.event_type.lower() == event["type"].lower())
        and text_matches(rule.name_kind, event.get("name", ""), rule.name)
        and text_matches(rule.value_kind, event.get("value", ""), rule.value)
        and cost_matches(rule.cost_kind, event.get("cost"), rule.cost)
    )


def text_matches(kind: int, text: str, wanted: str) -> bool:
    text, wanted = text.lower(), wanted.lower()
    return [True, text == wanted, wanted in text, text.startswith(wanted), text.endswith(wanted)][kind]


def cost_matches(kind: int, cost: float | None, wanted: float | None) -> bool:
    if kind == 0:
        return True
    if cost is None or wanted is None:
        return False
    return [True, cost == wanted, cost <= wanted, cost >= wanted][kind]


def page_views(events: Iterable[Event]) -> int:
    return sum(event["type"].lower() == "page-load" for event in events)


def visitors(events: Iterable[Event]) -> int:
    return len({event["trackingId"] for event in events} - {None})


def local_date(moment: int, zone: str) -> dt.date:
    return dt.datetime.fromtimestamp(moment / 1000, ZoneInfo(zone)).date()
