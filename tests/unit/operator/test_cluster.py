"""What the API server's answers mean to a pass, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from footfall_common.testing import eventually
from footfall_operator.access import Access, for_asyncio
from footfall_operator.cluster import Changed, Cluster, Refused, Unreachable
from footfall_operator.drift import Whole
from footfall_operator.lease import Fence, Fenced
from footfall_operator.resources import TENANTS, Ref

REF = Ref(TENANTS, "team-a", "acme")
BODY = {
    "apiVersion": "footfall.dev/v1alpha1",
    "kind": "TrackingTenant",
    "metadata": {"name": "acme", "namespace": "team-a"},
}


class Server:
    """Answers each request with what was put down for it, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        self.answers: list[web.Response] = []
        self.slow = 0.0

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path_qs, dict(request.headers), await request.text()))
        await asyncio.sleep(self.slow)  # no wait: a slow server is what is tried
        return self.answers.pop(0) if self.answers else web.json_response({})

    def says(self, status: int, body: object, **headers: str) -> None:
        self.answers.append(web.json_response(body, status=status, headers=headers))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def written() -> list[str]:
    return []


@pytest.fixture
def seconds() -> float:
    """Of a call."""
    return 0.5


@pytest.fixture
async def cluster(
    server: Server, clock: Clock, written: list[str], seconds: float, tmp_path: Path
) -> AsyncIterator[Cluster]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    (tmp_path / "token").write_text("first\n")
    reached = Access(f"http://127.0.0.1:{runner.addresses[0][1]}", None, token_file=tmp_path / "token")
    client = for_asyncio(reached, 4)
    fence = Fence(clock)
    fence.extend(10)
    yield Cluster(client, reached, fence, seconds, written.append)
    await client.close()  # type: ignore[no-untyped-call] # generated
    await runner.cleanup()


async def test_the_token_is_read_anew_for_each_call(cluster: Cluster, server: Server, tmp_path: Path) -> None:
    await cluster.get(REF)
    (tmp_path / "token").write_text("second\n")
    await cluster.get(REF)
    assert [headers["Authorization"] for *_, headers, _ in server.asked] == ["Bearer first", "Bearer second"]


async def test_what_is_not_there_is_none_and_deleting_it_is_done(cluster: Cluster, server: Server) -> None:
    for _ in range(2):
        server.says(404, {"reason": "NotFound", "message": "not found"})
    assert await cluster.get(REF) is None
    await cluster.delete(REF, "uid")
    assert '"uid": "uid"' in server.asked[1][3]


@pytest.mark.parametrize(
    ("status", "headers", "after"),
    [
        (429, {"Retry-After": "7"}, 7),
        (429, {}, 0),
        (401, {}, 0),
        (500, {}, 0),
        (503, {"Retry-After": "soon"}, 0),
        (504, {}, 0),
    ],
)
async def test_an_answer_that_promises_a_better_one_is_waited_for(
    cluster: Cluster, server: Server, status: int, headers: dict[str, str], after: float
) -> None:
    server.says(status, {"message": "too many requests"}, **headers)
    with pytest.raises(Unreachable, match="too many requests") as caught:
        await cluster.get(REF)
    assert caught.value.after == after


@pytest.mark.parametrize(("status", "kind"), [(409, Changed), (410, Changed), (403, Refused), (422, Refused)])
async def test_a_refusal_has_the_servers_own_words(
    cluster: Cluster, server: Server, status: int, kind: type[Refused]
) -> None:
    server.says(status, {"reason": "Why", "message": "because"})
    with pytest.raises(Refused, match="because") as caught:
        await cluster.apply(dict(BODY))
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.reason) == (status, "Why")


async def test_what_is_no_json_is_shown_as_it_is(cluster: Cluster, server: Server) -> None:
    server.answers.append(web.Response(status=403, text="<html>a proxy's page</html>"))
    with pytest.raises(Refused, match="a proxy's page"):
        await cluster.get(REF)


async def test_a_slow_answer_is_given_up(cluster: Cluster, server: Server) -> None:
    server.slow = 2.0
    with pytest.raises(Unreachable, match="GET"):
        await cluster.get(REF)


async def test_a_list_is_read_to_its_end_in_chunks(cluster: Cluster, server: Server) -> None:
    server.says(200, {"metadata": {"continue": "more"}, "items": [{"metadata": {"name": "a"}}]})
    server.says(200, {"metadata": {}, "items": [{"metadata": {"name": "b"}}]})
    found = [body async for body in cluster.each(TENANTS, selector="a=b")]
    assert [(body["kind"], body["metadata"]["name"]) for body in found] == [
        ("TrackingTenant", "a"),
        ("TrackingTenant", "b"),
    ]
    assert "limit=500&labelSelector=a%3Db" in server.asked[0][1]
    assert "continue=more" in server.asked[1][1]


async def test_no_write_begins_once_the_lease_may_be_lost(
    cluster: Cluster, server: Server, clock: Clock, written: list[str]
) -> None:
    await cluster.apply(dict(BODY))
    clock.now = 10
    for write in (
        lambda: cluster.apply(dict(BODY)),
        lambda: cluster.create(dict(BODY)),
        lambda: cluster.merge(REF, {}),
        lambda: cluster.replace_status(dict(BODY)),
        lambda: cluster.delete(REF, "uid"),
        lambda: cluster.put_back(REF, [Whole("/spec", None)], "1"),
    ):
        with pytest.raises(Fenced):
            await write()
    assert [method for method, *_ in server.asked] == written == ["PATCH"]
    await cluster.get(REF)


@pytest.mark.parametrize("seconds", [5.0])
async def test_a_write_that_is_sent_again_asks_the_fence_again(
    cluster: Cluster, server: Server, clock: Clock, written: list[str]
) -> None:
    server.says(429, {"message": "too many requests"})
    asked = asyncio.create_task(cluster.apply(dict(BODY)))
    await eventually(lambda: server.asked, 5)
    clock.now = 10
    with pytest.raises(Fenced):
        await asked
    assert [method for method, *_ in server.asked] == written == ["PATCH"]


async def test_a_token_that_is_not_there_just_now_is_waited_for(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "token").unlink()
    with pytest.raises(Unreachable, match="FileNotFoundError"):
        await cluster.get(REF)
    (tmp_path / "token").write_text("second\n")
    assert await cluster.get(REF) == {}


async def test_an_apply_names_its_manager_and_is_forced(cluster: Cluster, server: Server) -> None:
    await cluster.apply(dict(BODY))
    _, path, headers, _ = server.asked[0]
    assert path.endswith("/trackingtenants/acme?fieldManager=footfall-operator&force=true")
    assert headers["Content-Type"] == "application/apply-patch+yaml"


async def test_lists_are_put_back_only_in_the_version_that_was_looked_at(cluster: Cluster, server: Server) -> None:
    await cluster.put_back(REF, [Whole("/a", None), Whole("/b", [1])], "42")
    assert server.asked[0][3] == (
        '[{"op": "replace", "path": "/metadata/resourceVersion", "value": "42"}, {"op": "remove", "path": "/a"}, '
        '{"op": "replace", "path": "/b", "value": [1]}]'
    )
