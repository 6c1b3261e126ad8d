"""Signing keys: made once, published before they sign, kept until their last token has expired."""

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall_common.auth import TokenVerifier
from footfall_common.documents import NIL
from footfall_common.errors import StoreUnavailable, Unauthenticated
from footfall_common.pipeline.relay import Relay
from footfall_common.sqlite import SqliteFile
from footfall_common.store import SigningKey
from footfall_common.store.embedded.directory import EmbeddedDirectory
from footfall_common.store.embedded.schema import TABLES
from footfall_common.testing import ManualClock, eventually
from footfall_identity.models import KeyTimes, published_keys, renewal_due, signing_key
from footfall_identity.service.keys import KeyRing
from footfall_identity.settings import IdentitySettings
from tests.unit.identity.conftest import ISSUER, Identity, Outage, identity_on

TIMES = KeyTimes(renew=1_000_000, ahead=300, hold=3600)


def key(kid: str, created: int) -> SigningKey:
    return SigningKey(kid, created, b"{}")


async def test_a_key_is_made_on_the_first_start_and_found_on_the_next(
    tmp_path: Path, clock: ManualClock, settings: IdentitySettings
) -> None:
    async with identity_on(tmp_path, clock, settings) as first:
        client = await first.make_client()
        token = await first.token(client)
        jwks = (await first.http.get("/.well-known/openid-configuration/jwks")).json()
    async with identity_on(tmp_path, clock, settings) as second:
        assert (await second.http.get("/.well-known/openid-configuration/jwks")).json() == jwks
        await second.caught_up()
        assert str(second.process.verifier.verify(token, "tracking_api").client) == client[0]
        document = second.view.keys()
        assert document is not None
        assert document.revision == 1


async def test_replicas_that_start_at_once_publish_both_keys_and_agree_on_the_signer(
    tmp_path: Path, clock: ManualClock
) -> None:
    file = SqliteFile(tmp_path / "store.db", TABLES, unavailable=StoreUnavailable)
    await file.open()
    directory = EmbeddedDirectory(file)
    relay = Relay(directory, Nowhere(), "settings")
    rings = [KeyRing(directory, relay, clock, ISSUER, TIMES) for _ in range(2)]
    await asyncio.gather(*(ring.refresh() for ring in rings))
    stored = await directory.get(NIL.bytes + NIL.bytes)
    assert stored is not None
    published = {key["kid"] for key in json.loads(stored.body)["jwks"]["keys"]}
    assert len(published) == 2
    assert {ring.signer().kid for ring in rings} <= published
    await asyncio.gather(*(ring.refresh() for ring in rings))
    assert len({ring.signer().kid for ring in rings}) == 1
    assert await directory.get(NIL.bytes + NIL.bytes) == stored._replace(published=stored.revision)
    await file.close()


class Nowhere:
    """A publisher for what this test does not look at."""

    async def publish(self, records: object) -> None:
        pass


async def test_another_issuer_is_published_anew_and_ends_the_tokens_of_the_old_one(
    data: Path, clock: ManualClock, settings: IdentitySettings
) -> None:
    async with identity_on(data, clock, settings) as before:
        token = await before.token(await before.make_client())
    elsewhere = settings.model_copy(update={"issuer": "https://elsewhere.test"})
    async with identity_on(data, clock, elsewhere) as identity:
        await eventually(lambda: (keys := identity.view.keys()) and keys.issuer == "https://elsewhere.test")
        with pytest.raises(Unauthenticated):
            TokenVerifier(identity.view, elsewhere.issuer, clock).verify(token, "tracking_api")


