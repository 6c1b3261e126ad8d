"""A watch that ended is found, and each request bears the token of its moment."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from footfall_operator.access import Access
from footfall_operator.resources import CLAIM, TENANTS
from footfall_operator.watches import Watches


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Server:
    """Keeps the tokens that it was shown, and answers with `status`."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.status = 200

    async def handle(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers.get("Authorization", ""))
        return web.Response(status=self.status)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def url(server: Server) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize("before", ["", "/k8s/clusters/c-1"])
async def test_a_watch_that_is_not_begun_anew_is_named_and_refusals_begin_none(
    server: Server, url: str, tmp_path: Path, before: str
) -> None:
    url += before
    clock = Clock()
    watches = Watches([TENANTS, CLAIM], 10, clock)
    (tmp_path / "token").write_text("first")
    access = Access(url, None, token_file=tmp_path / "token")
    clock.now += 1_000
    assert watches.deaf() == ""  # a standby watches nothing
    watches.expect()
    async with watches.session(access) as session:
        clock.now += 15
        for kind in (TENANTS, CLAIM):
            await session.get(f"{url}{kind.path()}", params={"watch": "true"})
        clock.now += 10
        assert watches.deaf() == ""
        await session.get(f"{url}{TENANTS.path()}", params={"watch": "true"})
        await session.get(f"{url}{CLAIM.path()}")  # a list
        server.status = 403
        await session.get(f"{url}{CLAIM.path()}", params={"watch": "true"})
        clock.now += 15
        assert watches.deaf() == "not watched any more: TrackingClaim"


async def test_a_token_that_was_replaced_is_used_from_the_next_request_on(
    server: Server, url: str, tmp_path: Path
) -> None:
    watches = Watches([TENANTS], 10, Clock())
    (tmp_path / "token").write_text("first\n")
    async with watches.session(Access(url, None, token_file=tmp_path / "token")) as session:
        await session.get(url)
        (tmp_path / "token").write_text("second\n")
        await session.get(url)
    assert server.tokens == ["Bearer first", "Bearer second"]
