"""How answers of the admin APIs are taken."""

import json
import uuid
from collections.abc import Callable

import httpx
import pytest

from footfall_common.errors import Unavailable
from footfall_common.manifest import Registration
from footfall_standalone.addresses import below
from footfall_standalone.administration import Administration, Refused
from footfall_standalone.datadir import Credentials, KnownSite

TENANT = uuid.UUID(int=9)
REGISTRATION = Registration.model_validate(
    {"tenantId": str(TENANT), "placement": "Pooled", "sites": [{"name": "shop"}]}
)
ISSUED = {"clientId": "c", "clientSecret": "new"}


def administration(handle: Callable[[httpx.Request], httpx.Response]) -> Administration:
    client = httpx.AsyncClient(transport=httpx.MockTransport(handle))
    return Administration(client, below("http://here"), lambda: "the token")


def error(status: int) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": "why", "message": "Because.", "field": "sites[0].name"}})


async def test_a_tenant_is_put_under_its_guid_with_the_token() -> None:
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        resources = [{"name": "shop", "resourceId": "r"}]
        return httpx.Response(200, json={"tenant": str(TENANT), "revision": 1, "resources": resources})

    known = await administration(handle).register(REGISTRATION)
    assert (known.tenant, known.sites) == (str(TENANT), (KnownSite("shop", "r"),))
    (request,) = asked
    assert (request.method, request.url.path) == ("PUT", f"/tenant/admin/v1/tenants/{TENANT}")
    assert request.headers["authorization"] == "Bearer the token"
    assert json.loads(request.content)["sites"][0]["name"] == "shop"


@pytest.mark.parametrize("status", [400, 409, 413])
async def test_what_is_refused_names_its_field(status: int) -> None:
    with pytest.raises(Refused, match="Because") as refused:
        await administration(lambda _: error(status)).register(REGISTRATION)
    assert refused.value.field == "sites[0].name"


@pytest.mark.parametrize("status", [401, 429, 500, 503])
async def test_what_may_work_later_is_no_refusal(status: int) -> None:
    with pytest.raises(Unavailable, match=f"answered {status}: Because"):
        await administration(lambda _: error(status)).register(REGISTRATION)


async def test_no_answer_and_no_reason_are_told_apart() -> None:
    def silent(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("")

    with pytest.raises(Unavailable, match="does not answer \\(ReadTimeout\\)"):
        await administration(silent).issue(TENANT)
    with pytest.raises(Unavailable, match="without saying why"):
        await administration(lambda _: httpx.Response(502, text="<html>")).issue(TENANT)


@pytest.mark.parametrize(("taken", "calls"), [(False, ["clients"]), (True, ["clients", "clients/creatio/rotate"])])
async def test_a_client_that_is_there_already_gets_a_new_secret(*, taken: bool, calls: list[str]) -> None:
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path.partition(f"{TENANT}/")[2])
        if taken and asked == ["clients"]:
            return error(409)
        return httpx.Response(201, json=ISSUED)

    assert await administration(handle).issue(TENANT) == Credentials(str(TENANT), "c", "new")
    assert asked == calls


@pytest.mark.parametrize(("status", "accepted"), [(200, True), (401, False), (429, False)])
async def test_credentials_are_tried_with_a_token_request(status: int, *, accepted: bool) -> None:
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, json={} if accepted else {"error": "invalid_client"})

    assert await administration(handle).accepts(Credentials(str(TENANT), "c", "s")) is accepted
    assert asked[0].url.path == "/identity/connect/token"
    assert asked[0].headers["authorization"].startswith("Basic ")


async def test_an_identity_that_cannot_say_is_asked_again() -> None:
    held = Credentials(str(TENANT), "c", "s")
    away = httpx.Response(503, json={"error": "temporarily_unavailable"})
    with pytest.raises(Unavailable, match="answered 503: temporarily_unavailable"):
        await administration(lambda _: away).accepts(held)
    with pytest.raises(Unavailable, match="does not say why"):
        await administration(lambda _: httpx.Response(502, text="<html>")).accepts(held)
