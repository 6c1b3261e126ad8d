"""The OAuth doors. Errors have the shape of RFC 6749, which clients expect here, not the one of our other doors."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from starlette.responses import Response

from footfall_common.errors import FootfallError, TooLarge, Unavailable
from footfall_common.web import Reply, form
from footfall_identity.service.oauth import OAuth
from footfall_identity.service.words import Answer
from footfall_identity.service.words import Request as OAuthRequest

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def router(oauth: OAuth, body_bytes: int) -> APIRouter:
    """Token, introspection and revocation."""
    routes = APIRouter(prefix="/connect")

    async def answered(request: Request, respond: Callable[[OAuthRequest], Awaitable[Answer]]) -> Response:
        try:
            fields = await form(request, body_bytes)
            answer = await respond(OAuthRequest(request.headers.get("authorization", ""), fields))
        except FootfallError as error:
            answer = in_oauth_words(error)
        return Reply(answer.body, answer.status, {**_NO_STORE, **_without_type(answer.headers)})

    @routes.post("/token")
    async def token(request: Request) -> Response:
        return await answered(request, oauth.token)

    @routes.post("/introspect")
    async def introspect(request: Request) -> Response:
        return await answered(request, oauth.introspect)

    @routes.post("/revoke")
    async def revoke(request: Request) -> Response:
        return await answered(request, oauth.revoke)

    return routes


def in_oauth_words(error: FootfallError) -> Answer:
    """An error from before or behind the OAuth flow, told as RFC 6749 asks."""
    if isinstance(error, Unavailable):
        return _told("temporarily_unavailable", error, 503, {"Retry-After": str(error.retry_after)})
    return _told("invalid_request", error, 413 if isinstance(error, TooLarge) else 400, {})


def _told(code: str, error: FootfallError, status: int, headers: dict[str, str]) -> Answer:
    # RFC 6749 part 5.2: printable ASCII without quotes and backslashes.
    description = "".join(char if " " <= char <= "~" and char not in '"\\' else "?" for char in error.message)
    return Answer(status, {"error": code, "error_description": description}, headers)


def _without_type(headers: dict[str, str]) -> dict[str, str]:
    """What Reply sets itself."""
    return {name: value for name, value in headers.items() if name.lower() != "content-type"}
