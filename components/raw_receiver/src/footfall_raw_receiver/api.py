"""The administrator's view of dead letters."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from footfall_common.auth import AdminToken
from footfall_common.web import Reply, admin
from footfall_raw_receiver.repository import DeadLetterReader


def dead_letters(reader: DeadLetterReader, token: AdminToken) -> APIRouter:
    """`GET /admin/v1/dead?limit=&after=`: 200 {"letters": [{stage, reason, partition, offset, index, bytes}], "after"}.

    `bytes` is base64. `after` goes into the next call; null = there are no more.
    """
    router = APIRouter(prefix="/admin/v1", dependencies=[Depends(admin(token))])

    @router.get("/dead")
    async def read(limit: Annotated[int, Query(ge=1, le=1_000)] = 100, after: str = "") -> Reply:
        return Reply(await reader.page(after, limit))

    return router