async def test_discovery_names_the_doors_and_the_keys_are_public(identity: Identity) -> None:
    metadata = (await identity.http.get("/.well-known/openid-configuration")).json()
    assert metadata["issuer"] == ISSUER
    assert metadata["token_endpoint"] == f"{ISSUER}/connect/token"
    assert metadata["scopes_supported"] == ["tracking_api"]
    for door in ("introspection_endpoint", "revocation_endpoint"):
        assert (await identity.http.post(metadata[door])).status_code == 400
    (public,) = (await identity.http.get(metadata["jwks_uri"])).json()["keys"]
    assert (public["kty"], public["alg"], public["use"]) == ("RSA", "RS256", "sig")
    assert not {"d", "p", "q", "dp", "dq", "qi"} & set(public)


async def test_a_due_key_is_published_first_signs_later_and_the_old_one_still_verifies(
    data: Path, clock: ManualClock, settings: IdentitySettings
) -> None:
    async with identity_on(data, clock, settings) as before:
        client = await before.make_client()
    clock.advance(seconds=settings.key_days * 86_400)
    async with identity_on(data, clock, settings) as identity:
        keys = (await identity.http.get("/.well-known/openid-configuration/jwks")).json()["keys"]
        assert len(keys) == 2
        old = await identity.token(client)
        clock.advance(seconds=settings.key_ahead_seconds)
        new = await identity.token(client)
        assert old.split(".")[0] != new.split(".")[0]  # another kid in the header
        await identity.caught_up()
        await eventually(lambda: len(document.jwks["keys"]) == 2 if (document := identity.view.keys()) else False)
        for token in (old, new):
            identity.process.verifier.verify(token, "tracking_api")


async def test_without_a_store_identity_starts_says_so_and_recovers(
    data: Path, clock: ManualClock, settings: IdentitySettings
) -> None:
    outage = Outage(store=True)
    quick = settings.model_copy(update={"key_check_seconds": 0.05})
    async with identity_on(data, clock, quick, outage) as identity:
        ready = await identity.http.get("/readyz")
        assert ready.status_code == 503
        assert "signing key" in ready.json()["failing"]["identity_keys"]
        jwks = await identity.http.get("/.well-known/openid-configuration/jwks")
        assert (jwks.status_code, jwks.json()["error"]["code"]) == (503, "unavailable")
        outage.store = False

        async def ready_again() -> bool:
            return (await identity.http.get("/readyz")).status_code == 200

        assert await eventually(ready_again)
        assert (await identity.ask(await identity.make_client())).status_code == 200


async def test_identity_is_ready_with_its_key(identity: Identity) -> None:
    assert (await identity.http.get("/readyz")).json() == {"status": "ready", "failing": {}}


def test_a_first_key_signs_at_once_and_a_successor_after_its_lead() -> None:
    first, second = key("a", 1000), key("b", 5000)
    assert signing_key([first], 1000, TIMES) == first
    assert signing_key([second, first], 5299, TIMES) == first
    assert signing_key([second, first], 5300, TIMES) == second


def test_replicas_that_made_a_key_at_once_agree_on_the_signer() -> None:
    a, b = key("a", 1000), key("b", 1000)
    assert signing_key([a, b], 1001, TIMES) == signing_key([b, a], 1001, TIMES)
    assert published_keys([a, b], 1001, TIMES) == published_keys([b, a], 1001, TIMES) == [a, b]


def test_a_key_leaves_once_its_last_token_has_expired() -> None:
    first, second = key("a", 1000), key("b", 5000)
    end = 5000 + 2 * TIMES.ahead + TIMES.hold
    assert published_keys([first, second], end - 1, TIMES) == [first, second]
    assert published_keys([first, second], end, TIMES) == [second]


def test_a_key_is_due_at_its_age() -> None:
    assert renewal_due([], 0, TIMES)
    assert not renewal_due([key("a", 10)], 1_000_009, TIMES)
    assert renewal_due([key("a", 10)], 1_000_010, TIMES)


@given(st.lists(st.integers(0, 20_000), min_size=1, unique=True), st.integers(0, 40_000))
def test_the_signing_key_is_always_published(created: list[int], now: int) -> None:
    keys = [key(str(at), at) for at in created]
    assert signing_key(keys, now, TIMES) in published_keys(keys, now, TIMES)
