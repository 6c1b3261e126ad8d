"""Which hints are worth a look."""

import random
from typing import Any

import pytest

from footfall_common.placement import Placement
from footfall_operator.queue import Queue
from footfall_operator.reconcile.hints import THE_PLATFORM, Hints
from footfall_operator.reconcile.known import Known
from footfall_operator.resources import CLAIM, TENANTS, Kind, Ref

ACME = Ref(TENANTS, "team-a", "acme")
RESYNC = 100.0


class Watch:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def a(kind: Kind, name: str, version: str) -> dict[str, Any]:
    meta = {"name": name, "resourceVersion": version, **({"namespace": "team-a"} if kind.namespaced else {})}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": meta}


@pytest.fixture
def hinted() -> tuple[Hints, Queue[Ref], Watch]:
    watch = Watch()
    queue = Queue[Ref](watch, random.Random(7).uniform, 6)
    return Hints(queue, Known(), RESYNC, random.Random(7).uniform), queue, watch


async def due(queue: Queue[Ref]) -> set[Ref]:
    """All that is to be looked at now."""
    found = set()
    while queue.oldest() > 0:
        key = await queue.take()
        found.add(key)
        queue.done(key)
    return found


async def told(watch: Watch, hints: Hints, queue: Queue[Ref], body: dict[str, Any]) -> bool:
    hints.told([ACME], body)
    watch.now += 0.01
    return ACME in await due(queue)


async def test_a_version_that_was_looked_at_is_no_news_and_any_other_is() -> None:
    watch, known = Watch(), Known()
    queue = Queue[Ref](watch, random.Random(7).uniform, 6)
    hints = Hints(queue, known, RESYNC, random.Random(7).uniform)
    known.looked_at(a(TENANTS, "acme", "7"))
    known.looked_at(a(CLAIM, "of-acme", "3"))
    assert not await told(watch, hints, queue, a(TENANTS, "acme", "7"))
    assert await told(watch, hints, queue, a(TENANTS, "acme", "8"))
    assert not await told(watch, hints, queue, a(CLAIM, "of-acme", "3"))
    assert await told(watch, hints, queue, a(CLAIM, "of-acme", "4"))
    child = {**a(TENANTS, "x", "7"), "apiVersion": "v1", "kind": "Service"}
    assert await told(watch, hints, queue, child)
    known.forget(ACME)
    assert await told(watch, hints, queue, a(TENANTS, "acme", "7"))


async def test_what_was_compared_is_looked_at_before_the_next_resync_ends() -> None:
    watch = Watch()
    queue = Queue[Ref](watch, random.Random(7).uniform, 6)
    hints = Hints(queue, Known(), RESYNC, random.Random(7).uniform)
    keys = {Ref(TENANTS, "team-a", f"t{number}") for number in range(50)}
    for key in keys:
        hints.met(key)
        hints.later(key)
    watch.now = 2.0
    assert await due(queue) == {THE_PLATFORM}  # it counts them
    watch.now = RESYNC / 2
    assert 10 < len(early := await due(queue)) < 40
    watch.now = 1.11 * RESYNC
    assert early | await due(queue) == keys


async def test_who_is_only_named_is_no_tenant_until_it_was_read(hinted: tuple[Hints, Queue[Ref], Watch]) -> None:
    hints, queue, watch = hinted
    hints.add(ACME)
    hints.all_tenants()
    assert not hints.known.tenants
    hints.gone(ACME)
    watch.now = 2.0
    assert await due(queue) == {ACME}, "a ghost is not counted"
    hints.met(ACME)
    watch.now = 4.0
    assert await due(queue) == {THE_PLATFORM}
    hints.gone(ACME)
    watch.now = 6.0
    assert await due(queue) == {THE_PLATFORM}


def test_a_tenant_that_is_gone_leaves_no_version_of_its_claims() -> None:
    known = Known()
    holder = {"namespace": "team-a", "name": "acme"}
    claim = {**a(CLAIM, "of-acme", "3"), "spec": {"holder": holder}}
    known.met(claim)
    known.looked_at(claim)
    assert not known.is_news(claim)
    known.forget(ACME)
    assert known.is_news(claim)


def test_tenants_count_once_and_no_longer_when_they_are_gone() -> None:
    known = Known()
    known.make(ACME, Placement.POOLED)
    known.make(ACME, Placement.POOLED)
    assert (known.count(Placement.POOLED), known.count(Placement.DEDICATED)) == (1, 0)
    known.unmake(Ref(TENANTS, "team-a", "other"))
    known.forget(ACME)
    known.unmake(ACME)
    assert known.count(Placement.POOLED) == 0
