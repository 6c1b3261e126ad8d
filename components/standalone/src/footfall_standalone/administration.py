"""The admin APIs of tenant and identity, as `up` calls them: over HTTP, like the operator does later."""

import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import httpx
import msgspec

from footfall_common.errors import InvalidInput, Unavailable
from footfall_common.manifest import Registration
from footfall_standalone.addresses import Addresses
from footfall_standalone.datadir import Credentials, KnownSite, KnownTenant

CLIENT = "creatio"
"""The name of the client that `up` makes for each tenant."""


class _Registered(msgspec.Struct, rename="camel"):
    tenant: str
    resources: list[KnownSite]


class _Issued(msgspec.Struct, rename="camel"):
    client_id: str
    client_secret: str


class _Detail(msgspec.Struct):
    message: str
    code: str = ""
    field: str | None = None


class _Error(msgspec.Struct):
    error: _Detail


class _OAuthError(msgspec.Struct):
    error: str


class Refused(InvalidInput):
    """The admin API does not take this state; `field` is a path below `spec`."""


class Administration:
    """Speaks to the tenant and identity of `to`. `token` is asked at each call: the file may have been replaced."""

    def __init__(self, client: httpx.AsyncClient, to: Addresses, token: Callable[[], str]) -> None:
        self._client = client
        self._to = to
        self._token = token

    async def register(self, registration: Registration) -> KnownTenant:
        """Make the tenant as the manifest says. Raises Refused, or Unavailable: then ask again."""
        guid = registration.guid
        answer = await self._call(
            "PUT", f"{self._to.tenant}/admin/v1/tenants/{guid}", registration.model_dump_json(by_alias=True).encode()
        )
        sites = msgspec.json.decode(_taken(answer), type=_Registered).resources
        return KnownTenant(tenant=str(guid), tenant_id=registration.tenant_id, sites=tuple(sites))

    async def accepts(self, credentials: Credentials) -> bool:
        """Whether a token is to be had with them: not when another store was put here, or somebody rotated them."""
        answer = await self._request(
            "POST",
            f"{self._to.identity}/connect/token",
            data={"grant_type": "client_credentials"},
            auth=(credentials.client_id, credentials.client_secret),
        )
        if answer.is_success:
            return True
        told = _oauth_error(answer)
        if told == "invalid_client":  # 401, or 429 once it failed often
            return False
        raise Unavailable(f"{answer.request.url.path} answered {answer.status_code}: {told or 'it does not say why'}.")

    async def issue(self, tenant: uuid.UUID) -> Credentials:
        """New credentials. A client whose secret nobody kept (a crash came between) gets another one."""
        clients = f"{self._to.identity}/admin/v1/tenants/{tenant}/clients"
        answer = await self._call("POST", clients, msgspec.json.encode({"name": CLIENT}))
        if answer.status_code == HTTPStatus.CONFLICT:
            answer = await self._call("POST", f"{clients}/{CLIENT}/rotate")
        issued = msgspec.json.decode(_taken(answer), type=_Issued)
        return Credentials(tenant_id=str(tenant), client_id=issued.client_id, client_secret=issued.client_secret)

    async def _call(self, method: str, url: str, body: bytes | None = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {self._token()}"}
        if body is not None:
            headers["content-type"] = "application/json"
        return await self._request(method, url, content=body, headers=headers)

    async def _request(self, method: str, url: str, **words: Any) -> httpx.Response:
        try:
            return await self._client.request(method, url, **words)
        except httpx.TransportError as error:
            raise Unavailable(f"{url} does not answer ({str(error) or type(error).__name__}).") from error


def _oauth_error(answer: httpx.Response) -> str:
    """The code of an RFC 6749 error; "" where it is none."""
    try:
        return msgspec.json.decode(answer.content, type=_OAuthError).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _taken(answer: httpx.Response) -> bytes:
    """The body of an answer that says yes."""
    if answer.is_success:
        return answer.content
    detail = _detail(answer)
    if answer.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}:
        raise Refused(detail.message, code=detail.code, field=detail.field)
    raise Unavailable(f"{answer.request.url.path} answered {answer.status_code}: {detail.message}", code=detail.code)


def _detail(answer: httpx.Response) -> _Detail:
    try:
        return msgspec.json.decode(answer.content, type=_Error).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Detail(f"It answered {answer.status_code} without saying why.")
