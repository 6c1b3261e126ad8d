"""Access tokens for tests of components that stand behind identity, signed by a real key."""

import functools
import json
import uuid
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.jwk import RSAKey

from footfall_common.auth import AUDIENCE, TOKEN_TYPE, TRACKING_API, TokenVerifier
from footfall_common.clock import Clock, new_id
from footfall_common.documents import ClientDocument, KeysDocument


@functools.cache
def signing_key() -> RSAKey:
    """One key a test process: making one takes a tenth of a second."""
    return RSAKey.generate_key(2048, parameters={"use": "sig", "alg": "RS256"}, auto_kid=True)


def public_jwks(*keys: RSAKey) -> dict[str, list[dict[str, str]]]:
    """The JWK set that verifies what these keys sign."""
    return {"keys": [{name: str(value) for name, value in key.as_dict(private=False).items()} for key in keys]}


class Issuer:
    """Stands where identity and the settings view stand: `token()` signs, `verifier` accepts.

    `clients` holds the documents of clients that were revoked or deleted; all others are known and unrevoked.
    """

    def __init__(self, clock: Clock, issuer: str = "https://identity.test", key: RSAKey | None = None) -> None:
        self.clock = clock
        self.issuer = issuer
        self.key = key or signing_key()
        self.document: KeysDocument | None = KeysDocument(revision=1, issuer=issuer, jwks=public_jwks(self.key))
        self.clients: dict[tuple[uuid.UUID, uuid.UUID], ClientDocument | None] = {}
        self.verifier = TokenVerifier(self, issuer, clock)

    def keys(self) -> KeysDocument | None:
        return self.document

    def client(self, tenant: uuid.UUID, client: uuid.UUID) -> ClientDocument | None:
        fresh = ClientDocument(tenant=tenant, client=client, revision=1)
        return self.clients.get((tenant, client), fresh)

    def token(
        self,
        tenant: uuid.UUID,
        client: uuid.UUID,
        scope: str = TRACKING_API,
        *,
        claims: Mapping[str, Any] | None = None,
        header: Mapping[str, Any] | None = None,
    ) -> str:
        """A signed token; `claims` and `header` replace its own, and None takes one away."""
        now = self.clock.now_ms()
        own_claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": str(client),
            "client_id": str(client),
            "tenant": str(tenant),
            "scope": scope,
            "iat": now // 1000,
            "exp": now // 1000 + 3600,
            "jti": str(new_id()),
            "issued": now,
        }
        own_header = {"alg": "RS256", "typ": TOKEN_TYPE, "kid": self.key.kid}
        payload = json.dumps(_merged(own_claims, claims))
        return jws.serialize_compact(_merged(own_header, header), payload, self.key)


def _merged(own: Mapping[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in {**own, **(changes or {})}.items() if value is not None}
