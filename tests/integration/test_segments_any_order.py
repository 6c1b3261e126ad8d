"""Whatever happens to segments, and in whatever order, a report reads each stored event: against a plain set."""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footfall_common.events.times import DAY
from footfall_common.store import Span
from tests.support.days import BUCKETS, MIDNIGHT, RESOURCES, TODAY, Site
from tests.support.report import Bench, fresh_tenant

Step = tuple[str, int, int, int]
small = st.integers(0, 5)
sending = st.tuples(st.just("send"), st.integers(0, 1), st.integers(0, 2), st.integers(0, 1))
working = st.one_of(
    st.tuples(st.just("land"), small, small, small),
    st.tuples(st.just("poll"), st.integers(0, 2), st.integers(0, 1), st.integers(1, 5)),
    st.tuples(st.just("put"), st.integers(0, 2), small, small),
    st.tuples(st.just("cut"), st.integers(0, 2), small, small),
    st.tuples(st.just("look"), st.integers(0, 3), small, small),
    st.tuples(st.just("drain"), small, small, small),
    st.tuples(st.just("sweep"), st.integers(0, 1), small, small),
)
harm = st.tuples(st.sampled_from(("lose version", "lose chunk", "lose newest")), small, small, small)
LOSSES = {
    "lose version": "DELETE FROM segment_versions WHERE rowid IN (SELECT rowid FROM segment_versions WHERE tenant = ?"
    " ORDER BY rowid * 7919 % 31 LIMIT 1)",
    "lose newest": "DELETE FROM segment_versions WHERE rowid IN (SELECT rowid FROM segment_versions WHERE tenant = ?"
    " ORDER BY version DESC LIMIT 2)",
    "lose chunk": "DELETE FROM chunks WHERE rowid IN (SELECT rowid FROM chunks WHERE tenant = ?"
    " ORDER BY rowid * 7919 % 31 LIMIT 1)",
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("any-order"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as made:
        yield made


async def step(site: Site, what: Step) -> None:
    name, one, two, three = what
    if name == "send":
        site.send(one, BUCKETS[two], RESOURCES[three])
    elif name == "land":
        await site.land(one)
    elif name == "poll":
        await site.poll(one, two, three)
    elif name in {"put", "cut"}:
        await site.put(one, two if name == "cut" else None)
    elif name == "drain":
        await site.drain()
    elif name == "look":
        await site.look(MIDNIGHT + one * DAY)  # clocks may say anything
    elif name == "sweep":
        await site.sweep(one)  # all is put at 0: nothing goes, or whatever may
    else:
        await site.shelf.run(LOSSES[name], site.tenant.tenant.bytes)


def long_story(seed: int, harm: int) -> list[Step]:
    """Steps weighted so that days are folded, swept and opened again; lists that hypothesis draws are mostly short."""
    drawn = Random(seed)
    names = ("send", "land", "poll", "put", "cut", "look", "sweep", "drain", "harm")
    story: list[Step] = []
    for name in drawn.choices(names, (6, 6, 6, 6, 2, 2, 1, 2, harm), k=90):
        what = drawn.choice(sorted(LOSSES)) if name == "harm" else name
        one = drawn.randint(0, {"send": 1, "land": 5, "look": 3, "sweep": 1}.get(name, 2))
        two = drawn.randint(0, 1 if name == "poll" else 2)
        three = drawn.randint(0, 1) if name == "send" else drawn.randint(1, 5)
        story.append((what, one, two, three))
    return story


@pytest.mark.parametrize("harm", [0, 2])
@pytest.mark.parametrize("seed", range(10))
def test_a_long_story_reads_each_stored_event(bench: Bench, executor: Executor, *, seed: int, harm: int) -> None:
    async def example() -> None:
        site = Site(bench.shelf, fresh_tenant(), executor)
        for number, what in enumerate(long_story(seed, harm)):
            await step(site, what)
            assert await site.read() == sorted(site.stored), (number, what)
        await site.settle()
        await site.sweep(1)
        assert await site.read() == sorted(site.stored)
        assert harm or await site.whole()

    bench.run(example())


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
@given(st.lists(st.one_of(sending, working, working, working), min_size=20, max_size=60))
def test_each_stored_event_is_read_after_every_step(bench: Bench, executor: Executor, steps: list[Step]) -> None:
    async def example() -> None:
        site = Site(bench.shelf, fresh_tenant(), executor)
        for what in steps:
            await step(site, what)
            assert await site.read() == sorted(site.stored), what
        await site.settle()
        await site.sweep(1)
        assert await site.read() == sorted(site.stored)
        assert await site.whole()
        left = await site.shelf.store.segments.heads(site.tenant, [TODAY, TODAY + 1])
        assert {head.span for head in left} <= {Span.DAY}
        for worker in range(3):  # those who drafted long ago write at last
            await site.put(worker)
            assert await site.read() == sorted(site.stored)
        assert await site.whole()

    bench.run(example())


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
@given(st.lists(st.one_of(sending, working, working, working, harm), min_size=20, max_size=60))
def test_no_loss_of_segments_changes_what_is_read(bench: Bench, executor: Executor, steps: list[Step]) -> None:
    async def example() -> None:
        site = Site(bench.shelf, fresh_tenant(), executor)
        for what in steps:
            await step(site, what)
            assert await site.read() == sorted(site.stored), what
        await site.settle()
        await site.sweep(1)
        assert await site.read() == sorted(site.stored)

    bench.run(example())
