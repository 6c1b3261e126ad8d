"""The web layer by a small application that uses all of it, through its door."""

import json
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import httpx
import msgspec
import pytest
import structlog
from asgi_lifespan import LifespanManager
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from prometheus_client import CollectorRegistry
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from footfall_common import errors
from footfall_common.auth import TRACKING_API, AdminToken, Claims
from footfall_common.testing import Issuer, ManualClock, ids
from footfall_common.web import Drain, Reply, admin, bearer, body, build_app, status_of

TENANT, CLIENT = uuid.UUID(int=1), uuid.UUID(int=2)
LIMIT = 4096


class Line(msgspec.Struct, forbid_unknown_fields=True):
    article: str
    count: int


class Order(msgspec.Struct, forbid_unknown_fields=True):
    customer: str
    lines: list[Line]


class Shop:
    """The application, with the switches that tests turn."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.issuer = Issuer(self.clock)
        self.drain = Drain()
        self.failing: str | None = None
        self.error: Exception = errors.NotFound("No such thing.")
        self.app = self._build()

    def _build(self) -> FastAPI:
        routes = APIRouter(prefix="/shop")
        token = Depends(bearer(self.issuer.verifier, TRACKING_API))

        @routes.post("/orders")
        async def orders(request: Request) -> Response:
            return Reply(await body(request, Order, LIMIT), 201)

        @routes.get("/items/{item}")
        async def items(item: uuid.UUID, count: int = 1) -> Response:
            return Reply({"item": item, "count": count})

        @routes.get("/me")
        async def me(claims: Annotated[Claims, token]) -> Response:
            return Reply({"tenant": claims.tenant})

        @routes.get("/till", dependencies=[Depends(admin(AdminToken(lambda: "open sesame")))])
        async def till() -> Response:
            structlog.stdlib.get_logger().info("till opened")
            return Response(status_code=204)

        @routes.get("/fail")
        async def fail() -> Response:
            raise self.error

        async def check() -> str | None:
            return self.failing

        return build_app(
            "shop",
            [routes],
            checks={"shelf": check},
            registry=CollectorRegistry(),
            clock=self.clock,
            new_id=ids(),
            drain=self.drain,
        )


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
async def http(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(shop.app, client=("203.0.113.77", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        yield client


def error_of(answer: httpx.Response) -> dict[str, Any]:
    body_of: dict[str, Any] = answer.json()
    assert list(body_of) == ["error"]
    assert list(body_of["error"]) == ["code", "message", "field"]
    detail: dict[str, Any] = body_of["error"]
    return detail


def order(content: bytes, media: str = "application/json") -> dict[str, Any]:
    return {"content": content, "headers": {"Content-Type": media}}


async def test_a_body_is_read_into_its_type_and_answered(http: httpx.AsyncClient) -> None:
    sent = {"customer": "c", "lines": [{"article": "a", "count": 1}]}
    answer = await http.post("/shop/orders", json=sent)
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (201, "application/json", sent)


@pytest.mark.parametrize(
    ("content", "code", "field"),
    [
        (b"", "invalid_json", None),
        (b"{", "invalid_json", None),
        (b'{"customer": "\xff"}', "invalid_json", None),
        (b"[" * 2000, "invalid_input", None),
        (b'{"x":' * 800, "invalid_input", "x"),
        (b"[]", "invalid_input", None),
        (b"{}", "invalid_input", "customer"),
        (b'{"customer": "c", "lines": [], "colour": 1}', "invalid_input", "colour"),
        (b'{"customer": "c", "lines": [{"article": "a", "count": "1"}]}', "invalid_input", "lines[0].count"),
        (b'{"customer": "c", "lines": [{"article": "a"}]}', "invalid_input", "lines[0].count"),
        (b'{"customer": null, "lines": []}', "invalid_input", "customer"),
    ],
)
async def test_a_body_that_does_not_fit_is_400_with_its_field(
    http: httpx.AsyncClient, content: bytes, code: str, field: str | None
) -> None:
    answer = await http.post("/shop/orders", **order(content))
    assert answer.status_code == 400
    detail = error_of(answer)
    assert (detail["code"], detail["field"]) == (code, field)
    assert detail["message"].endswith(".")
    if field:
        assert detail["message"].startswith(f"{field}: ")


async def test_10_000_levels_of_json_are_400() -> None:
    nested = APIRouter()

    @nested.post("/any")
    async def anything(request: Request) -> Response:
        return Reply(await body(request, object, 100_000))

    app = build_app("any", [nested], checks={}, registry=CollectorRegistry(), clock=ManualClock(), new_id=ids())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://any.test") as client:
        answer = await client.post("/any", **order(b"[" * 10_000 + b"]" * 10_000))
    assert (answer.status_code, error_of(answer)["code"]) == (400, "invalid_json")


async def test_a_body_above_the_limit_is_413_without_being_read_to_its_end(shop: Shop) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 1024

    async with httpx.AsyncClient(transport=httpx.ASGITransport(shop.app), base_url="http://shop.test") as client:
        answer = await client.post("/shop/orders", content=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert "4096 bytes" in error_of(answer)["message"]
    assert taken == 5


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_another_kind_of_body_is_415(http: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await http.post("/shop/orders", content=b"{}", headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (415, "unsupported_media")


async def test_a_charset_after_the_content_type_is_fine(http: httpx.AsyncClient) -> None:
    content = b'{"customer": "c", "lines": []}'
    answer = await http.post("/shop/orders", **order(content, "Application/JSON; charset=utf-8"))
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (errors.InvalidInput("Wrong.", field="x"), 400, {}),
        (errors.Unauthenticated("Who?"), 401, {"www-authenticate": 'Bearer realm="footfall", error="unauthenticated"'}),
        (errors.Forbidden("No."), 403, {}),
        (errors.NotFound("Where?"), 404, {}),
        (errors.Conflict("Not so."), 409, {}),
        (errors.TooLarge("Much."), 413, {}),
        (errors.UnsupportedMedia("What?"), 415, {}),
        (errors.TooMany("Slowly.", retry_after=7), 429, {"retry-after": "7"}),
        (errors.Unavailable("Away."), 503, {"retry-after": "1"}),
        (errors.BusUnavailable("Away.", retry_after=5), 503, {"retry-after": "5"}),
        (errors.StoreUnavailable("Away."), 503, {"retry-after": "1"}),
    ],
)
async def test_every_error_of_the_tree_has_its_status(
    shop: Shop, http: httpx.AsyncClient, error: errors.FootfallError, status: int, headers: dict[str, str]
) -> None:
    shop.error = error
    answer = await http.get("/shop/fail")
    assert answer.status_code == status == status_of(error)
    assert error_of(answer) == {"code": error.code, "message": error.message, "field": error.field}
    assert headers.items() <= dict(answer.headers).items()


@pytest.mark.parametrize("error", [ValueError("secret detail"), errors.SettingsInvalid("secret detail")])
async def test_any_other_fault_is_500_logged_and_tells_nothing_but_its_id(
    shop: Shop, http: httpx.AsyncClient, error: Exception
) -> None:
    shop.error = error
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        answer = await http.get("/shop/fail", headers={"X-Request-Id": "abc-123"})
    assert (answer.status_code, error_of(answer)["code"]) == (500, "internal")
    assert "abc-123" in error_of(answer)["message"]
    assert "secret" not in answer.text
    failed = next(line for line in logs if line["event"] == "request failed")
    assert (failed["log_level"], failed["request_id"], failed["exc_info"]) == ("error", "abc-123", True)


async def test_the_frameworks_own_errors_have_the_one_format(http: httpx.AsyncClient) -> None:
    missing = await http.get("/nowhere")
    assert (missing.status_code, error_of(missing)["code"]) == (404, "not_found")
    method = await http.delete("/shop/orders")
    assert (method.status_code, error_of(method)["code"], method.headers["allow"]) == (
        405,
        "method_not_allowed",
        "POST",
    )
    path = await http.get("/shop/items/nine")
    assert (path.status_code, error_of(path)["field"]) == (400, "item")
    query = await http.get(f"/shop/items/{TENANT}?count=many")
    assert (query.status_code, error_of(query)["field"]) == (400, "count")


async def test_no_path_is_redirected_to_another_spelling(http: httpx.AsyncClient) -> None:
    assert [(await http.get(path)).status_code for path in ("/livez/", "/shop/me/")] == [404, 404]


async def test_no_page_loads_scripts_from_elsewhere(http: httpx.AsyncClient) -> None:
    assert [(await http.get(path)).status_code for path in ("/docs", "/redoc", "/openapi.json")] == [404, 404, 200]


async def test_a_request_has_an_id_its_own_where_that_is_safe(http: httpx.AsyncClient) -> None:
    assert (await http.get("/livez", headers={"X-Request-Id": "my.id-1"})).headers["x-request-id"] == "my.id-1"
    for hostile in ("a b", 'x"}', "x" * 65, ""):
        given = (await http.get("/livez", headers={"X-Request-Id": hostile})).headers["x-request-id"]
        assert len(given) == 32


async def test_every_answer_has_security_headers(http: httpx.AsyncClient) -> None:
    for path in ("/livez", "/nowhere", "/shop/fail"):
        headers = (await http.get(path)).headers
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


async def test_the_access_log_holds_route_and_id_and_neither_tokens_addresses_nor_queries(
    http: httpx.AsyncClient,
) -> None:
    headers = {"Authorization": "Bearer open sesame", "X-Request-Id": "r1"}
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        await http.get("/shop/till?email=a@b.example", headers=headers)
    assert [line["request_id"] for line in logs] == ["r1", "r1"]
    access = logs[-1]
    assert (access["method"], access["route"], access["status"], access["component"]) == (
        "GET",
        "/shop/till",
        204,
        "shop",
    )
    written = json.dumps(logs)
    assert not [secret for secret in ("sesame", "203.0.113", "example") if secret in written]


async def test_requests_are_counted_by_template_so_that_ids_make_no_series(http: httpx.AsyncClient) -> None:
    for number in range(3):
        await http.get(f"/shop/items/{uuid.UUID(int=number)}")
        await http.get(f"/nowhere/{number}")
    metrics = (await http.get("/metrics")).text
    labels = 'component="shop",method="GET",route="{}",status="{}"'
    assert f"footfall_http_requests_total{{{labels.format('/shop/items/{item}', 200)}}} 3.0" in metrics
    assert f"footfall_http_requests_total{{{labels.format('none', 404)}}} 3.0" in metrics


async def test_a_token_opens_its_door(shop: Shop, http: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"bearer {shop.issuer.token(TENANT, CLIENT)}"}
    assert (await http.get("/shop/me", headers=headers)).json() == {"tenant": str(TENANT)}


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer nonsense"])
async def test_without_a_token_that_holds_it_is_401(http: httpx.AsyncClient, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await http.get("/shop/me", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert error_of(answer)["code"] in {"unauthenticated", "invalid_token"}


async def test_a_token_in_the_query_opens_nothing(shop: Shop, http: httpx.AsyncClient) -> None:
    token = shop.issuer.token(TENANT, CLIENT)
    assert (await http.get(f"/shop/me?access_token={token}")).status_code == 401


async def test_a_token_without_the_scope_is_403(shop: Shop, http: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {shop.issuer.token(TENANT, CLIENT, scope='other')}"}
    answer = await http.get("/shop/me", headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (403, "insufficient_scope")


async def test_readiness_names_what_fails_and_liveness_does_not_care(shop: Shop, http: httpx.AsyncClient) -> None:
    assert (await http.get("/readyz")).json() == {"status": "ready", "failing": {}}
    shop.failing = "it is empty"
    unready = await http.get("/readyz")
    assert (unready.status_code, unready.json()) == (503, {"status": "unready", "failing": {"shelf": "it is empty"}})
    assert 'footfall_ready{check="shelf",component="shop"} 0.0' in (await http.get("/metrics")).text
    assert (await http.get("/livez")).status_code == 200


async def test_a_draining_process_is_unready_and_still_serves(shop: Shop, http: httpx.AsyncClient) -> None:
    assert "connection" not in (await http.get("/livez")).headers
    shop.drain.begin()
    ready = await http.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "draining")
    served = await http.get(f"/shop/items/{TENANT}")
    assert (served.status_code, served.headers["connection"]) == (200, "close")


def scope(path: str, method: str = "GET") -> dict[str, Any]:
    headers = [(b"content-type", b"application/json")]
    return {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers}


async def test_a_caller_that_leaves_within_its_body_is_no_fault_of_ours(shop: Shop) -> None:
    messages: Iterator[Message] = iter(
        [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    )
    sent: list[Message] = []

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message)

    await shop.app(scope("/shop/orders", "POST"), receive, send)
    assert sent[0]["status"] == 400
    assert json.loads(sent[1]["body"])["error"]["code"] == "incomplete_body"


async def test_a_fault_after_the_answer_began_ends_the_connection(shop: Shop) -> None:
    async def torn(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("torn")

    shop.app.mount("/torn", torn)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    with capture_logs() as logs, pytest.raises(ValueError, match="torn"):
        await shop.app(scope("/torn/x"), receive, send)
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert [line["event"] for line in logs] == ["request failed", "request"]


async def test_the_lifespan_of_an_application_passes_untouched(shop: Shop) -> None:
    async with LifespanManager(shop.app):
        pass
