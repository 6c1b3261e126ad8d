"""What a tenant was told against what it can read: every accepted event once in the feed, and every number right."""

import datetime as dt
import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from footfall_common.clock import to_ms
from footfall_common.documents import Goal, GoalFilter, GoalRevision, ResourceDocument
from footfall_common.tenancy import goal_id
from tests.support.account import Account
from tests.support.recount import recount
from tests.support.traffic import Request, counted

MANIFEST = """
apiVersion: footfall.dev/v1alpha1
kind: TrackingTenant
metadata: {name: acme}
spec:
  tenantId: acme
  placement: Pooled
  sites:
    - {name: shop, goals: [{name: order, event: purchase}]}
    - {name: blog, timeZone: Europe/Berlin, goals: [{name: lead, event: SEND_FORM}]}
"""
GOALS = {"shop": ("order", "purchase"), "blog": ("lead", "SEND_FORM")}
ZONES = {"shop": "UTC", "blog": "Europe/Berlin"}
HIDDEN = {"identify"}
UNDER_WAY = dt.timedelta(seconds=60)
"""The longest that a request is on its way: its sender gives it up and sends it anew."""

Accepted = dict[str, tuple[Request, dict[str, Any]]]
"""Events that were accepted, by id, each with the request that brought it."""


class Feed(NamedTuple):
    """The feed's times (ms) by id; accepted ids that it lacks; ids that it holds more than once."""

    times: dict[str, int]
    lost: frozenset[str]
    double: frozenset[str]


class Difference(NamedTuple):
    """A part of an overview that is wrong. `events` = how many too many (below 0: too few) it counts in all."""

    zone: str
    name: str
    told: Any
    right: Any
    events: int


def good_ids(traffic: Sequence[Request]) -> list[str]:
    """The ids of all events that are not to be rejected, repeats included."""
    return [item.event["id"] for request in traffic for item in request.items if item.reason is None]


def verdicts_hold(told: Sequence[tuple[Request, list[dict[str, Any]]]]) -> Accepted:
    """Every malformed event was rejected with its reason, every other one accepted; returns those by id."""
    accepted: Accepted = {}
    for request, verdicts in told:
        for item, verdict in zip(request.items, verdicts, strict=True):
            assert verdict["id"] == item.event["id"], (item, verdict)
            if item.reason is None:
                assert verdict["status"] in {"accepted", "duplicate"}, (item, verdict)
                accepted[verdict["id"]] = (request, item.event)
            else:
                assert (verdict["status"], verdict["reason"]) == ("rejected", item.reason), (item, verdict)
                assert verdict["message"], verdict
    return accepted


async def read_feed(account: Account, token: str, accepted: Accepted, ahead: dt.timedelta = dt.timedelta()) -> Feed:
    """Compare the feed with the accepted events of visitors: no line more, and each as it was sent.

    `ahead` = by how much the receiver's clock is ahead of the sender's: so far an event's time may move.
    """
    shown = {
        key: event
        for key, (_, event) in accepted.items()
        if event["trackingId"] is not None and event["type"].lower() not in HIDDEN
    }
    feed = await account.whole_feed(token, sorted({event["trackingId"] for event in shown.values()}))
    seen = Counter(line["eventId"] for line in feed)
    assert not (extra := set(seen) - set(shown)), f"{len(extra)} events nobody sent: {sorted(extra)[:3]}"
    for line in feed:
        _line_holds(line, shown[line["eventId"]], ahead)
    return Feed(
        {line["eventId"]: to_ms(dt.datetime.fromisoformat(f"{line['timestamp']}+00:00")) for line in feed},
        frozenset(shown) - frozenset(seen),
        frozenset(key for key, times in seen.items() if times > 1),
    )


def _line_holds(line: dict[str, Any], event: dict[str, Any], ahead: dt.timedelta) -> None:
    cost = "" if event["cost"] is None else f"{event['cost']:.2f}".rstrip("0").rstrip(".")
    sent = (event["type"], event["name"], event["value"], cost, event["href"], event["referrer"])
    assert tuple(line[f] for f in ("eventType", "eventName", "eventValue", "eventCost", "href", "referrer")) == sent
    # The correction moves an event by the time its request was on its way, and by what the receiver's clock is off.
    moved = dt.datetime.fromisoformat(f"{line['timestamp']}+00:00") - dt.datetime.fromisoformat(event["occurred"])
    least, most = min(ahead, dt.timedelta()), max(ahead, dt.timedelta())
    assert least - dt.timedelta(milliseconds=1) <= moved <= most + UNDER_WAY, (line, event)


async def overview_differences(
    account: Account, token: str, accepted: Accepted, feed: Mapping[str, int]
) -> list[Difference]:
    """Where overviews of several zones and resources differ from a recount of what was accepted. `feed` as in Feed."""
    now = to_ms(dt.datetime.now(dt.UTC))
    events = [
        counted(request, event, feed.get(key, to_ms(dt.datetime.fromisoformat(event["occurred"]))), now)
        for key, (request, event) in accepted.items()
    ]
    sites = [_site(account, index, name) for index, name in enumerate(GOALS)]
    last = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
    first = last - dt.timedelta(days=6)
    found: list[Difference] = []
    for zone, only in (("UTC", ()), ("America/New_York", ()), ("UTC", (account.resources[1],))):
        query = {"from": first.isoformat(), "to": last.isoformat(), "tz": zone, "resource": list(only)}
        told = await account.overview(token, **query)
        assert told.pop("asOf")
        told, right = normal(told), normal(recount(events, sites, first, last, zone, only))
        assert told.keys() == right.keys()
        more = told["totals"]["events"] - right["totals"]["events"]
        found += [Difference(zone, name, told[name], right[name], more) for name in told if told[name] != right[name]]
    return found


def _site(account: Account, index: int, name: str) -> ResourceDocument:
    """The manifest's site as the recount takes it, its goal in force from the beginning."""
    resource = uuid.UUID(account.resources[index])
    goal, event_type = GOALS[name]
    revision = GoalRevision(since=0, active=True, filter=GoalFilter(event_type=event_type))
    return ResourceDocument(
        tenant=uuid.UUID(account.tenant),
        resource=resource,
        revision=1,
        origin="manifest",
        name=name,
        time_zone=ZONES[name],
        goals=(Goal(id=goal_id(resource, goal), name=goal, origin="manifest", revisions=(revision,)),),
    )


def normal(numbers: dict[str, Any]) -> dict[str, Any]:
    """The same numbers with their lists in one order."""
    return {
        name: sorted(value, key=_in_order) if isinstance(value, list) else value
        for name, value in sorted(numbers.items())
    }


def _in_order(line: dict[str, Any]) -> str:
    return json.dumps(line, sort_keys=True)
