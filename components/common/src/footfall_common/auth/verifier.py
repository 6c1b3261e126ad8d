"""Verifying access tokens without a network call, from keys and revocations that the settings topic brought here."""

import uuid
from collections import OrderedDict
from typing import NamedTuple, Protocol

from joserfc.jwk import KeySet, import_key

from footfall_common.auth.tokens import TokenClaims, read_token
from footfall_common.clock import Clock
from footfall_common.documents import ClientDocument, KeysDocument
from footfall_common.errors import Forbidden, Unauthenticated, Unavailable

TRACKING_API = "tracking_api"
"""The scope that Creatio asks for; it opens the tenant and report services."""

_REMEMBERED_SECONDS = 60.0


class Claims(NamedTuple):
    """Who a verified token speaks for."""

    tenant: uuid.UUID
    client: uuid.UUID
    scopes: frozenset[str]


class KeysAndClients(Protocol):
    """What is known of identity's keys and clients; `SettingsView` is one."""

    def keys(self) -> KeysDocument | None:
        """Identity's public keys; None until they arrived."""
        ...

    def client(self, tenant: uuid.UUID, client: uuid.UUID) -> ClientDocument | None:
        """A client, a deleted one too; None until it arrived."""
        ...


class TokenVerifier:
    """Remembers the last `remembered` signatures it checked (RSA costs more than all the rest), never a verdict."""

    def __init__(self, view: KeysAndClients, issuer: str, clock: Clock, *, remembered: int = 1024) -> None:
        self._view = view
        self._issuer = issuer
        self._clock = clock
        self._remembered = remembered
        self._keys = KeySet([])
        self._document: KeysDocument | None = None
        self._read: OrderedDict[str, tuple[float, TokenClaims]] = OrderedDict()

    def verify(self, token: str, scope: str) -> Claims:
        """The claims of a token that holds now.

        Raises Unauthenticated for one that does not, Forbidden where it lacks `scope`, Unavailable while keys or
        the client's settings have not arrived here: a token that cannot be checked for revocation is never taken.
        """
        claims = self._claims(token)
        if claims.exp * 1000 <= self._clock.now_ms():
            raise Unauthenticated("The access token has expired; ask identity for a new one.", code="token_expired")
        client = self._view.client(claims.tenant, claims.client_id)
        if client is None:
            raise Unavailable("The settings of this token's client are on their way here; try again in a second.")
        if client.deleted or claims.issued < client.revoked_before:
            raise Unauthenticated("The access token was revoked; ask identity for a new one.", code="token_revoked")
        scopes = frozenset(claims.scope.split())
        if scope not in scopes:
            raise Forbidden(f"The access token lacks the scope {scope}; ask for it.", code="insufficient_scope")
        return Claims(claims.tenant, claims.client_id, scopes)

    def _claims(self, token: str) -> TokenClaims:
        self._refresh()
        now = self._clock.monotonic()
        known = self._read.get(token)
        if known is not None and now - known[0] < _REMEMBERED_SECONDS:
            return known[1]
        claims = read_token(token, self._keys, self._issuer)
        self._read[token] = (now, claims)
        self._read.move_to_end(token)
        if len(self._read) > self._remembered:
            self._read.popitem(last=False)
        return claims

    def _refresh(self) -> None:
        """Take new keys; what older ones have signed is checked anew."""
        document = self._view.keys()
        if document is None:
            raise Unavailable("Identity's keys are on their way here; try again in a second.")
        if document is not self._document:
            self._keys = KeySet([import_key(dict(key)) for key in document.jwks["keys"]])
            self._document = document
            self._read.clear()
