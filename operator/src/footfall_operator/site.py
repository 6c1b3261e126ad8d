"""Health and metrics over HTTP: up before the lease is won, so that a standby is alive and ready too."""

from collections.abc import Callable, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

Check = Callable[[], str]
"""What is wrong, in a sentence; empty when nothing is."""


class Site:
    """`/livez` fails while one of `alive` does, `/readyz` while one of `ready` does."""

    def __init__(self, registry: CollectorRegistry, alive: Mapping[str, Check], ready: Mapping[str, Check]) -> None:
        self._registry = registry
        self._alive = alive
        self._ready = ready
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, for where any was asked for."""
        application = web.Application()
        application.router.add_get("/livez", lambda _: _answer(self._alive))
        application.router.add_get("/readyz", lambda _: _answer(self._ready))
        application.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        listening: int = self._runner.addresses[0][1]
        return listening

    async def stop(self) -> None:
        """Close it; nothing where it was not open."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content})


async def _answer(checks: Mapping[str, Check]) -> web.Response:
    said = {name: check() for name, check in checks.items()}
    wrong = any(said.values())
    return web.json_response({name: text or "ok" for name, text in said.items()}, status=503 if wrong else 200)
