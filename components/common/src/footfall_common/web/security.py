"""Dependencies of routes that ask for a credential."""

from collections.abc import Awaitable, Callable

from fastapi import Request

from footfall_common.auth import AdminToken, Claims, TokenVerifier
from footfall_common.errors import Unauthenticated


def bearer(verifier: TokenVerifier, scope: str) -> Callable[[Request], Awaitable[Claims]]:
    """A dependency that gives the claims of the caller's access token, which must hold `scope`."""

    async def claims(request: Request) -> Claims:
        return verifier.verify(_bearer_token(request), scope)

    return claims


def admin(token: AdminToken) -> Callable[[Request], Awaitable[None]]:
    """A dependency that lets the administrator pass and no one else."""

    async def check(request: Request) -> None:
        token.check(_bearer_token(request))

    return check


def _bearer_token(request: Request) -> str:
    # Never from the query or a form: those end in logs.
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("This needs a token; send it as `Authorization: Bearer <token>`.", field="authorization")
    return token.strip()
