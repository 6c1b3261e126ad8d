"""Between the operator and a real API server: passes everything on, but for what a test has it say instead."""

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from tools.kubernetes.handle import ControlPlaneServers
from tools.servers.tls import Authority

_HOP = {"host", "connection", "content-length", "transfer-encoding"}
Fault = Callable[[web.Request], web.Response | None]
"""What is answered instead of the API server's answer; None = its answer."""
GONE = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410}


class ApiProxy:
    """Runs in a loop of its own, so that a test that waits for the operator's end does not keep it from ending.

    `delay` = seconds that an answer takes longer; `mute` = watches hear nothing, and are not told so.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, session: aiohttp.ClientSession, target: str) -> None:
        self._loop = loop
        self._session = session
        self._target = target
        self._ended = asyncio.Event()
        self.url = ""
        self.asked: list[str] = []
        """The Authorization of each request."""
        self.fault: Fault = lambda _: None
        self.delay: Callable[[web.Request], float] = lambda _: 0.0
        self.mute = False

    def too_old(self) -> None:
        """Every watch is told that the version it goes on from is too old, and is over."""

        def end() -> None:
            self._ended.set()
            self._ended = asyncio.Event()

        self._loop.call_soon_threadsafe(end)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request, and its answer as it comes; nothing where nobody waits for it any more."""
        try:
            return await self._answer(request)
        except ConnectionError:
            return web.Response(status=502)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.headers.get("Authorization", ""))
        if (instead := self.fault(request)) is not None:
            return instead
        await asyncio.sleep(self.delay(request))  # no wait: a slow server is what is tried
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        body = await request.read()
        async with self._session.request(
            request.method,
            f"{self._target}{request.path_qs}",
            headers=headers,
            data=body or None,
            skip_auto_headers=["Content-Type"],
        ) as answer:
            passed = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
            if "Retry-After" in answer.headers:
                passed.headers["Retry-After"] = answer.headers["Retry-After"]
            await passed.prepare(request)
            if "watch" in request.query:
                await self._stream(answer, passed)
            else:
                await passed.write(await answer.read())
            await passed.write_eof()
            return passed

    async def _stream(self, answer: aiohttp.ClientResponse, passed: web.StreamResponse) -> None:
        """Line by line, until the API server ends it or the test says that it is too old."""
        over = asyncio.ensure_future(self._ended.wait())
        try:
            while True:
                line = asyncio.ensure_future(answer.content.readline())
                await asyncio.wait({line, over}, return_when=asyncio.FIRST_COMPLETED)
                if over.done():
                    line.cancel()
                    await passed.write(json.dumps({"type": "ERROR", "object": GONE}).encode() + b"\n")
                    return
                if not (found := line.result()):
                    return
                if not self.mute:
                    await passed.write(found)
        finally:
            over.cancel()


@contextmanager
def api_proxy(servers: ControlPlaneServers, mounted: Path) -> Iterator[ApiProxy]:
    """While the block lasts; what is mounted names its authority from then on."""
    folder = mounted.parent / "proxy"
    folder.mkdir()
    crt, key = Authority(folder).pem(folder / "serving", "api-proxy", names=["127.0.0.1"])
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(crt, key)
    (mounted / "ca.crt").write_bytes((folder / "ca.pem").read_bytes())
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="api proxy", daemon=True)
    thread.start()
    open_ended = _listening(loop, servers, serving)
    try:
        yield asyncio.run_coroutine_threadsafe(anext(open_ended), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(_closed(open_ended), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _closed(listening: AsyncGenerator[ApiProxy, None]) -> None:
    """With all that is under way: the operator is gone."""
    await listening.aclose()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


async def _listening(
    loop: asyncio.AbstractEventLoop, servers: ControlPlaneServers, serving: ssl.SSLContext
) -> AsyncGenerator[ApiProxy, None]:
    trust = ssl.create_default_context(cafile=str(servers.ca))
    connector = aiohttp.TCPConnector(limit=0, ssl=trust)
    patient = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=patient, read_bufsize=2**22) as session:
        proxy = ApiProxy(loop, session, servers.url)
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", proxy.handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=serving).start()
        proxy.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield proxy
        finally:
            await runner.cleanup()
