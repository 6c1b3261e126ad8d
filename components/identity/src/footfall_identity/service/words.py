"""Our requests, clients and tokens in Authlib's words."""

import hmac
import uuid
from typing import Any, NamedTuple

from authlib.oauth2.rfc6749 import ClientMixin, OAuth2Request, TokenMixin
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6749.util import extract_basic_authorization
from typing_extensions import override

from footfall_common.auth import TokenClaims
from footfall_common.store import ClientRecord
from footfall_identity.models import digest

GRANT = "client_credentials"
METHODS = ["client_secret_basic", "client_secret_post"]

# Authlib asks for https, but TLS ends in front of this process; it looks at nothing else of the address.
_ADDRESS = "https://identity.invalid/"
_NOBODY = ClientRecord(uuid.UUID(int=0), uuid.UUID(int=0), "", bytes(32), 0, (), disabled=True)


class Answer(NamedTuple):
    """What goes back to a client; the body becomes JSON."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


class Request(OAuth2Request):
    """An OAuth request: its Authorization header ("" = none) and the fields of its form."""

    def __init__(self, authorization: str, fields: dict[str, str]) -> None:
        basic_id = _basic_id(authorization)
        super().__init__("POST", _ADDRESS, headers={"Authorization": authorization if basic_id else ""})
        self.payload = BasicOAuth2Payload(fields)
        self._fields = fields
        self.doubly_authenticated = bool(authorization) and "client_secret" in fields
        self.claimed_id = basic_id or fields.get("client_id", "")
        """The client id that the caller claims to be; "" for none."""

    @property
    @override
    def form(self) -> dict[str, str]:
        return self._fields


class Client(ClientMixin):
    """A stored client; None stands for a claimed one that is not stored, which fails as slowly as any other."""

    def __init__(self, record: ClientRecord | None) -> None:
        self.record = record or _NOBODY

    @override
    def check_client_secret(self, client_secret: str) -> bool:
        same = hmac.compare_digest(digest(client_secret), self.record.secret)
        return same and not self.record.disabled

    @override
    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in METHODS

    @override
    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == GRANT


class IssuedToken(TokenMixin):
    """A token of ours, as it stands at `now` (ms) for a client."""

    def __init__(self, claims: TokenClaims, record: ClientRecord, now: int) -> None:
        self.claims = claims
        self._record = record
        self._now = now

    @override
    def check_client(self, client: Client) -> bool:
        return self.claims.client_id == client.record.client

    @override
    def is_expired(self) -> bool:
        return self.claims.exp * 1000 <= self._now

    @override
    def is_revoked(self) -> bool:
        return self.claims.issued < self._record.revoked_before


def _basic_id(authorization: str) -> str:
    """The id in a Basic header; "" where there is none that can be read."""
    try:
        client_id, secret = extract_basic_authorization({"Authorization": authorization})
    except ValueError:  # no base64, no UTF-8, or words that are no pair
        return ""
    return client_id or "" if secret else ""
