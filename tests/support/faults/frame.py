"""One run of a scenario: traffic, the fault in the middle of it, and a count of what came of it all."""

import asyncio
import contextlib
import datetime as dt
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from footfall_common.testing import eventually
from tests.support.account import Account
from tests.support.faults.scenarios import Afterwards, Scenario, Scene
from tests.support.faults.stack import Stack
from tests.support.reckoning import Accepted, overview_differences, read_feed, verdicts_hold
from tests.support.sending import Pace, Sender, Told
from tests.support.traffic import Plan, requests

BEFORE = 0.1
"""The share of the traffic that is answered before the fault begins."""
SENDING_SECONDS = 240.0
A_MILLISECOND = dt.timedelta(milliseconds=1)


@dataclass(frozen=True)
class Times:
    """Seconds. `longest` outlasts every time-out of ours; `outage` is how long Cassandra stays away."""

    longest: float = 16.0
    outage: float = 120.0


class Outcome(NamedTuple):
    """What came of a scenario, in numbers. `failure` = what else is wrong; "" when nothing."""

    name: str
    accepted: int
    lost: int
    double: int
    retries: int
    refusals: Mapping[str, int]
    slowest: float
    seconds: float
    failure: str

    @property
    def right(self) -> bool:
        """Nothing lost, nothing doubled, nothing else wrong."""
        return not (self.lost or self.double or self.failure)


class Count(NamedTuple):
    """A reckoning after all was caught up."""

    accepted: int
    lost: int
    double: int
    faults: str


async def run(stack: Stack, scenario: Scenario, plan: Plan, times: Times) -> Outcome:
    """Run one scenario on a healthy stack, with a tenant of its own, and leave the stack healthy."""
    began = time.monotonic()
    dice = random.Random(f"{plan.seed} {scenario.name}")
    age = 2 * max(0, -scenario.ahead // A_MILLISECOND)
    account = await stack.account(f"{scenario.name}-{plan.seed}", age=age)
    traffic = requests(plan, account.resources, dt.datetime.now(dt.UTC))
    pace = Pace(len(traffic), scenario.seconds)
    sender = Sender(account, again=True, pace=pace)
    count = Count(0, 0, 0, "")
    failure = ""
    try:
        async with asyncio.timeout(SENDING_SECONDS + 3 * scenario.seconds), asyncio.TaskGroup() as group:
            group.create_task(sender.send(traffic))
            await eventually(lambda: sender.told.answered >= len(traffic) * BEFORE, SENDING_SECONDS)
            scene = Scene(stack, account, sender, dice, times.longest, times.outage)
            await scenario.fault(scene)
            pace.free()
        count = await counted(account, sender.told, scenario)
        if scenario.afterwards and not count.faults:
            count = await _unchanged(scene, scenario.afterwards, scenario)
    except BaseException as error:
        failure = _sentence(error)
        if not isinstance(error, Exception):
            raise
    finally:
        with contextlib.suppress(AssertionError):
            await stack.heal()
    told = sender.told
    return Outcome(
        scenario.name,
        count.accepted,
        count.lost,
        count.double,
        told.retries,
        dict(told.refusals),
        round(told.slowest, 2),
        round(time.monotonic() - began, 1),
        failure or count.faults,
    )


async def counted(account: Account, told: Told, scenario: Scenario) -> Count:
    """Wait until everything that was answered is said to be in the reports, and count it there."""
    token = await account.token()
    await account.caught_up(token, scenario.caught_up)
    accepted = verdicts_hold(told.verdicts)
    return await reckoned(account, token, accepted, scenario.ahead)


async def _unchanged(scene: Scene, afterwards: Afterwards, scenario: Scenario) -> Count:
    """Do it, wait until it is in the reports, and compare them with what they were."""
    account = scene.account
    accepted = verdicts_hold(scene.sender.told.verdicts)
    visitors = sorted({event["trackingId"] for _, event in accepted.values() if event["trackingId"]})
    before = await reports(account, await account.token(), visitors)
    await afterwards(scene)
    token = await account.token()
    await account.caught_up(token, scenario.caught_up)
    count = await reckoned(account, token, accepted, scenario.ahead)
    after = await reports(account, token, visitors)
    changed = [name for name in before if before[name] != after[name]]
    return count._replace(faults=count.faults or (f"changed by it: {', '.join(changed)}" if changed else ""))


async def reports(account: Account, token: str, visitors: Sequence[str]) -> dict[str, Any]:
    """All that a tenant can read, without `asOf`."""
    found: dict[str, Any] = {"feed": await account.whole_feed(token, visitors)}
    last = dt.datetime.now(dt.UTC).date()
    days = {"from": (last - dt.timedelta(days=5)).isoformat(), "to": last.isoformat()}
    for zone in ("UTC", "America/New_York"):
        found[zone] = await account.overview(token, **days, tz=zone)
        found[zone].pop("asOf")
    return found


async def reckoned(account: Account, token: str, accepted: Accepted, ahead: dt.timedelta) -> Count:
    """The accepted events against feed and overview."""
    feed = await read_feed(account, token, accepted, ahead)
    found = await overview_differences(account, token, accepted, feed.times)
    more = max((one.events for one in found), default=0)
    fewer = -min((one.events for one in found), default=0)
    faults = "; ".join(f"{one.name} in {one.zone}: {one.told} is not {one.right}" for one in found)
    return Count(
        len(accepted),
        max(len(feed.lost), fewer),
        max(len(feed.double), more),
        faults[:2_000] or (f"lost from the feed: {sorted(feed.lost)[:5]}" if feed.lost else ""),
    )


def _sentence(error: BaseException) -> str:
    """An error in one line, the innermost of a group."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"[:2_000]


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """All of them together, as `make prove` prints them."""
    return {
        "scenarios": len(outcomes),
        "failed": sum(not one.right for one in outcomes),
        "accepted": sum(one.accepted for one in outcomes),
        "lost": sum(one.lost for one in outcomes),
        "double": sum(one.double for one in outcomes),
        "retries": sum(one.retries for one in outcomes),
    }
