"""Pieces of a component that runs alone; whole processes are in tests/integration/test_components_alone.py."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from footfall_common.documents import NIL
from footfall_common.entry.loaded import Loaded, listing
from footfall_common.entry.opening import Opening, open_all
from footfall_common.entry.settings import NamesSettings, ProcessSettings
from footfall_common.errors import BusUnavailable, SettingsInvalid, StoreUnavailable
from footfall_common.placement import Placement, names
from footfall_common.process import Component, Drain, background
from footfall_common.testing import ManualClock, eventually, ids
from footfall_common.web import build_app
from footfall_common.web.front import Front, waiting_app

POOLED = names(NIL, Placement.POOLED)


class Far:
    """An adapter that opens once it is let; it tells how often it was asked."""

    def __init__(self, *, there: bool = False) -> None:
        self.there = there
        self.asked = 0

    async def open(self) -> None:
        self.asked += 1
        if not self.there:
            raise StoreUnavailable("No node answers.")

    async def close(self) -> None:
        pass


def opening(name: str, far: Far) -> Opening:
    return Opening(name, far, retry=0.001, retry_max=0.002)


async def test_what_is_away_is_tried_again_and_says_why() -> None:
    far = Far()
    one = opening("store", far)
    assert await one.check() == "The store is being opened."
    async with background(one.run()):
        await eventually(lambda: far.asked >= 3)
        assert await one.check() == "No node answers."
        far.there = True

        async def is_open() -> bool:
            return await one.check() is None

        await eventually(is_open)


async def test_each_part_is_opened_beside_the_others() -> None:
    bus, store = Far(), Far(there=True)
    parts = opening("bus", bus), opening("store", store)
    opened = asyncio.create_task(open_all(parts))
    await eventually(lambda: bus.asked >= 2)
    assert (await parts[0].check(), await parts[1].check()) == ("No node answers.", None)
    assert not opened.done()
    bus.there = True
    await opened
    assert store.asked == 1


async def test_a_fault_of_ours_is_not_taken_for_an_absence() -> None:
    class Faulty(Far):
        @override
        async def open(self) -> None:
            raise LookupError("a mistake")

    with pytest.raises(ExceptionGroup) as raised:
        await open_all([opening("bus", Faulty())])
    assert raised.group_contains(LookupError)


def test_names_are_those_of_pooled_tenants_unless_told_otherwise() -> None:
    assert NamesSettings.load({}).names() == POOLED
    dedicated = names(ids()(), Placement.DEDICATED)
    told = NamesSettings.load(
        {
            "FOOTFALL_NAMES_TOPIC_RAW": dedicated.topics.raw,
            "FOOTFALL_NAMES_TOPIC_DEAD": dedicated.topics.dead,
            "FOOTFALL_NAMES_TOPIC_BUCKETS": dedicated.topics.buckets,
            "FOOTFALL_NAMES_TOPIC_SETTINGS": dedicated.topics.settings,
            "FOOTFALL_NAMES_GROUP_RAW_RECEIVER": dedicated.groups.raw_receiver,
            "FOOTFALL_NAMES_GROUP_BUCKET_WORKER": dedicated.groups.bucket_worker,
            "FOOTFALL_NAMES_KEYSPACE": dedicated.keyspace,
        }
    ).names()
    assert (told.topics, told.groups, told.keyspace) == (dedicated.topics, dedicated.groups, dedicated.keyspace)


@pytest.mark.parametrize("keyspace", ["Footfall", "1st", "a b", "x" * 49, "a;drop", ""])
def test_a_keyspace_that_would_need_quotes_is_refused(keyspace: str) -> None:
    with pytest.raises(SettingsInvalid, match="FOOTFALL_NAMES_KEYSPACE"):
        NamesSettings.load({"FOOTFALL_NAMES_KEYSPACE": keyspace})


def test_every_class_is_judged_before_anything_is_reported() -> None:
    wrong = {"FOOTFALL_PROCESS_PORT": "x", "FOOTFALL_NAMES_KEYSPACE": "X"}
    with pytest.raises(SettingsInvalid, match=r"FOOTFALL_PROCESS_PORT.*FOOTFALL_NAMES_KEYSPACE"):
        Loaded(wrong, [ProcessSettings, NamesSettings])
    assert Loaded({"FOOTFALL_PROCESS_PORT": "81"}, [ProcessSettings]).of(ProcessSettings).port == 81


def test_the_listing_names_every_variable_with_its_default() -> None:
    lines = listing([ProcessSettings, NamesSettings]).splitlines()
    variables = {*ProcessSettings.variables(), *NamesSettings.variables()}
    assert {line.split()[0] for line in lines if line.startswith("  ")} == variables
    assert "  FOOTFALL_PROCESS_PORT = 8080" in lines


async def test_a_front_answers_probes_at_once_and_hands_over_to_the_component() -> None:
    async with fronted() as (front, client, drain):
        assert (await client.get("/livez")).status_code == 200
        unready = await client.get("/readyz")
        assert (unready.status_code, unready.json()["failing"]) == (503, {"bus": "Kafka is away."})
        for method, path in (("POST", "/api/events"), ("OPTIONS", "/api/events"), ("GET", "/admin/v1/x")):
            answer = await client.request(method, path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert "Kafka" not in answer.text
        assert "footfall_ready" in (await client.get("/metrics")).text
        front.show(component(drain))
        assert (await client.get("/readyz")).json() == {"status": "ready", "failing": {}}
        assert (await client.post("/api/events")).text == "hot"
        drain.begin()
        assert (await client.get("/readyz")).json()["status"] == "draining"


async def away() -> str | None:
    return "Kafka is away."


@asynccontextmanager
async def fronted() -> AsyncIterator[tuple[Front, httpx.AsyncClient, Drain]]:
    drain = Drain()
    waiting = waiting_app(
        "receiver", checks={"bus": away}, registry=CollectorRegistry(), clock=ManualClock(), new_id=ids(), drain=drain
    )
    front = Front(waiting)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(front), base_url="http://front") as client:
        yield front, client, drain


def component(drain: Drain) -> Component:
    async def hot(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hot"})

    app = build_app(
        "receiver", [], checks={}, registry=CollectorRegistry(), clock=ManualClock(), new_id=ids(), drain=drain
    )
    return Component(name="receiver", app=app, hot={"/api/events": hot})


async def test_a_task_that_dies_ends_the_block_with_its_error() -> None:
    async def dies() -> None:
        raise BusUnavailable("gone")

    with pytest.raises(ExceptionGroup) as raised:
        async with background(dies()):
            await asyncio.Event().wait()
    assert raised.group_contains(BusUnavailable)
