"""The tracker's files, `/JS/creatio-tracking-engine(.min).js`: pages of any site load them."""

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from typing_extensions import override

CACHED_SECONDS = 3600
"""How long a browser may keep the engine without asking: an hour old at most after an upgrade."""


class Engine(StaticFiles):
    """Static files that other sites may embed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, check_dir=False)
        self._folder = folder

    @override
    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file; a 404 that says how to build them where the build is missing."""
        if not self._folder.is_dir():
            raise HTTPException(404, "The tracker is not built here; run make setup.")
        response = await super().get_response(path, scope)
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cache-Control"] = f"public, max-age={CACHED_SECONDS}"
        return response
