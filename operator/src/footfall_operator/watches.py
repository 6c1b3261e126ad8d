"""Whether kopf still hears: a watch whose task has died, or that is refused, tells nobody."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from types import SimpleNamespace
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from footfall_operator.access import Access
from footfall_operator.resources import Kind

PATIENCE: Final = 2
"""Periods without a new beginning after which a watch counts as deaf."""


class Watches:
    """Every watch is begun anew after `seconds`, and sooner where it fell silent: one that is not has ended.

    Belongs to one event loop; `clock` gives seconds that never go back.
    """

    def __init__(self, kinds: Iterable[Kind], seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._kinds = {kind.path(): kind.name for kind in kinds}
        self._begun: dict[str, float] = {}

    def expect(self) -> None:
        """From now on kopf watches all of them."""
        self._begun = dict.fromkeys(self._kinds, self._clock())

    def deaf(self) -> str:
        """Which have ended, in a sentence; empty while none has."""
        long_ago = self._clock() - PATIENCE * self._seconds
        ended = sorted(self._kinds[path] for path, at in self._begun.items() if at < long_ago)
        return f"not watched any more: {', '.join(ended)}" if ended else ""

    def session(self, access: Access) -> aiohttp.ClientSession:
        """What kopf is to speak through: each request bears the token as it stands then."""
        before = urlsplit(access.server).path.rstrip("/")  # of an API server behind a proxy
        trace = aiohttp.TraceConfig()

        async def authorized(
            _: aiohttp.ClientSession, __: SimpleNamespace, request: aiohttp.TraceRequestStartParams
        ) -> None:
            if token := access.token():
                request.headers["Authorization"] = f"Bearer {token}"

        async def answered(
            _: aiohttp.ClientSession, __: SimpleNamespace, request: aiohttp.TraceRequestEndParams
        ) -> None:
            if request.response.status == HTTPStatus.OK and "watch" in request.url.query:
                self._began(request.url.path.removeprefix(before))

        trace.on_request_start.append(authorized)
        trace.on_request_end.append(answered)
        connector = aiohttp.TCPConnector(limit=0, ssl=access.trust())
        return aiohttp.ClientSession(connector=connector, trace_configs=[trace])

    def _began(self, path: str) -> None:
        if path in self._begun:
            self._begun[path] = self._clock()
