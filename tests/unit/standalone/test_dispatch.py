"""Which part of the process a request reaches, and as what."""

from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from footfall_common.process import Component
from footfall_standalone.dispatch import Dispatcher


class Reached:
    """Applications that note who was called with which path and root path."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []

    def app(self, name: str) -> ASGIApp:
        async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
            self.calls.append((name, scope["path"], scope.get("root_path", "")))

        return app


async def nothing(*_: Any) -> Any:
    pytest.fail("nobody reads or writes here")


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/receiver/api/events", ("door", "/receiver/api/events", "")),
        ("/receiver/api/events/", ("receiver", "/receiver/api/events/", "/receiver")),
        ("/report/readyz", ("report", "/report/readyz", "/report")),
        ("/api/events", ("root", "/api/events", "")),
        ("/receivers/api/events", ("root", "/receivers/api/events", "")),
        ("//receiver/api/events", ("root", "//receiver/api/events", "")),
        ("/", ("root", "/", "")),
    ],
)
async def test_the_path_decides(path: str, call: tuple[str, str, str]) -> None:
    reached = Reached()
    components = [
        Component(name="receiver", app=reached.app("receiver"), hot={"/api/events": reached.app("door")}),
        Component(name="report", app=reached.app("report")),
    ]
    dispatcher = Dispatcher(components, reached.app("root"))
    await dispatcher({"type": "http", "path": path}, nothing, nothing)
    assert reached.calls == [call]


@pytest.mark.parametrize(("query", "location"), [(b"", "demo/"), (b"utm_source=x", "demo/?utm_source=x")])
async def test_a_component_without_its_slash_is_redirected_relatively(query: bytes, location: str) -> None:
    dispatcher = Dispatcher([Component(name="demo", app=nothing)], nothing)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await dispatcher({"type": "http", "path": "/demo", "query_string": query}, nothing, send)
    assert sent[0]["status"] == 308
    assert (b"location", location.encode()) in sent[0]["headers"]


async def test_a_root_path_of_a_proxy_is_kept_in_front() -> None:
    reached = Reached()
    dispatcher = Dispatcher([Component(name="tenant", app=reached.app("tenant"))], reached.app("root"))
    scope = {"type": "http", "path": "/tenant/x", "root_path": "/footfall"}
    await dispatcher(scope, nothing, nothing)
    assert reached.calls == [("tenant", "/tenant/x", "/footfall/tenant")]
    assert scope["root_path"] == "/footfall"
