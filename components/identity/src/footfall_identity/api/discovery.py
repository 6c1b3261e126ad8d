"""What identity publishes of itself."""

from fastapi import APIRouter
from starlette.responses import Response

from footfall_common.auth import TRACKING_API
from footfall_common.auth.tokens import ALGORITHM
from footfall_common.web import Reply
from footfall_identity.service.keys import KeyRing
from footfall_identity.service.words import GRANT, METHODS


def router(issuer: str, ring: KeyRing, fresh_seconds: int) -> APIRouter:
    """Metadata (RFC 8414, at OpenID Connect's address since that is where clients look) and the public keys."""
    routes = APIRouter(prefix="/.well-known")
    fresh = {"Cache-Control": f"public, max-age={fresh_seconds}"}
    metadata = {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/openid-configuration/jwks",
        "token_endpoint": f"{issuer}/connect/token",
        "token_endpoint_auth_methods_supported": METHODS,
        "introspection_endpoint": f"{issuer}/connect/introspect",
        "introspection_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint": f"{issuer}/connect/revoke",
        "revocation_endpoint_auth_methods_supported": METHODS,
        "grant_types_supported": [GRANT],
        "response_types_supported": [],  # there is no authorization endpoint
        "scopes_supported": [TRACKING_API],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
    }

    @routes.get("/openid-configuration")
    async def configuration() -> Response:
        return Reply(metadata, headers=fresh)

    @routes.get("/openid-configuration/jwks")
    async def jwks() -> Response:
        return Reply(ring.jwks(), headers=fresh)

    return routes
