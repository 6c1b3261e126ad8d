"""Where visits begin and end, what they belong to, and what goals see of them: one rule of the design a test."""

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from footfall_common.documents import Goal, GoalFilter, GoalRevision, ResourceDocument
from footfall_report.models.overview import OverviewQuery
from footfall_report.repository.chunks import MemoryChunks
from footfall_report.repository.engine import Bounds, Engine
from footfall_report.repository.segments import SegmentRows
from footfall_report.service.overview import Overviews
from tests.support.recount import recount
from tests.support.report import NOON, SHOP, TENANT, Bench, Plain, fresh_tenant, plain

ANNA, BEN = (uuid.UUID(int=number, version=4) for number in (1, 2))
DAY = dt.date(2026, 11, 23)
MINUTE, HOUR = 60_000, 3_600_000
MIDNIGHT = NOON - 12 * HOUR


class Known:
    def __init__(self, site: ResourceDocument) -> None:
        self.site = site

    def resources_of(self, tenant: uuid.UUID) -> list[ResourceDocument]:
        return [self.site]


class Now:
    async def as_of(self) -> int:
        return NOON


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("visits"))
    yield made
    made.close()


def site(zone: str = "UTC", *goals: Goal) -> ResourceDocument:
    return ResourceDocument(tenant=TENANT.tenant, resource=SHOP, revision=1, origin="api", time_zone=zone, goals=goals)


def goal(*revisions: GoalRevision) -> Goal:
    return Goal(id=uuid.UUID(int=9, version=4), name="lead", origin="manifest", revisions=revisions)


def overview(
    bench: Bench,
    events: Sequence[Plain],
    of: ResourceDocument | None = None,
    first: dt.date = DAY,
    last: dt.date = DAY,
    tz: str = "UTC",
) -> dict[str, Any]:
    """What report answers, after the recount has agreed."""
    known = of or site()

    async def asked() -> dict[str, Any]:
        tenant, store = fresh_tenant(), bench.shelf
        await store.add(events, tenant)
        engine = Engine(Bounds(64, 1, None, 0), at_once=1, waiting=4, seconds=30)
        try:
            rows = SegmentRows(store.store, MemoryChunks(1), 4)
            service = Overviews(rows, engine, Known(known), Now(), 0)
            answer = await service.overview(tenant, OverviewQuery(first, last, ZoneInfo(tz), ()))
        finally:
            engine.close()
        found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
        del found["asOf"]
        return found

    answer = bench.run(asked())
    assert answer == recount(events, [known], first, last, tz)
    return answer


@pytest.mark.parametrize(("gap", "visits"), [(30 * MINUTE, 1), (30 * MINUTE + 1, 2)])
def test_more_than_thirty_minutes_end_a_visit(bench: Bench, gap: int, visits: int) -> None:
    assert overview(bench, [plain(1, ANNA, NOON), plain(2, ANNA, NOON + gap)])["totals"]["visits"] == visits


def test_a_visit_may_last_hours(bench: Bench) -> None:
    events = [plain(n + 1, ANNA, NOON + n * 20 * MINUTE) for n in range(12)]
    assert overview(bench, events)["totals"] == {"events": 12, "pageViews": 12, "visitors": 1, "visits": 1}


@pytest.mark.parametrize(("zone", "visits"), [("UTC", 1), ("Europe/Berlin", 2), ("Asia/Kathmandu", 1)])
def test_midnight_of_the_site_ends_a_visit(bench: Bench, zone: str, visits: int) -> None:
    midnight_in_berlin = NOON + 11 * HOUR
    events = [plain(1, ANNA, midnight_in_berlin - 1), plain(2, ANNA, midnight_in_berlin)]
    assert overview(bench, events, site(zone))["totals"]["visits"] == visits


@pytest.mark.parametrize(
    ("campaigns", "visits"),
    [
        (("a", "", "a", ""), 1),
        (("", "a", "", "a"), 2),
        (("a", "b", "", "a"), 3),
        (("a", "", "b", "b"), 2),
        (("", "", "", ""), 1),
    ],
)
def test_another_campaign_ends_a_visit(bench: Bench, campaigns: tuple[str, ...], visits: int) -> None:
    events = [plain(n + 1, ANNA, NOON + n * MINUTE, campaign=name) for n, name in enumerate(campaigns)]
    assert overview(bench, events)["totals"]["visits"] == visits


def test_a_pause_forgets_the_campaign(bench: Bench) -> None:
    # Without the pause, x would be the visit's own; after it the visit's campaign is the empty one of its first event.
    later = NOON + 31 * MINUTE
    events = [
        plain(1, ANNA, NOON, campaign="x"),
        plain(2, ANNA, later),
        plain(3, ANNA, later + 1, campaign="x"),
    ]
    assert overview(bench, events)["totals"]["visits"] == 3


def test_source_and_page_views_are_those_of_the_whole_visit(bench: Bench) -> None:
    events = [
        plain(1, ANNA, NOON, type="CLICK", channel="email", source="news"),
        plain(2, ANNA, NOON + 1),
        plain(3, ANNA, NOON + 2, type="PAGE-LOAD"),
        plain(4, BEN, NOON, channel="email", source="news"),
    ]
    assert overview(bench, events)["sources"] == [
        {"channel": "email", "source": "news", "visits": 2, "visitors": 2, "pageViews": 3}
    ]


