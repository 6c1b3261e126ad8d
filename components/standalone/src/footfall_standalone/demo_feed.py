"""One visitor's newest events, asked like Creatio asks: a token from identity, then the report's feed."""

import uuid
from http import HTTPStatus

import httpx
import msgspec

from footfall_common.auth import TRACKING_API
from footfall_common.errors import Unavailable
from footfall_standalone.datadir import DataDir

_COUNT = 50


class _Token(msgspec.Struct):
    access_token: str


class DemoFeed:
    """Asks with the client of the tenant given, whose events are therefore all it can ever answer."""

    def __init__(self, client: httpx.AsyncClient, data: DataDir, tenant: uuid.UUID) -> None:
        self._client = client
        self._data = data
        self._tenant = tenant
        self._token: str | None = None

    async def newest(self, visitor: uuid.UUID) -> bytes:
        """The feed's answer for that visitor. Raises Unavailable while a part of the way does not answer yet."""
        body: dict[str, object] = {"offset": None, "count": _COUNT, "creatioTrackingIds": [str(visitor)]}
        if self._token is None:
            self._token = await self._fetch_token()
        answer = await self._ask(self._token, body)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:  # expired, or revoked
            self._token = await self._fetch_token()
            answer = await self._ask(self._token, body)
        if answer.status_code != HTTPStatus.OK:
            raise Unavailable("The report does not answer yet; try again in a second.")
        return answer.content

    async def _ask(self, token: str, body: dict[str, object]) -> httpx.Response:
        return await self._client.post(
            "/report/api/Event/feed", json=body, headers={"authorization": f"Bearer {token}"}
        )

    async def _fetch_token(self) -> str:
        credentials = self._data.credentials(self._tenant)
        if credentials is None:
            raise Unavailable("The demo tenant is being made; try again in a second.")
        answer = await self._client.post(
            "/identity/connect/token",
            data={"grant_type": "client_credentials", "scope": TRACKING_API},
            auth=(credentials.client_id, credentials.client_secret),
        )
        if answer.status_code != HTTPStatus.OK:
            raise Unavailable("Identity gives no token yet; try again in a second.")
        return msgspec.json.decode(answer.content, type=_Token).access_token
