"""The overview's numbers against an independent recount: whatever the events, whatever of the segments is there."""

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall_common.documents import Goal, GoalFilter, GoalRevision, ResourceDocument
from footfall_report.models.overview import OverviewQuery
from footfall_report.repository.chunks import MemoryChunks
from footfall_report.repository.engine import Bounds, Engine
from footfall_report.repository.segments import SegmentRows
from footfall_report.service.overview import Overviews
from tests.support.recount import recount
from tests.support.report import BLOG, NOON, SHOP, TENANT, Bench, Plain, Shelf, days_around, fresh_tenant, plain

ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia")
AUTUMN = 1_792_886_400_000  # 2026-10-25T00:00Z: Berlin's clocks go back an hour later
STRAY = uuid.UUID("cccccccc-0000-4000-8000-000000000009")
VISITORS = [None, *(uuid.UUID(int=number, version=4) for number in range(1, 4))]
MINUTE = 60_000


class Known:
    """The settings view's part."""

    def __init__(self, sites: list[ResourceDocument]) -> None:
        self.sites = sites

    def resources_of(self, tenant: uuid.UUID) -> list[ResourceDocument]:
        return self.sites


class Now:
    async def as_of(self) -> int:
        return NOON


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("overview"))
    yield made
    made.close()


def overviews(shelf: Shelf, sites: list[ResourceDocument], kept: int = 0) -> tuple[Overviews, Engine]:
    engine = Engine(Bounds(64, 1, None, 0), at_once=1, waiting=4, seconds=30)
    return Overviews(reading(shelf), engine, Known(sites), Now(), kept), engine


def reading(shelf: Shelf) -> SegmentRows:
    return SegmentRows(shelf.store, MemoryChunks(1_000_000), 4, 5)


def as_json(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
    del found["asOf"]
    return found


def mixed(texts: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from(texts)


# On both sides of the half hour, and far enough to meet midnights and the ends of the range.
STEPS = st.sampled_from((0, 1, MINUTE, 29 * MINUTE, 30 * MINUTE, 30 * MINUTE, 30 * MINUTE + 1, 2 * 60 * MINUTE))
WHO = st.sampled_from((VISITORS[1], VISITORS[1], VISITORS[1], VISITORS[2], None))
WHERE = st.sampled_from((SHOP, SHOP, SHOP, BLOG, STRAY))


@st.composite
def events(draw: st.DrawFn) -> list[Plain]:
    ts = AUTUMN + draw(st.integers(-12, 24)) * 30 * MINUTE
    made = []
    for number in range(draw(st.integers(0, 40))):
        ts += draw(STEPS)
        made.append(
            plain(
                number + 1, draw(WHO), ts, draw(WHERE),
                type=draw(mixed(("page-load", "Page-Load", "LEAD", "lead", "identify", "ALIAS"))),
                name=draw(mixed(("", "Shoes", "red SHOES", "Größe"))), value=draw(mixed(("", "a", "Ab"))),
                cost=draw(st.sampled_from((None, 0.0, 9.5, 10.0))),
                occurred=ts - draw(STEPS), received=ts + draw(STEPS),
                campaign=draw(mixed(("", "", "x|||", "y|||"))), channel=draw(mixed(("direct", "email"))),
                source=draw(mixed(("", "news"))), device=draw(mixed(("desktop", "bot"))),
            )
        )  # fmt: skip
    return made


filters = st.builds(
    GoalFilter,
    event_type=mixed(("", "LEAD", "page-load")),
    name_kind=st.integers(0, 4), name=mixed(("", "shoes", "RED", "größe")),
    value_kind=st.integers(0, 4), value=mixed(("", "A", "b")),
    cost_kind=st.integers(0, 3), cost=st.sampled_from((None, 0.0, 9.5)),
)  # fmt: skip


@st.composite
def goals(draw: st.DrawFn, number: int) -> Goal:
    sinces = sorted(draw(st.lists(st.integers(-20, 20), min_size=1, max_size=3)))
    revisions = tuple(
        GoalRevision(since=AUTUMN + since * 60 * MINUTE, active=draw(st.booleans()), filter=draw(filters))
        for since in sinces
    )
    return Goal(
        id=uuid.UUID(int=number, version=4), name=f"goal {number}", origin="api", deleted=draw(st.booleans()),
        revisions=revisions,
    )  # fmt: skip


@st.composite
def sites(draw: st.DrawFn) -> list[ResourceDocument]:
    return [
        ResourceDocument(
            tenant=TENANT.tenant, resource=resource, revision=1, origin="api", time_zone=draw(mixed(ZONES)),
            goals=tuple(draw(goals(base + number)) for number in range(draw(st.integers(0, 2)))),
        )
        for resource, base in ((SHOP, 10), (BLOG, 20))
    ]  # fmt: skip


DAMAGES = (
    "DELETE FROM segment_versions",
    "DELETE FROM chunks",
    "DELETE FROM segment_versions WHERE bucket % 2 = 0",
    "DELETE FROM segment_versions WHERE version = 2",
    "DELETE FROM segment_versions WHERE resource = zeroblob(16)",
    f"DELETE FROM segment_versions WHERE hex(resource) = '{SHOP.hex.upper()}'",
    "DELETE FROM chunks WHERE hex(chunk) < '8'",
)


@settings(max_examples=25)
@given(
    made=events(),
    sites=sites(),
    range_of=st.tuples(st.integers(-1, 1), st.integers(0, 1)),
    zone=mixed(ZONES),
    only=st.sets(st.sampled_from((SHOP, BLOG))),
    segmented=st.integers(0, 30),
    damage=mixed(DAMAGES),
)
def test_every_number_equals_the_recount(
    bench: Bench,
    made: list[Plain],
    sites: list[ResourceDocument],
    range_of: tuple[int, int],
    zone: str,
    only: set[uuid.UUID],
    segmented: int,
    damage: str,
) -> None:
    first = dt.date(2026, 10, 25) + dt.timedelta(days=range_of[0])
    last = first + dt.timedelta(days=range_of[1])
    query = OverviewQuery(first, last, ZoneInfo(zone), tuple(sorted(only)))
    expected = recount(made, sites, first, last, zone, [str(one) for one in only])

    async def counted() -> None:
        tenant, store = fresh_tenant(), bench.shelf
        service, engine = overviews(store, sites)
        try:
            # Some events come after the segments were made, into the same buckets too.
            await store.add(made[:segmented], tenant)
            await store.segment(days_around(AUTUMN, 5), 1, tenant)
            await store.add(made[segmented:], tenant)
            await store.segment(days_around(AUTUMN, 5), 2, tenant)
            assert as_json(await service.overview(tenant, query)) == expected
            await store.run(damage)
            service = Overviews(reading(store), engine, Known(sites), Now(), 0)  # with nothing cached
            assert as_json(await service.overview(tenant, query)) == expected
        finally:
            engine.close()

    bench.run(counted())
