"""The proof that nothing acknowledged is lost and nothing counted twice: traffic, kills, and an independent recount."""

import asyncio
import contextlib
import datetime as dt
import json
import random
import sqlite3
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from footfall_common.clock import to_ms
from footfall_common.documents import Goal, GoalFilter, GoalRevision, ResourceDocument
from footfall_common.tenancy import goal_id
from tests.support.killing import GOALS, KILLS, Sender, caught_up, kill_at_random, killable, overview, whole_feed
from tests.support.process import Up
from tests.support.recount import recount
from tests.support.traffic import Plan, Request, counted, requests

HIDDEN = {"identify"}
ZONES = {"shop": "UTC", "blog": "Europe/Berlin"}


class Proof(NamedTuple):
    """What was proved, in numbers."""

    sent: int
    accepted: int
    rejected: int
    repeated: int
    retries: int
    kills: int
    lost: int
    double: int


async def prove(folder: Path, port: int, plan: Plan) -> Proof:
    """Run the whole of it. What was lost or came twice is counted; AssertionError names anything else that is wrong.

    The overview is compared before and after all segments were deleted, once the feed is right.
    """
    async with killable(folder, port) as up:
        credentials = up.credentials()
        traffic = requests(plan, credentials["resources"], dt.datetime.now(dt.UTC))
        sender = Sender(up, credentials)
        sending = asyncio.create_task(sender.send(traffic))
        kills = await kill_at_random(up, sender, len(traffic), plan.seed)
        await sending
        token = await up.token(credentials)
        await caught_up(up, token, today())
        accepted = _verdicts_hold(sender.told.verdicts)
        feed = await _feed_holds(up, token, accepted)
        if not feed.lost and not feed.double:
            await _overview_holds(up, token, credentials, accepted, feed.times)
            await delete_segments(up)
            await _overview_holds(up, token, credentials, accepted, feed.times)
        return Proof(
            sent=sum(len(request.items) for request in traffic),
            accepted=len(accepted),
            rejected=sum(item.reason is not None for request in traffic for item in request.items),
            repeated=sum(n - 1 for n in Counter(_good_ids(traffic)).values()),
            retries=sender.told.retries,
            kills=kills,
            lost=len(feed.lost),
            double=len(feed.double),
        )


def today() -> str:
    """UTC's date."""
    return dt.datetime.now(dt.UTC).date().isoformat()


def _good_ids(traffic: Sequence[Request]) -> list[str]:
    return [item.event["id"] for request in traffic for item in request.items if item.reason is None]


Accepted = dict[str, tuple[Request, dict[str, Any]]]


def _verdicts_hold(told: Sequence[tuple[Request, list[dict[str, Any]]]]) -> Accepted:
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


class Feed(NamedTuple):
    """The feed's times (ms) by id; accepted ids that it lacks; ids that it holds more than once."""

    times: dict[str, int]
    lost: frozenset[str]
    double: frozenset[str]


async def _feed_holds(up: Up, token: str, accepted: Accepted) -> Feed:
    """Compare the feed with the accepted events of visitors: no line more, and each as it was sent."""
    shown = {
        key: event
        for key, (_, event) in accepted.items()
        if event["trackingId"] is not None and event["type"].lower() not in HIDDEN
    }
    feed = await whole_feed(up, token, sorted({event["trackingId"] for event in shown.values()}))
    seen = Counter(line["eventId"] for line in feed)
    assert not (extra := set(seen) - set(shown)), f"{len(extra)} events nobody sent: {sorted(extra)[:3]}"
    for line in feed:
        _line_holds(line, shown[line["eventId"]])
    return Feed(
        {line["eventId"]: to_ms(dt.datetime.fromisoformat(f"{line['timestamp']}+00:00")) for line in feed},
        frozenset(shown) - frozenset(seen),
        frozenset(key for key, times in seen.items() if times > 1),
    )


def _line_holds(line: dict[str, Any], event: dict[str, Any]) -> None:
    cost = "" if event["cost"] is None else f"{event['cost']:.2f}".rstrip("0").rstrip(".")
    sent = (event["type"], event["name"], event["value"], cost, event["href"], event["referrer"])
    assert tuple(line[f] for f in ("eventType", "eventName", "eventValue", "eventCost", "href", "referrer")) == sent
    # The sender's clock is the receiver's: the correction moves an event by the time its request was on its way.
    moved = dt.datetime.fromisoformat(f"{line['timestamp']}+00:00") - dt.datetime.fromisoformat(event["occurred"])
    assert dt.timedelta(milliseconds=-1) <= moved <= dt.timedelta(seconds=60), (line, event)


async def _overview_holds(
    up: Up, token: str, credentials: dict[str, Any], accepted: Accepted, feed: dict[str, int]
) -> None:
    """The overview of all of it, for several zones and resources, equals a recount of what was accepted."""
    now = to_ms(dt.datetime.now(dt.UTC))
    events = [
        counted(request, event, feed.get(key, to_ms(dt.datetime.fromisoformat(event["occurred"]))), now)
        for key, (request, event) in accepted.items()
    ]
    sites = [_site(credentials, index, name) for index, name in enumerate(GOALS)]
    last = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
    first = last - dt.timedelta(days=6)
    for zone, only in (("UTC", ()), ("America/New_York", ()), ("UTC", (credentials["resources"][1],))):
        query = {"from": first.isoformat(), "to": last.isoformat(), "tz": zone, "resource": list(only)}
        told = await overview(up, token, **query)
        assert told.pop("asOf")
        told, counted_again = normal(told), normal(recount(events, sites, first, last, zone, only))
        assert told.keys() == counted_again.keys()
        for name, numbers in told.items():
            assert numbers == counted_again[name], f"{name} in {zone}: {numbers} is not {counted_again[name]}"


def _site(credentials: dict[str, Any], index: int, name: str) -> ResourceDocument:
    """The manifest's site as the recount takes it, its goal in force from the beginning."""
    resource = uuid.UUID(credentials["resources"][index])
    goal, event_type = GOALS[name]
    revision = GoalRevision(since=0, active=True, filter=GoalFilter(event_type=event_type))
    return ResourceDocument(
        tenant=uuid.UUID(credentials["tenantId"]),
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


async def delete_segments(up: Up) -> None:
    """Take away all segments and chunks, in the data file and in the report's own cache, while the process runs."""

    def work() -> None:
        with contextlib.closing(sqlite3.connect(up.data / "store.db", timeout=30)) as connection, connection:
            for table in ("segments", "segment_chunks", "chunks"):
                connection.execute(f"DELETE FROM {table}")
        for chunk in (up.data / "report" / "chunks").iterdir():
            chunk.unlink()

    await asyncio.to_thread(work)


def a_seed() -> int:
    """A seed to print, so that a failing run can be run again."""
    return random.SystemRandom().randrange(2**31)


__all__ = ["KILLS", "Proof", "a_seed", "prove"]
