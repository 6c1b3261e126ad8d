"""The administrator's door, and what its changes mean for tokens that are out."""

import asyncio
import hashlib
import uuid

import pytest

from footfall_common.errors import Unauthenticated
from tests.unit.identity.conftest import ADMIN, OTHER_TENANT, TENANT, Identity

CLIENTS = f"/admin/v1/tenants/{TENANT}/clients"


async def test_a_secret_is_256_random_bits_told_once_and_kept_as_its_hash(identity: Identity) -> None:
    client_id, secret = await identity.make_client()
    assert len(secret) == 43
    record = await identity.directory.client(uuid.UUID(client_id))
    assert record is not None
    assert record.secret == hashlib.sha256(secret.encode()).digest()
    listed = (await identity.http.get(CLIENTS, headers=ADMIN)).json()
    assert listed == [
        {
            "clientId": client_id,
            "name": "creatio",
            "scopes": ["tracking_api"],
            "created": identity.clock.now_ms(),
            "disabled": False,
            "revokedBefore": 0,
        }
    ]


async def test_a_name_is_taken_once_a_tenant(identity: Identity) -> None:
    await identity.make_client()
    again = await identity.http.post(CLIENTS, json={"name": "creatio"}, headers=ADMIN)
    assert again.status_code == 409
    assert again.json()["error"]["code"] == "name_taken"
    assert again.json()["error"]["field"] == "name"
    await identity.make_client(tenant=OTHER_TENANT)


async def test_two_at_once_make_one_client(identity: Identity) -> None:
    answers = await asyncio.gather(
        *(identity.http.post(CLIENTS, json={"name": "creatio"}, headers=ADMIN) for _ in range(2))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_a_wrong_body_is_answered_with_its_field(identity: Identity) -> None:
    names: list[object] = ["", "Ä b", "-a", "a" * 65, 1, None]
    bodies = [({}, "name"), ({"name": "a", "x": 1}, "x"), *(({"name": name}, "name") for name in names)]
    for body, field in bodies:
        answer = await identity.http.post(CLIENTS, json=body, headers=ADMIN)
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, field), body


async def test_a_tenant_that_is_no_guid_is_400(identity: Identity) -> None:
    answer = await identity.http.get("/admin/v1/tenants/acme/clients", headers=ADMIN)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "tenant")


async def test_nobody_but_the_administrator_gets_in(identity: Identity) -> None:
    doors = (("GET", ""), ("POST", ""), ("POST", "/creatio/rotate"), ("DELETE", "/creatio"))
    token = await identity.token(await identity.make_client())
    for authorization in ("", "Bearer wrong", "Basic YTpi", f"Bearer {token}"):
        for method, path in doors:
            headers = {"Authorization": authorization}
            answer = await identity.http.request(method, CLIENTS + path, json={"name": "b"}, headers=headers)
            assert answer.status_code == 401, (method, path, authorization)
            assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert [one["name"] for one in (await identity.http.get(CLIENTS, headers=ADMIN)).json()] == ["creatio"]


async def test_rotation_ends_the_old_secret_and_its_tokens_and_no_new_ones(identity: Identity) -> None:
    client = await identity.make_client()
    old = await identity.token(client)
    rotated = await identity.http.post(f"{CLIENTS}/creatio/rotate", headers=ADMIN)
    assert rotated.status_code == 200
    fresh = (rotated.json()["clientId"], rotated.json()["clientSecret"])
    assert fresh[0] == client[0]
    assert fresh[1] != client[1]
    assert (await identity.ask(client)).status_code == 401
    new = await identity.token(fresh)  # in the very millisecond of the rotation
    await identity.caught_up()
    identity.process.verifier.verify(new, "tracking_api")
    with pytest.raises(Unauthenticated, match="revoked"):
        identity.process.verifier.verify(old, "tracking_api")


async def test_a_token_had_for_the_old_secret_while_the_rotation_runs_ends_with_it(identity: Identity) -> None:
    client = await identity.make_client()
    raced: list[str] = []

    async def race() -> None:
        identity.clock.advance(seconds=5)  # a slow store
        raced.append(await identity.token(client))

    identity.outage.before_update = race
    assert (await identity.http.post(f"{CLIENTS}/creatio/rotate", headers=ADMIN)).status_code == 200
    await identity.caught_up()
    with pytest.raises(Unauthenticated, match="revoked"):
        identity.process.verifier.verify(raced[0], "tracking_api")


async def test_a_disabled_client_gets_nothing_until_it_is_created_again(identity: Identity) -> None:
    client = await identity.make_client()
    old = await identity.token(client)
    assert (await identity.http.delete(f"{CLIENTS}/creatio", headers=ADMIN)).status_code == 204
    assert (await identity.http.delete(f"{CLIENTS}/creatio", headers=ADMIN)).status_code == 204
    assert (await identity.ask(client)).json()["error"] == "invalid_client"
    assert (await identity.http.post(f"{CLIENTS}/creatio/rotate", headers=ADMIN)).status_code == 409
    await identity.caught_up()
    with pytest.raises(Unauthenticated, match="revoked"):
        identity.process.verifier.verify(old, "tracking_api")

    again = await identity.make_client()
    assert again[0] == client[0]
    assert (await identity.ask(client)).status_code == 401
    token = await identity.token(again)
    await identity.caught_up()
    identity.process.verifier.verify(token, "tracking_api")
    with pytest.raises(Unauthenticated, match="revoked"):
        identity.process.verifier.verify(old, "tracking_api")


async def test_a_name_that_is_not_there_is_404(identity: Identity) -> None:
    assert (await identity.http.post(f"{CLIENTS}/nobody/rotate", headers=ADMIN)).status_code == 404
    assert (await identity.http.delete(f"{CLIENTS}/nobody", headers=ADMIN)).status_code == 404


async def test_a_client_made_while_the_bus_is_away_is_not_made_and_can_be_made_later(identity: Identity) -> None:
    identity.outage.bus = True
    answer = await identity.http.post(CLIENTS, json={"name": "creatio"}, headers=ADMIN)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    identity.outage.bus = False
    await identity.make_client()


async def test_a_revocation_that_the_bus_did_not_take_goes_out_when_it_is_back(identity: Identity) -> None:
    token = await identity.token(await identity.make_client())
    identity.outage.bus = True
    assert (await identity.http.delete(f"{CLIENTS}/creatio", headers=ADMIN)).status_code == 503
    identity.outage.bus = False
    await identity.caught_up()  # by the sweep, without another call
    with pytest.raises(Unauthenticated, match="revoked"):
        identity.process.verifier.verify(token, "tracking_api")
