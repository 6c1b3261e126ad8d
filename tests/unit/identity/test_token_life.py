"""Introspection and revocation."""

import pytest

from footfall_common.errors import Unauthenticated
from footfall_common.testing import Issuer
from tests.unit.identity.conftest import ISSUER, TENANT, Identity


async def introspect(identity: Identity, client: tuple[str, str], token: str) -> dict[str, object]:
    answer = await identity.http.post("/connect/introspect", data={"token": token}, auth=client)
    assert answer.status_code == 200, answer.text
    body: dict[str, object] = answer.json()
    return body


async def test_a_client_reads_its_own_token(identity: Identity) -> None:
    client = await identity.make_client()
    told = await introspect(identity, client, await identity.token(client))
    now = identity.clock.now_ms() // 1000
    assert told.pop("jti")
    assert told == {
        "active": True,
        "token_type": "Bearer",
        "scope": "tracking_api",
        "client_id": client[0],
        "sub": client[0],
        "aud": "footfall",
        "iss": ISSUER,
        "iat": now,
        "exp": now + 3600,
        "tenant": str(TENANT),
    }


async def test_of_other_expired_and_foreign_tokens_only_inactive_is_told(identity: Identity) -> None:
    client, other = await identity.make_client(), await identity.make_client("other")
    token = await identity.token(client)
    assert await introspect(identity, other, token) == {"active": False}
    assert await introspect(identity, client, "no.token.atall") == {"active": False}
    foreign = Issuer(identity.clock, issuer="https://elsewhere.test").token(TENANT, TENANT)
    assert await introspect(identity, client, foreign) == {"active": False}
    identity.clock.advance(seconds=3601)
    assert await introspect(identity, client, token) == {"active": False}


@pytest.mark.parametrize("path", ["/connect/introspect", "/connect/revoke"])
async def test_both_doors_ask_for_a_client_and_a_token(identity: Identity, path: str) -> None:
    client = await identity.make_client()
    nameless = await identity.http.post(path, data={"token": "x"})
    assert (nameless.status_code, nameless.json()["error"]) == (401, "invalid_client")
    empty = await identity.http.post(path, data={"token_type_hint": "access_token"}, auth=client)
    assert (empty.status_code, empty.json()["error"]) == (400, "invalid_request")
    assert "token" in empty.json()["error_description"]
    failed = [(await identity.http.post(path, data={"token": "x"}, auth=(client[0], "no"))).status_code for _ in "1234"]
    assert failed == [401, 401, 401, 429]


async def test_a_revoked_token_and_older_ones_end_and_newer_ones_hold(identity: Identity) -> None:
    client = await identity.make_client()
    older = await identity.token(client)
    identity.clock.advance(ms=1)
    revoked = await identity.token(client)
    identity.clock.advance(ms=1)
    newer = await identity.token(client)
    form = {"token": revoked, "token_type_hint": "anything"}
    assert (await identity.http.post("/connect/revoke", data=form, auth=client)).status_code == 200
    assert (await introspect(identity, client, revoked)) == {"active": False}
    assert (await introspect(identity, client, newer))["active"] is True
    await identity.caught_up()
    verify = identity.process.verifier.verify
    for token in (older, revoked):
        with pytest.raises(Unauthenticated, match="revoked"):
            verify(token, "tracking_api")
    verify(newer, "tracking_api")


async def test_revoking_what_is_no_token_of_ours_is_200_and_another_clients_400(identity: Identity) -> None:
    client, other = await identity.make_client(), await identity.make_client("other")
    assert (await identity.http.post("/connect/revoke", data={"token": "x.y.z"}, auth=client)).status_code == 200
    token = await identity.token(client)
    refused = await identity.http.post("/connect/revoke", data={"token": token}, auth=other)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    await identity.caught_up()
    identity.process.verifier.verify(token, "tracking_api")


async def test_a_revocation_is_not_acknowledged_before_it_is_published(identity: Identity) -> None:
    client = await identity.make_client()
    token = await identity.token(client)
    identity.outage.bus = True
    answer = await identity.http.post("/connect/revoke", data={"token": token}, auth=client)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    identity.outage.bus = False
    assert (await identity.http.post("/connect/revoke", data={"token": token}, auth=client)).status_code == 200
    await identity.caught_up()
    with pytest.raises(Unauthenticated, match="revoked"):
        identity.process.verifier.verify(token, "tracking_api")
