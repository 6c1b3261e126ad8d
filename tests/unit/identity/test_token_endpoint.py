"""The token request, as Creatio makes it and as it can be got wrong."""

import json
from base64 import b64encode

import pytest
from joserfc import jws

from footfall_common.errors import Unauthenticated
from footfall_common.testing.tokens import signing_key
from tests.unit.identity.conftest import ADMIN, ISSUER, OTHER_TENANT, TENANT, Identity


def post_form(client: tuple[str, str], **fields: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "scope": "tracking_api",
        "client_id": client[0],
        "client_secret": client[1],
    } | fields


async def test_a_token_is_had_by_basic_and_holds_at_every_service(identity: Identity) -> None:
    client = await identity.make_client()
    answer = await identity.ask(client)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 3600, "tracking_api")
    assert answer.headers["cache-control"] == "no-store"
    await identity.caught_up()
    claims = identity.process.verifier.verify(body["access_token"], "tracking_api")
    assert (claims.tenant, str(claims.client), claims.scopes) == (TENANT, client[0], frozenset({"tracking_api"}))


async def test_a_token_is_had_by_post(identity: Identity) -> None:
    client = await identity.make_client()
    answer = await identity.http.post("/connect/token", data=post_form(client))
    assert answer.status_code == 200
    assert answer.json()["access_token"].count(".") == 2


async def test_the_token_is_the_documented_jwt(identity: Identity) -> None:
    client = await identity.make_client()
    signed = jws.deserialize_compact(await identity.token(client), signing_key(), algorithms=["RS256"])
    assert signed.headers() == {"alg": "RS256", "typ": "at+jwt", "kid": signing_key().kid}
    claims = json.loads(signed.payload)
    now = identity.clock.now_ms()
    assert claims.pop("jti")
    assert claims == {
        "iss": ISSUER,
        "aud": "footfall",
        "sub": client[0],
        "client_id": client[0],
        "tenant": str(TENANT),
        "scope": "tracking_api",
        "iat": now // 1000,
        "exp": now // 1000 + 3600,
        "issued": now,
    }


async def test_without_a_scope_the_client_gets_all_of_its_own(identity: Identity) -> None:
    client = await identity.make_client()
    answer = await identity.http.post("/connect/token", data={"grant_type": "client_credentials"}, auth=client)
    assert answer.json()["scope"] == "tracking_api"


async def test_an_expired_token_does_not_hold(identity: Identity) -> None:
    token = await identity.token(await identity.make_client())
    await identity.caught_up()
    identity.clock.advance(seconds=3601)
    with pytest.raises(Unauthenticated, match="expired"):
        identity.process.verifier.verify(token, "tracking_api")


async def test_a_wrong_field_is_named_with_the_way_out(identity: Identity) -> None:
    client = await identity.make_client()
    for fields, error, told in (
        ({"scope": "tracking_api admin"}, "invalid_scope", "tracking_api"),
        ({"grant_type": "password"}, "unsupported_grant_type", "client_credentials"),
        ({"grant_type": ""}, "invalid_request", "grant_type"),
    ):
        answer = await identity.ask(client, **fields)
        assert (answer.status_code, answer.json()["error"]) == (400, error)
        assert told in answer.json()["error_description"]


async def test_wrong_secret_unknown_and_disabled_client_cannot_be_told_apart(identity: Identity) -> None:
    client_id, secret = await identity.make_client()
    disabled = await identity.make_client("gone")
    await identity.http.delete(f"/admin/v1/tenants/{TENANT}/clients/gone", headers=ADMIN)
    answers = [
        await identity.ask((client_id, secret + "x")),
        await identity.ask(("5e0b6f9e-0000-4000-8000-00000000dead", secret)),
        await identity.ask(("no-uuid-at-all", secret)),
        await identity.ask(disabled),
        await identity.http.post("/connect/token", data=post_form((client_id, "wrong"))),
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}
    assert answers[0].json()["error"] == "invalid_client"
    assert answers[0].headers["www-authenticate"] == 'Basic realm="footfall"'


async def test_unreadable_credentials_are_no_credentials(identity: Identity) -> None:
    form = {"grant_type": "client_credentials"}
    not_utf_8 = "Basic " + b64encode(b"\xff\xfe:\xff").decode()
    for authorization in (
        "",
        "Basic",
        "Basic  two words",
        "Basic \xff",
        "Basic !!!",
        not_utf_8,
        "Bearer x",
        "Basic bm9jb2xvbg==",
    ):
        answer = await identity.http.post(
            "/connect/token", data=form, headers=[(b"Authorization", authorization.encode("latin-1"))]
        )
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), authorization


async def test_a_secret_sent_in_two_ways_is_refused(identity: Identity) -> None:
    client = await identity.make_client()
    answer = await identity.http.post("/connect/token", data=post_form(client), auth=client)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_body_that_is_no_small_form_is_refused(identity: Identity) -> None:
    form = "application/x-www-form-urlencoded"
    for content, media, status in (
        (b"grant_type=" + b"x" * 20_000, form, 413),
        (b"{}", "application/json", 400),
        (b"grant_type=a&grant_type=b", form, 400),
        (b"a=%ff", form, 400),
        (b"\xff=1", form, 400),
        ("&".join(f"f{number}=1" for number in range(50)).encode(), form, 400),
    ):
        answer = await identity.http.post("/connect/token", content=content, headers={"Content-Type": media})
        assert (answer.status_code, answer.json()["error"]) == (status, "invalid_request"), content[:20]
        assert answer.json()["error_description"]


async def test_failures_of_one_client_are_limited_and_a_right_secret_passes_all_the_same(identity: Identity) -> None:
    client_id, secret = await identity.make_client()
    other = await identity.make_client("other")
    statuses = [(await identity.ask((client_id, "wrong"))).status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]
    limited = await identity.ask((client_id, "wrong"))
    assert limited.json()["error"] == "invalid_client"
    assert limited.headers["retry-after"] == "6"
    assert (await identity.ask((client_id, secret))).status_code == 200
    assert (await identity.ask((other[0], "wrong"))).status_code == 401
    identity.clock.advance(seconds=6)
    assert (await identity.ask((client_id, "wrong"))).status_code == 401


async def test_a_store_that_is_away_is_503_and_no_verdict_on_the_client(identity: Identity) -> None:
    client = await identity.make_client()
    identity.outage.store = True
    answer = await identity.ask(client)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["retry-after"] == "1"
    identity.outage.store = False
    assert (await identity.ask(client)).status_code == 200


async def test_a_token_speaks_for_its_own_tenant_only(identity: Identity) -> None:
    mine, theirs = await identity.make_client(), await identity.make_client(tenant=OTHER_TENANT)
    await identity.caught_up()
    verify = identity.process.verifier.verify
    assert verify(await identity.token(mine), "tracking_api").tenant == TENANT
    assert verify(await identity.token(theirs), "tracking_api").tenant == OTHER_TENANT


async def test_outcomes_are_counted(identity: Identity) -> None:
    client_id, secret = await identity.make_client()
    await identity.ask((client_id, secret))
    await identity.ask((client_id, "wrong"))
    metrics = (await identity.http.get("/metrics")).text
    assert 'footfall_identity_tokens_total{outcome="issued"} 1.0' in metrics
    assert 'footfall_identity_tokens_total{outcome="invalid_client"} 1.0' in metrics
