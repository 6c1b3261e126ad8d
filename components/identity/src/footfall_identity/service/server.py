"""Authlib's OAuth 2 server, one for each request.

Authlib's flow is synchronous and asks for the client by a call of its own, so the client is loaded before it starts,
and what the flow wants done (a revocation) is noted and done after it. A server costs a few small objects.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
    UnsupportedGrantTypeError,
)
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from typing_extensions import override

from footfall_common.auth import TokenClaims
from footfall_common.errors import Unauthenticated
from footfall_common.store import ClientRecord
from footfall_identity.service.tokens import Tokens
from footfall_identity.service.words import GRANT, METHODS, Answer, Client, IssuedToken, Request

_WHO = "Client authentication failed: an unknown client, a wrong secret, or a disabled client."


class Grant(ClientCredentialsGrant):
    """RFC 6749 part 4.4, by either way to send a secret."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS


class Introspection(IntrospectionEndpoint):
    """RFC 7662. A client may ask about its own tokens; of others it learns nothing, not even that they exist."""

    CLIENT_AUTH_METHODS = METHODS

    @override
    def check_params(self, request: Request, client: Client) -> None:
        _require(request, "token")

    @override
    def query_token(self, token_string: str, token_type_hint: str | None) -> IssuedToken | None:
        return cast("Server", self.server).read(token_string)

    @override
    def check_permission(self, token: IssuedToken, client: Client, request: Request) -> bool:
        return token.check_client(client)

    @override
    def introspect_token(self, token: IssuedToken) -> dict[str, Any]:
        claims = token.claims
        return {
            "active": True,
            "token_type": "Bearer",
            "scope": claims.scope,
            "client_id": str(claims.client_id),
            "sub": str(claims.sub),
            "aud": claims.aud,
            "iss": claims.iss,
            "iat": claims.iat,
            "exp": claims.exp,
            "jti": str(claims.jti),
            "tenant": str(claims.tenant),
        }


class Revocation(RevocationEndpoint):
    """RFC 7009. A token that is none of ours is answered 200, as the RFC asks; one of another client is refused."""

    CLIENT_AUTH_METHODS = METHODS

    @override
    def check_params(self, request: Request, client: Client) -> None:
        _require(request, "token")

    @override
    def query_token(self, token_string: str, token_type_hint: str | None) -> IssuedToken | None:
        return cast("Server", self.server).read(token_string)

    @override
    def revoke_token(self, token: IssuedToken, request: Request) -> None:
        cast("Server", self.server).to_revoke = token.claims


class Server(AuthorizationServer):
    """Answers one request of the client whose record was loaded (None = there is none) at `now` (ms) or later."""

    def __init__(self, record: ClientRecord | None, tokens: Tokens, now: int) -> None:
        super().__init__()
        self._client = Client(record)
        self._tokens = tokens
        self._now = now
        self.to_revoke: TokenClaims | None = None
        self.register_grant(Grant)
        self.register_endpoint(Introspection)
        self.register_endpoint(Revocation)

    def token(self, request: Request) -> Answer:
        """Answer a token request."""
        try:
            _require(request, "grant_type")
        except OAuth2Error as error:
            return self.handle_error_response(request, error)
        return cast("Answer", self.create_token_response(request))

    def introspect(self, request: Request) -> Answer:
        """Answer an introspection request."""
        return self._endpoint(Introspection.ENDPOINT_NAME, request)

    def revoke(self, request: Request) -> Answer:
        """Answer a revocation request; `to_revoke` then names the token, where one is to be revoked."""
        return self._endpoint(Revocation.ENDPOINT_NAME, request)

    def _endpoint(self, name: str, request: Request) -> Answer:
        return cast("Answer", self.create_endpoint_response(name, request))  # type: ignore[no-untyped-call] # so the stubs

    def read(self, token: str) -> IssuedToken | None:
        """A token of ours, None for any other."""
        try:
            return IssuedToken(self._tokens.read(token), self._client.record, self._now)
        except Unauthenticated:
            return None

    @override
    def authenticate_client(
        self, request: OAuth2Request, methods: Collection[str], endpoint: str = "token"
    ) -> ClientMixin:
        """As Authlib does it, but with one answer for all reasons: a stranger learns no client's existence."""
        if cast("Request", request).doubly_authenticated:
            raise InvalidRequestError("Send the secret once: in the Authorization header or in the form.")
        try:
            return super().authenticate_client(request, methods, endpoint)
        except InvalidClientError as error:
            raise InvalidClientError(status_code=401, description=_WHO) from error

    @override
    def validate_requested_scope(self, scope: str | None) -> None:
        allowed = self._client.record.scopes
        if not set((scope or "").split()) <= set(allowed):
            raise InvalidScopeError(f"This client may ask for: {' '.join(allowed)}.")

    @override
    def generate_token(
        self,
        grant_type: str,
        client: ClientMixin,
        user: object = None,
        scope: str | None = None,
        expires_in: int | None = None,
        include_refresh_token: bool = True,
    ) -> dict[str, str | int]:
        record = self._client.record
        granted = " ".join(dict.fromkeys((scope or "").split() or record.scopes))
        return {
            "access_token": self._tokens.make(record, granted, self._now),
            "expires_in": self._tokens.lifetime,
            "token_type": "Bearer",
            "scope": granted,
        }

    @override
    def query_client(self, client_id: str) -> ClientMixin:
        return self._client

    @override
    def save_token(self, token: dict[str, str | int], request: OAuth2Request) -> None:
        """Nothing is kept of a token: its signature vouches for it."""

    @override
    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    @override
    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    @override
    def handle_response(
        self, status: int, body: Mapping[str, object], headers: Mapping[str, str] | Iterable[tuple[str, str]]
    ) -> Answer:
        return Answer(status, dict(body), dict(headers))

    @override
    def handle_error_response(self, request: OAuth2Request, error: OAuth2Error) -> Answer:
        if isinstance(error, UnsupportedGrantTypeError):
            error.description = f"Only grant_type={GRANT} is served here."
        answer = self.handle_response(*error(None))
        if "WWW-Authenticate" in answer.headers:
            answer.headers["WWW-Authenticate"] = 'Basic realm="footfall"'
        return answer


def _require(request: Request, field: str) -> None:
    if not request.form.get(field):
        raise InvalidRequestError(f"The field {field} is missing; send it in the form.")
