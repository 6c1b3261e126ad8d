"""Making access tokens and reading them back."""

import json

from joserfc import jws

from footfall_common.auth import AUDIENCE, TOKEN_TYPE, TokenClaims, read_token
from footfall_common.clock import NewId
from footfall_common.store import ClientRecord
from footfall_identity.service.keys import KeyRing


class Tokens:
    """Access tokens of one issuer (RFC 9068)."""

    def __init__(self, ring: KeyRing, issuer: str, new_id: NewId, lifetime: int) -> None:
        self._ring = ring
        self._issuer = issuer
        self._new_id = new_id
        self.lifetime = lifetime
        """Seconds."""

    def make(self, record: ClientRecord, scope: str, now: int) -> str:
        """A signed token for a client. `now` (ms) is a time before its record was read.

        So whatever revoked the record afterwards revokes this token as well; one that stands in the record does not.
        """
        issued = max(now, record.revoked_before)
        key = self._ring.signer()
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": str(record.client),
            "client_id": str(record.client),
            "tenant": str(record.tenant),
            "scope": scope,
            "iat": issued // 1000,
            "exp": issued // 1000 + self.lifetime,
            "jti": str(self._new_id()),
            "issued": issued,
        }
        header = {"alg": "RS256", "typ": TOKEN_TYPE, "kid": key.kid}
        return jws.serialize_compact(header, json.dumps(claims), key)

    def read(self, token: str) -> TokenClaims:
        """The claims of a token of ours, expired and revoked ones too; Unauthenticated for any other."""
        return read_token(token, self._ring.public(), self._issuer)
