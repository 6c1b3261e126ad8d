"""`POST /api/Event/feed`, as Creatio calls it."""

from typing import Any, cast

from fastapi import APIRouter, Depends, Request

from footfall_common.auth import TRACKING_API, Claims, TokenVerifier
from footfall_common.errors import InvalidInput
from footfall_common.tenancy import TenantContext
from footfall_common.web import Reply, bearer, body
from footfall_report.models.feed import FeedAnswer, parse
from footfall_report.service.feed import Feed
from footfall_report.settings import ReportSettings

_ANY = cast("type[Any]", Any)


def router(feed: Feed, verifier: TokenVerifier, settings: ReportSettings) -> APIRouter:
    """The feed's one route. The tenant is the token's; no body can name one."""
    routes = APIRouter()
    caller = Depends(bearer(verifier, TRACKING_API))

    @routes.post("/api/Event/feed")
    async def event_feed(request: Request, claims: Claims = caller) -> Reply:
        # Creatio reads an answer's body only at status 200, so what is wrong inside the JSON is told there.
        sent = await body(request, _ANY, settings.feed_body_bytes)
        try:
            query = parse(sent, settings.feed_ids)
            answer = await feed.page(TenantContext(claims.tenant), query)
        except InvalidInput as error:
            answer = FeedAnswer(error_message=error.message)
        return Reply(answer)

    return routes
