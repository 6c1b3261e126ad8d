"""Access tokens as an attacker would send them, and the administrator's token."""

import base64
import hashlib
import hmac
import json
import uuid
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import RSAKey

from footfall_common.auth import TRACKING_API, AdminToken, TokenVerifier
from footfall_common.documents import ClientDocument
from footfall_common.errors import Forbidden, Unauthenticated, Unavailable
from footfall_common.testing import Issuer, ManualClock
from footfall_common.testing.tokens import public_jwks, signing_key

TENANT, CLIENT = uuid.UUID(int=1), uuid.UUID(int=2)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def issuer(clock: ManualClock) -> Issuer:
    return Issuer(clock)


def unsigned(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def payload_of(token: str) -> dict[str, Any]:
    encoded = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    return claims


def test_a_good_token_gives_its_claims(issuer: Issuer) -> None:
    claims = issuer.verifier.verify(issuer.token(TENANT, CLIENT), TRACKING_API)
    assert (claims.tenant, claims.client, claims.scopes) == (TENANT, CLIENT, frozenset({TRACKING_API}))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.test"},
        {"aud": "someone-else"},
        {"tenant": "acme"},
        {"tenant": None},
        {"exp": "tomorrow"},
        {"exp": None},
        {"iat": None},
        {"issued": None},
        {"client_id": None},
        {"scope": None},
        {"scope": ["tracking_api"]},
    ],
    ids=str,
)
def test_a_token_with_a_wrong_claim_does_not_hold(issuer: Issuer, claims: dict[str, Any]) -> None:
    refused(issuer, issuer.token(TENANT, CLIENT, claims=claims))


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"typ": None}, {"kid": "unknown"}, {"kid": None}], ids=str)
def test_a_token_with_a_wrong_header_does_not_hold(issuer: Issuer, header: dict[str, Any]) -> None:
    refused(issuer, issuer.token(TENANT, CLIENT, header=header))


def refused(issuer: Issuer, token: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        issuer.verifier.verify(token, TRACKING_API)
    assert caught.value.code == "invalid_token"
    assert "ask identity for a new one" in caught.value.message


def test_alg_none_does_not_hold(issuer: Issuer) -> None:
    claims = payload_of(issuer.token(TENANT, CLIENT))
    for algorithm in ("none", "None", "NONE"):
        header = {"alg": algorithm, "typ": "at+jwt", "kid": signing_key().kid}
        for signature in ("", "AAAA"):
            refused(issuer, f"{unsigned(header)}.{unsigned(claims)}.{signature}")


def test_hs256_with_our_public_key_as_its_secret_does_not_hold(issuer: Issuer) -> None:
    header = {"alg": "HS256", "typ": "at+jwt", "kid": signing_key().kid}
    signed = f"{unsigned(header)}.{unsigned(payload_of(issuer.token(TENANT, CLIENT)))}"
    public = signing_key()
    # By hand: the library would not sign with such a secret, but an attacker does not use our library.
    for secret in (
        public.as_pem(private=False),
        public.as_der(private=False),
        json.dumps(public_jwks(public)).encode(),
    ):
        mac = hmac.digest(secret, signed.encode(), hashlib.sha256)
        refused(issuer, f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}")


def test_another_algorithm_of_the_same_key_does_not_hold(issuer: Issuer) -> None:
    claims = json.dumps(payload_of(issuer.token(TENANT, CLIENT)))
    header = {"alg": "RS512", "typ": "at+jwt", "kid": signing_key().kid}
    key = RSAKey.import_key(
        {name: value for name, value in signing_key().as_dict(private=True).items() if name != "alg"}
    )
    with pytest.raises(Unauthenticated):
        issuer.verifier.verify(jws.serialize_compact(header, claims, key, algorithms=["RS512"]), TRACKING_API)


def test_a_strangers_key_under_our_keys_id_does_not_hold(issuer: Issuer, clock: ManualClock) -> None:
    stranger = RSAKey.generate_key(2048, parameters={"kid": signing_key().kid or ""})
    forged = Issuer(clock, key=stranger).token(TENANT, CLIENT)
    refused(issuer, forged)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "..",
        "\x00",
        "é.é.é",
        "x" * 5000,
        "eyJhbGciOiJSUzI1NiJ9..",
        "[]",
        "W10.W10.W10",
    ],
)
def test_what_is_no_token_does_not_hold(issuer: Issuer, token: str) -> None:
    refused(issuer, token)


@pytest.mark.parametrize("crit", [5, [5], None, {}, [], ["b64"]])
def test_odd_critical_headers_do_not_hold(issuer: Issuer, crit: Any) -> None:
    header, payload, signature = issuer.token(TENANT, CLIENT).split(".")
    named = json.loads(base64.urlsafe_b64decode(header + "==")) | {"crit": crit}
    changed = base64.urlsafe_b64encode(json.dumps(named).encode()).decode().rstrip("=")
    refused(issuer, f"{changed}.{payload}.{signature}")


