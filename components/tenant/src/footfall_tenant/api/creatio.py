"""The calls that Creatio 7.16.4 and later makes; all need a Bearer token of scope tracking_api and act on its tenant.

Paths and answers stand here, bodies in `models`. A credential is looked at before a body is read.
"""

import uuid
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from footfall_common.auth import TRACKING_API, Claims, TokenVerifier
from footfall_common.tenancy import ResourceKey, TenantContext
from footfall_common.web import Reply, bearer, body
from footfall_tenant import models
from footfall_tenant.models import GoalBody, NewGoalBody, NewResourceBody, ProjectBody, ResourceBody, identifier
from footfall_tenant.service.creatio import Creatio
from footfall_tenant.service.goals import Wanted
from footfall_tenant.service.resources import NewResource

T = TypeVar("T", bound=msgspec.Struct)
Caller = Callable[[Request], Awaitable[Claims]]


def creatio_routes(creatio: Creatio, verifier: TokenVerifier, max_body_bytes: int) -> APIRouter:
    """All of Creatio's calls."""
    caller = bearer(verifier, TRACKING_API)
    router = APIRouter(prefix="/api", tags=["Creatio"])
    router.include_router(_tenant(creatio, caller))
    router.include_router(_projects(creatio, caller, max_body_bytes))
    router.include_router(_resources(creatio, caller, max_body_bytes))
    router.include_router(_goals(creatio, caller, max_body_bytes))
    return router


def _tenant(creatio: Creatio, caller: Caller) -> APIRouter:
    router = APIRouter(prefix="/Tenant")

    @router.get("/ping")
    async def ping(claims: Annotated[Claims, Depends(caller)]) -> Response:
        await creatio.check(TenantContext(claims.tenant))
        return _done()

    @router.get("/info")
    async def info(claims: Annotated[Claims, Depends(caller)]) -> Response:
        await creatio.check(TenantContext(claims.tenant))
        return Reply(models.Info(claims.client, claims.tenant, claims.tenant))

    return router


def _projects(creatio: Creatio, caller: Caller, limit: int) -> APIRouter:
    router = APIRouter(prefix="/Project")

    @router.post("/create")
    async def create(
        claims: Annotated[Claims, Depends(caller)], sent: Annotated[ProjectBody, Depends(_sent(ProjectBody, limit))]
    ) -> Response:
        await creatio.create_project(TenantContext(claims.tenant), identifier(sent.project_id, "ProjectId"))
        return _done()

    @router.delete("/delete/{project}")
    async def delete(claims: Annotated[Claims, Depends(caller)], project: uuid.UUID) -> Response:
        await creatio.delete_project(TenantContext(claims.tenant), project)
        return _done()

    return router


def _resources(creatio: Creatio, caller: Caller, limit: int) -> APIRouter:
    router = APIRouter(prefix="/Resource")

    @router.post("/create")
    async def create(
        claims: Annotated[Claims, Depends(caller)],
        sent: Annotated[NewResourceBody, Depends(_sent(NewResourceBody, limit))],
    ) -> Response:
        key, project = _key(claims, sent.id), identifier(sent.project_id, "ProjectId")
        await creatio.create_resource(NewResource(key, project, sent.is_active))
        return _done()

    @router.put("/update")
    async def update(
        claims: Annotated[Claims, Depends(caller)], sent: Annotated[ResourceBody, Depends(_sent(ResourceBody, limit))]
    ) -> Response:
        await creatio.update_resource(_key(claims, sent.id), active=sent.is_active)
        return _done()

    @router.delete("/delete/{resource}")
    async def delete(claims: Annotated[Claims, Depends(caller)], resource: uuid.UUID) -> Response:
        await creatio.delete_resource(_key(claims, resource))
        return _done()

    return router


def _goals(creatio: Creatio, caller: Caller, limit: int) -> APIRouter:
    router = APIRouter(prefix="/Goal")

    @router.post("")
    async def create(
        claims: Annotated[Claims, Depends(caller)], sent: Annotated[NewGoalBody, Depends(_sent(NewGoalBody, limit))]
    ) -> Response:
        await creatio.create_goal(_key(claims, sent.resource_id, "ResourceId"), _wanted(sent))
        return _done()

    @router.put("")
    async def update(
        claims: Annotated[Claims, Depends(caller)], sent: Annotated[GoalBody, Depends(_sent(GoalBody, limit))]
    ) -> Response:
        await creatio.update_goal(TenantContext(claims.tenant), _wanted(sent))
        return _done()

    @router.delete("/{goal}")
    async def delete(claims: Annotated[Claims, Depends(caller)], goal: uuid.UUID) -> Response:
        await creatio.delete_goal(TenantContext(claims.tenant), goal)
        return _done()

    return router


def _sent(kind: type[T], limit: int) -> Callable[[Request], Awaitable[T]]:
    """A dependency that gives the body as `kind`."""

    async def sent(request: Request) -> T:
        return models.read(kind, await body(request, dict[str, Any], limit))

    return sent


def _key(claims: Claims, resource: uuid.UUID, field: str = "Id") -> ResourceKey:
    return ResourceKey(claims.tenant, identifier(resource, field))


def _wanted(sent: GoalBody) -> Wanted:
    # Creatio keeps a goal's name to itself.
    return Wanted(identifier(sent.id, "Id"), "api", "", sent.is_active, models.goal_filter(sent.settings))


def _done() -> Response:
    return Reply({})
