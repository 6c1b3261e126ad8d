"""The admin API: registration of tenants by the manifest reader and the operator, under the administrator's token."""

import re
import uuid
from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import Response

from footfall_common.auth import AdminToken
from footfall_common.errors import InvalidInput
from footfall_common.manifest import Registration, complaint, dotted
from footfall_common.tenancy import TenantContext
from footfall_common.web import Reply, admin, body, error_reply
from footfall_tenant.errors import RevisionMismatch
from footfall_tenant.service.administration import Administration, Match

_PRECONDITION_FAILED = 412
_ETAG = re.compile(r'^"(\d+)"$')


def admin_routes(administration: Administration, token: AdminToken, max_body_bytes: int) -> APIRouter:
    """PUT and GET of a tenant; its ETag is the revision, which PUT takes as If-Match (412 where it is another)."""
    router = APIRouter(prefix="/admin/v1/tenants", tags=["admin"], dependencies=[Depends(admin(token))])

    @router.put("/{tenant}")
    async def register(request: Request, tenant: uuid.UUID) -> Response:
        match = _match(request.headers.get("if-match"))
        wanted = _registration(await body(request, dict[str, Any], max_body_bytes))
        try:
            registered = await administration.register(TenantContext(tenant), wanted, match)
        except RevisionMismatch as error:
            return error_reply(error, _PRECONDITION_FAILED)
        return Reply(registered, headers=_etag(registered.revision))

    @router.get("/{tenant}")
    async def state(tenant: uuid.UUID) -> Response:
        stored = await administration.state(TenantContext(tenant))
        return Reply(stored, headers=_etag(stored.revision))

    return router


def _registration(fields: dict[str, Any]) -> Registration:
    try:
        return Registration.model_validate(fields)
    except ValidationError as error:
        found = complaint(error, Registration)
        raise InvalidInput(found.message, field=dotted(found.path) or None) from error


def _match(header: str | None) -> Match:
    """A weak or foreign tag is no revision of ours and matches none, as HTTP has it."""
    if header is None:
        return None
    return frozenset("*" if tag.strip() == "*" else _ETAG.sub(r"\1", tag.strip()) for tag in header.split(","))


def _etag(revision: int) -> dict[str, str]:
    return {"ETag": f'"{revision}"'}