def test_each_changed_character_breaks_a_token(issuer: Issuer) -> None:
    token = issuer.token(TENANT, CLIENT)
    for index in range(0, len(token) - 1, 37):
        changed = "A" if token[index] != "A" else "B"
        refused(issuer, token[:index] + changed + token[index + 1 :])


def test_a_deeply_nested_payload_does_not_hold(issuer: Issuer) -> None:
    header = {"alg": "RS256", "typ": "at+jwt", "kid": signing_key().kid}
    token = jws.serialize_compact(header, b"[" * 1200 + b"]" * 1200, signing_key())
    refused(issuer, token)


def test_a_missing_scope_is_forbidden_and_named(issuer: Issuer) -> None:
    token = issuer.token(TENANT, CLIENT, scope="openid profile")
    with pytest.raises(Forbidden, match="tracking_api"):
        issuer.verifier.verify(token, TRACKING_API)


def test_expiry_is_checked_again_for_a_remembered_token(issuer: Issuer, clock: ManualClock) -> None:
    token = issuer.token(TENANT, CLIENT)
    clock.advance(seconds=3599, ms=999)
    issuer.verifier.verify(token, TRACKING_API)
    clock.advance(ms=1)
    with pytest.raises(Unauthenticated, match="expired"):
        issuer.verifier.verify(token, TRACKING_API)


def test_revocation_is_checked_again_for_a_remembered_token(issuer: Issuer, clock: ManualClock) -> None:
    old = issuer.token(TENANT, CLIENT)
    issuer.verifier.verify(old, TRACKING_API)
    clock.advance(ms=1)
    new = issuer.token(TENANT, CLIENT)
    revoked = ClientDocument(tenant=TENANT, client=CLIENT, revision=2, revoked_before=clock.now_ms())
    issuer.clients[TENANT, CLIENT] = revoked
    issuer.verifier.verify(new, TRACKING_API)
    with pytest.raises(Unauthenticated, match="revoked"):
        issuer.verifier.verify(old, TRACKING_API)


def test_a_deleted_client_is_refused(issuer: Issuer) -> None:
    token = issuer.token(TENANT, CLIENT)
    issuer.clients[TENANT, CLIENT] = ClientDocument(tenant=TENANT, client=CLIENT, revision=2, deleted=True)
    with pytest.raises(Unauthenticated, match="revoked"):
        issuer.verifier.verify(token, TRACKING_API)


def test_a_key_that_leaves_takes_its_remembered_tokens_with_it(issuer: Issuer) -> None:
    token = issuer.token(TENANT, CLIENT)
    issuer.verifier.verify(token, TRACKING_API)
    assert issuer.document is not None
    other = RSAKey.generate_key(2048, auto_kid=True)
    issuer.document = type(issuer.document)(revision=2, issuer=issuer.issuer, jwks=public_jwks(other))
    with pytest.raises(Unauthenticated, match="unknown"):
        issuer.verifier.verify(token, TRACKING_API)


def test_before_keys_or_the_client_have_arrived_it_is_unavailable_and_never_taken(issuer: Issuer) -> None:
    token = issuer.token(TENANT, CLIENT)
    issuer.clients[TENANT, CLIENT] = None
    with pytest.raises(Unavailable, match="client"):
        issuer.verifier.verify(token, TRACKING_API)
    issuer.document = None
    with pytest.raises(Unavailable, match="keys"):
        issuer.verifier.verify(token, TRACKING_API)


def test_only_so_many_tokens_are_remembered(issuer: Issuer, clock: ManualClock) -> None:
    verifier = TokenVerifier(issuer, issuer.issuer, clock, remembered=2)
    tokens = [issuer.token(TENANT, uuid.UUID(int=number)) for number in range(4)]
    for token in tokens:
        verifier.verify(token, TRACKING_API)
    assert list(verifier._read) == tokens[2:]


def test_the_administrators_token_is_read_anew_each_time() -> None:
    kept = ["first\n"]
    token = AdminToken(lambda: kept[0])
    token.check("first")
    kept[0] = "second"
    token.check("second")
    with pytest.raises(Unauthenticated):
        token.check("first")


@pytest.mark.parametrize("given", ["", "secre", "secret ", "SECRET", "\ud800", "\x00"])
def test_any_other_administrators_token_is_refused(given: str) -> None:
    with pytest.raises(Unauthenticated):
        AdminToken(lambda: "secret").check(given)


def test_an_empty_administrators_token_lets_nobody_in() -> None:
    with pytest.raises(Unauthenticated):
        AdminToken(lambda: " \n").check("")
