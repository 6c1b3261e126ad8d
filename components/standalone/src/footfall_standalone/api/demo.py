"""The demo shop's pages, and its visitor's own events out of the feed."""

import mimetypes
import uuid
from collections.abc import Mapping
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query
from starlette.responses import Response

from footfall_common.errors import NotFound
from footfall_standalone.demo_feed import DemoFeed

_NO_STORE = {"Cache-Control": "no-store"}
_PAGE = {**_NO_STORE, "Referrer-Policy": "strict-origin-when-cross-origin"}
"""A shop's pages tell each other where a visitor came from, as any site's do: it is half of what is tracked."""


class Page(NamedTuple):
    """A file of the shop as it is served."""

    body: bytes
    media_type: str


def router(pages: Mapping[str, Page], feed: DemoFeed) -> APIRouter:
    """`/feed` answers one visitor of the demo tenant; everything else is a page."""
    routes = APIRouter()

    @routes.get("/feed")
    async def events(tracking_id: Annotated[uuid.UUID, Query(alias="trackingId")]) -> Response:
        return Response(await feed.newest(tracking_id), media_type="application/json", headers=_NO_STORE)

    @routes.get("/")
    async def index() -> Response:
        return _page(pages, "index.html")

    @routes.get("/{name}")
    async def page(name: str) -> Response:
        return _page(pages, name)

    return routes


def page(name: str, body: bytes, snippet: str) -> Page:
    """A file with `{{snippet}}` filled in."""
    return Page(
        body.replace(b"{{snippet}}", snippet.encode()), mimetypes.guess_type(name)[0] or "application/octet-stream"
    )


def _page(pages: Mapping[str, Page], name: str) -> Response:
    found = pages.get(name)
    if found is None:
        raise NotFound(f"The shop has no page {name}; begin at /demo/.")
    return Response(found.body, media_type=found.media_type, headers=_PAGE)
