"""`GET /api/v1/overview`."""

from fastapi import APIRouter, Depends, Request

from footfall_common.auth import TRACKING_API, Claims, TokenVerifier
from footfall_common.tenancy import TenantContext
from footfall_common.web import Reply, bearer
from footfall_report.models.overview import parse
from footfall_report.service.overview import Overviews
from footfall_report.settings import ReportSettings


def router(overviews: Overviews, verifier: TokenVerifier, settings: ReportSettings) -> APIRouter:
    """The overview's one route. The tenant is the token's."""
    routes = APIRouter()
    caller = Depends(bearer(verifier, TRACKING_API))

    @routes.get("/api/v1/overview")
    async def overview(request: Request, claims: Claims = caller) -> Reply:
        given = request.query_params
        query = parse({name: given.getlist(name) for name in given}, settings.overview_days)
        return Reply(await overviews.overview(TenantContext(claims.tenant), query))

    return routes
