"""The administrator's door: clients of a tenant."""

from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from footfall_common.auth import AdminToken
from footfall_common.store import ClientRecord
from footfall_common.web import Reply, admin, body
from footfall_identity.models import ClientShown, ClientWanted
from footfall_identity.service.clients import Clients

_NO_STORE = {"Cache-Control": "no-store"}


def router(clients: Clients, token: AdminToken, body_bytes: int) -> APIRouter:
    """Make, list, rotate and disable clients. `tenant` is the wire GUID."""
    routes = APIRouter(prefix="/admin/v1/tenants/{tenant}/clients", dependencies=[Depends(admin(token))])

    @routes.post("")
    async def create(tenant: UUID, request: Request) -> Response:
        wanted = await body(request, ClientWanted, body_bytes)
        return Reply(await clients.create(tenant, wanted.name), 201, _NO_STORE)

    @routes.get("")
    async def listing(tenant: UUID) -> Response:
        return Reply([_shown(record) for record in await clients.of(tenant)])

    @routes.post("/{name}/rotate")
    async def rotate(tenant: UUID, name: str) -> Response:
        return Reply(await clients.rotate(tenant, name), headers=_NO_STORE)

    @routes.delete("/{name}")
    async def disable(tenant: UUID, name: str) -> Response:
        await clients.disable(tenant, name)
        return Response(status_code=204)

    return routes


def _shown(record: ClientRecord) -> ClientShown:
    return ClientShown(
        client_id=record.client,
        name=record.name,
        scopes=record.scopes,
        created=record.created,
        disabled=record.disabled,
        revoked_before=record.revoked_before,
    )
