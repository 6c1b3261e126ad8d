"""Several workers on one bucket and day: who is late loses, and what is gone is made again."""

import itertools
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from footfall_common.documents import NIL
from footfall_common.store.standing import folded_of, own_of
from tests.support.days import FIRST, LATER, TODAY, Site
from tests.support.report import BLOG, SHOP, fresh_tenant, shelf


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    with ThreadPoolExecutor(1) as executor:
        async with shelf(tmp_path) as store:
            yield Site(store, fresh_tenant(), executor)


async def arrive(site: Site, *, bucket: int = FIRST, events: int = 2) -> None:
    """Events of both resources are stored and marked."""
    for number in range(events):
        for resource in (SHOP, BLOG):
            site.send(number % 2, bucket, resource)
    for _ in range(2 * events):
        await site.land(0)


async def checked(site: Site) -> None:
    assert await site.read() == sorted(site.stored)


@pytest.mark.parametrize("cuts", list(itertools.product((None, 1, 2), (None, 1, 2))))
@pytest.mark.parametrize("stale_last", [True, False])
@pytest.mark.parametrize("closing", [False, True])
async def test_of_two_workers_the_higher_version_stands(
    site: Site, *, cuts: tuple[int | None, int | None], stale_last: bool, closing: bool
) -> None:
    """Both read the same segments; one has fewer marks in hand. Each may die after one or two of its three rows."""
    await arrive(site)
    await site.drain()
    await arrive(site)
    if closing:
        await site.look(LATER)
    await site.poll(1, 0, 2)  # a part of the marks, then another owner takes all
    await site.poll(2, 0, 100)
    for worker in (2, 1) if stale_last else (1, 2):
        await site.put(worker, cuts[worker - 1])
        await checked(site)
    await site.drain()
    await checked(site)
    await arrive(site)
    await site.settle()
    await checked(site)
    assert await site.whole()


@pytest.mark.parametrize("cut", [None, 0, 1, 2])
async def test_a_fold_that_comes_late_loses_to_a_later_one(site: Site, cut: int | None) -> None:
    await arrive(site)
    await site.drain()
    await site.look(LATER)
    await site.poll(9, 0, 100)
    await site.put(9)  # closed
    await site.poll(1, 1, 100)  # folds, and waits
    await arrive(site)
    await site.settle()
    await site.sweep(1)
    standing = await site.shelf.store.segments.day_heads(site.tenant, TODAY)
    await site.put(1, cut)
    await checked(site)
    assert await site.shelf.store.segments.day_heads(site.tenant, TODAY) == standing
    assert await site.whole()


async def test_a_fold_takes_whole_buckets_in_rounds(site: Site) -> None:
    for bucket in range(5):
        await arrive(site, bucket=FIRST + bucket)
    await site.drain()
    await site.look(LATER)
    await site.poll(9, 0, 100)
    await site.put(9)
    held = []
    for _ in range(5):
        await site.poll(9, 1, 100)
        await site.put(9)
        held.append(len(folded_of(await site.shelf.store.segments.day_heads(site.tenant, TODAY))))
        await checked(site)
    assert held == [1, 2, 3, 4, 5]


DAY_LOST = "DELETE FROM segment_versions WHERE span = '1d'"
DAY_NIL_LOST = f"{DAY_LOST} AND resource = zeroblob(16)"
CHUNKS_LOST = "DELETE FROM chunks"


@pytest.mark.parametrize("swept", [False, True])
@pytest.mark.parametrize("damage", [DAY_LOST, DAY_NIL_LOST, CHUNKS_LOST])
@pytest.mark.parametrize("late", [False, True])
async def test_a_day_that_lost_something_reads_the_same(site: Site, *, damage: str, swept: bool, late: bool) -> None:
    for bucket in range(3):
        await arrive(site, bucket=FIRST + bucket)
    await site.settle()
    if swept:
        await site.sweep(1)
    if late:
        await arrive(site)
        await site.drain()
        own = own_of(await site.shelf.store.segments.bucket_heads(site.tenant, FIRST))
        assert own is not None
        assert own.base is not None
    await site.shelf.run(damage)
    await checked(site)
    await arrive(site)
    await site.settle()
    await checked(site)


async def test_what_the_folded_chunks_lost_is_made_from_rows(site: Site) -> None:
    """A chunk that stands alone is not read when the day is folded; once it is to be joined, it is missed."""
    for bucket in range(3):
        await arrive(site, bucket=FIRST + bucket, events=1)
    await site.settle()
    await site.sweep(1)
    await site.shelf.run(CHUNKS_LOST)
    await arrive(site, bucket=FIRST + 1, events=1)
    await site.settle()
    await site.sweep(1)
    assert await site.whole()
    await checked(site)
    day = {head.resource: head for head in await site.shelf.store.segments.day_heads(site.tenant, TODAY)}
    assert day[NIL].rows == len(site.stored)
    names = [chunk for head in day.values() for chunk in head.chunks]
    assert (await site.shelf.store.segments.chunks(site.tenant, names)).keys() == set(names)