def test_a_visit_belongs_to_the_day_of_its_first_event(bench: Bench) -> None:
    # Berlin's midnight lies an hour before the report's: one visit crosses the end of the report's day.
    events = [plain(1, ANNA, MIDNIGHT - 10 * MINUTE), plain(2, ANNA, MIDNIGHT + 10 * MINUTE)]
    berlin = site("Europe/Berlin")
    yesterday = DAY - dt.timedelta(days=1)
    assert overview(bench, events, berlin)["totals"] == {"events": 1, "pageViews": 1, "visitors": 1, "visits": 0}
    assert overview(bench, events, berlin, yesterday, yesterday)["totals"]["visits"] == 1
    assert [day["visits"] for day in overview(bench, events, berlin, yesterday)["days"]] == [1, 0]


def test_days_are_those_of_tz(bench: Bench) -> None:
    events = [plain(1, ANNA, MIDNIGHT - 1), plain(2, BEN, MIDNIGHT)]
    apia = overview(bench, events, first=DAY - dt.timedelta(days=1), tz="Pacific/Apia")
    assert [(day["day"], day["visits"]) for day in apia["days"]] == [("2026-11-22", 0), ("2026-11-23", 2)]


def test_visitors_of_a_range_are_distinct_and_those_without_id_are_none(bench: Bench) -> None:
    events = [
        plain(1, ANNA, NOON - 24 * HOUR),
        plain(2, ANNA, NOON),
        plain(3, None, NOON),
        plain(4, BEN, NOON, type="identify"),
    ]
    answer = overview(bench, events, first=DAY - dt.timedelta(days=1))
    assert answer["totals"] == {"events": 3, "pageViews": 3, "visitors": 1, "visits": 2}
    assert [day["visitors"] for day in answer["days"]] == [1, 1]


def test_bots_count_and_can_be_told(bench: Bench) -> None:
    answer = overview(bench, [plain(1, ANNA, NOON), plain(2, BEN, NOON, device="bot", os="", browser="")])
    assert answer["totals"]["visitors"] == 2
    assert [(line["device"], line["visitors"]) for line in answer["devices"]] == [("bot", 1), ("desktop", 1)]


def test_an_empty_range_has_every_day_and_zeros(bench: Bench) -> None:
    nothing = {"events": 0, "pageViews": 0, "visitors": 0, "visits": 0}
    answer = overview(bench, [], last=DAY + dt.timedelta(days=1))
    assert answer["totals"] == nothing
    assert answer["days"] == [{"day": "2026-11-23"} | nothing, {"day": "2026-11-24"} | nothing]
    assert answer["resources"] == [{"resource": str(SHOP)} | nothing]


def test_a_goal_is_judged_by_the_revision_in_force_when_received(bench: Bench) -> None:
    old = GoalRevision(since=0, active=True, filter=GoalFilter(event_type="LEAD"))
    off = GoalRevision(since=NOON, active=False, filter=GoalFilter())
    new = GoalRevision(since=NOON + HOUR, active=True, filter=GoalFilter(event_type="order", cost_kind=3, cost=10.0))
    events = [
        plain(1, ANNA, NOON - 1, type="lead"),
        plain(2, ANNA, NOON, type="lead"),
        plain(3, ANNA, NOON + 1, type="lead", received=NOON - 1),
        plain(4, BEN, NOON + HOUR, type="ORDER", cost=10.0),
        plain(5, BEN, NOON + HOUR, type="ORDER", cost=9.99),
        plain(6, None, NOON + HOUR, type="ORDER", cost=11.0),
        plain(7, BEN, NOON + HOUR, type="ORDER"),
    ]
    (line,) = overview(bench, events, site("UTC", goal(old, off, new)))["goals"]
    assert (line["events"], line["visits"], line["visitors"], line["conversionRate"]) == (4, 2, 2, 1.0)


def test_a_match_after_the_range_counts_for_the_visit_that_began_in_it(bench: Bench) -> None:
    rule = GoalRevision(since=0, active=True, filter=GoalFilter(event_type="lead"))
    berlin = site("Europe/Berlin", goal(rule))
    end = MIDNIGHT + 24 * HOUR
    events = [plain(1, ANNA, end - 1), plain(2, ANNA, end, type="LEAD"), plain(3, BEN, NOON)]
    (line,) = overview(bench, events, berlin)["goals"]
    assert (line["events"], line["visits"], line["visitors"], line["conversionRate"]) == (0, 1, 0, 0.5)


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        (0, "x", True),
        (1, "RED SHOES", True),
        (1, "red", False),
        (2, "D SH", True),
        (3, "Red", True),
        (4, "shoes", True),
    ],
)
def test_text_filters_compare_without_case(bench: Bench, kind: int, text: str, *, found: bool) -> None:
    rule = GoalFilter(name_kind=kind, name=text)  # type: ignore[arg-type] # a literal, as the parameters are
    events = [plain(1, ANNA, NOON, name="red Shoes")]
    (line,) = overview(bench, events, site("UTC", goal(GoalRevision(since=0, active=True, filter=rule))))["goals"]
    assert line["events"] == int(found)


def test_a_match_of_a_visit_from_before_the_range_is_an_event_and_no_visit(bench: Bench) -> None:
    rule = GoalRevision(since=0, active=True, filter=GoalFilter(event_type="lead"))
    events = [plain(1, ANNA, MIDNIGHT - 1), plain(2, ANNA, MIDNIGHT, type="LEAD"), plain(3, BEN, NOON)]
    (line,) = overview(bench, events, site("Europe/Berlin", goal(rule)))["goals"]
    assert (line["events"], line["visits"], line["visitors"], line["conversionRate"]) == (1, 0, 1, 0.0)
