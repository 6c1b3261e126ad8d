"""The API server, in the few calls that passes make. Every write asks the fence first."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
import msgspec
from kubernetes.aio.client import ApiClient

from footfall_operator.access import Access
from footfall_operator.drift import Whole
from footfall_operator.lease import Fence
from footfall_operator.resources import Kind, Ref, ref_of

MANAGER: Final = "footfall-operator"
REPLICAS: Final = "footfall-operator-replicas"
CHUNK: Final = 500
BUSY_SECONDS: Final = 0.5
"""Least pause before an API server that is too busy is asked again."""
_MERGE: Final = "application/merge-patch+json"
_PATCH: Final = "application/json-patch+json"
_APPLY: Final = "application/apply-patch+yaml"
_UNAUTHORIZED, _NOT_FOUND, _CONFLICT, _GONE, _TOO_MANY = 401, 404, 409, 410, 429
_FAILED = 400

Body = dict[str, Any]


class Unreachable(Exception):
    """No answer in time, or an answer that promises a better one later: a token that expired is replaced.

    `after` = seconds it asks us to wait; `busy` = it has not begun with what we asked for, since it has too much to do.
    """

    def __init__(self, message: str, after: float = 0.0, *, busy: bool = False) -> None:
        super().__init__(message)
        self.after = after
        self.busy = busy


class Refused(Exception):
    """The API server will not do it. `status` and `reason` are its own, str() are its words."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class Changed(Refused):
    """What we looked at is no longer what stands there: look again."""


class Cluster:
    """Belongs to one event loop. `seconds` bounds each call; `wrote` is told the method of each write."""

    def __init__(
        self, client: ApiClient, access: Access, fence: Fence, seconds: float, wrote: Callable[[str], None]
    ) -> None:
        self._client = client
        self._access = access
        self._fence = fence
        self._seconds = seconds
        self._wrote = wrote

    async def get(self, ref: Ref) -> Body | None:
        """None where there is none."""
        try:
            return await self._call("GET", ref.path)
        except Refused as refused:
            if refused.status == _NOT_FOUND:
                return None
            raise

    async def each(self, kind: Kind, namespace: str | None = None, selector: str = "") -> AsyncIterator[Body]:
        """Every object of a kind, in chunks, so that memory holds one of them. Changed where the list was too old."""
        query = {"limit": str(CHUNK), **({"labelSelector": selector} if selector else {})}
        while True:
            page = await self._call("GET", kind.path(namespace), query)
            for item in page["items"]:
                yield {"apiVersion": kind.api_version, "kind": kind.name, **item}
            if not (token := page["metadata"].get("continue")):
                return
            query["continue"] = token

    async def apply(self, body: Body, *, manager: str = MANAGER) -> Body:
        """Make it so, whoever made it otherwise. With a uid in its metadata, only the object that has it."""
        query = {"fieldManager": manager, "force": "true"}
        return await self._write("PATCH", ref_of(body).path, body, query, _APPLY)

    async def put_back(self, ref: Ref, lists: Sequence[Whole], version: str) -> Body:
        """Lists of the object, as it was in that version, as they should be. Raises Changed where it is another."""
        # No `test`: where one fails, the API server says 422, as of a body that it cannot read.
        pinned = {"op": "replace", "path": "/metadata/resourceVersion", "value": version}
        changes: list[Body] = [
            {"op": "remove", "path": one.pointer}
            if one.value is None
            else {"op": "replace", "path": one.pointer, "value": one.value}
            for one in lists
        ]
        return await self._write("PATCH", ref.path, [pinned, *changes], {"fieldManager": MANAGER}, _PATCH)

    async def create(self, body: Body) -> Body:
        """Raises Changed where it stands already."""
        return await self.post(ref_of(body), body)

    async def post(self, ref: Ref, body: Body) -> Body:
        """As `create`, of a kind that is no child."""
        return await self._write("POST", ref.kind.path(ref.namespace), body, {"fieldManager": MANAGER})

    async def merge(self, ref: Ref, body: Body) -> Body:
        """Change a few fields, of the version that `body` names if it names one."""
        return await self._write("PATCH", ref.path, body, {"fieldManager": MANAGER}, _MERGE)

    async def replace_status(self, body: Body) -> Body:
        """Only of the version that was read."""
        ref = ref_of(body)
        path = ref.kind.path(ref.namespace, ref.name, "status")
        return await self._write("PUT", path, body, {"fieldManager": MANAGER})

    async def may_create(self, body: Body) -> None:
        """Raises Refused, with the server's words, where it may not be created; one that stands is no matter."""
        ref = ref_of(body)
        with contextlib.suppress(Changed):
            await self._call("POST", ref.kind.path(ref.namespace), {"dryRun": "All"}, body)

    async def delete(self, ref: Ref, uid: str, version: str | None = None) -> None:
        """That very object, as it was in that version; its children follow. Nothing where it is gone."""
        conditions = {"uid": uid, **({"resourceVersion": version} if version else {})}
        body = {"preconditions": conditions, "propagationPolicy": "Background"}
        try:
            await self._write("DELETE", ref.path, body, {})
        except Refused as refused:
            if refused.status != _NOT_FOUND:
                raise

    async def _write(
        self, method: str, path: str, body: Any, query: Mapping[str, str], content: str = "application/json"
    ) -> Body:
        return await self._call(method, path, query, body, content, writes=True)

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content: str = "application/json",
        *,
        writes: bool = False,
    ) -> Body:
        """Asked again, within the seconds of a call, while the API server is too busy to begin with it."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._seconds
        while True:
            if writes:
                self._fence.check()
                self._wrote(method)
            try:
                async with asyncio.timeout_at(end):
                    return await self._once(method, path, query, body, content)
            except TimeoutError as error:
                raise Unreachable(f"{method} {path}: no answer in {self._seconds:g} s") from error
            except Unreachable as error:
                pause = max(error.after, BUSY_SECONDS)
                if not error.busy or loop.time() + pause >= end:
                    raise
                await asyncio.sleep(pause)

    async def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Any,
        content: str,
    ) -> Body:
        headers = {"Accept": "application/json", "Content-Type": content}
        url = f"{self._access.server}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            if token := self._access.token():
                headers["Authorization"] = f"Bearer {token}"
            answer = await self._client.call_api(method, url, headers, body)
            raw: bytes = await answer.read()  # type: ignore[no-untyped-call] # generated
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{method} {path}: {error!r}") from error
        if answer.status >= _FAILED:
            raise _refusal(answer.status, answer.headers, raw)
        decoded: Body = msgspec.json.decode(raw)
        return decoded


def _refusal(status: int, headers: Mapping[str, str], raw: bytes) -> Exception:
    try:
        said = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        said = {}
    message = str(said.get("message") or raw[:500].decode("utf-8", "replace"))
    if status in {_UNAUTHORIZED, _TOO_MANY, 500, 502, 503, 504} or "retryAfterSeconds" in said.get("details", {}):
        return Unreachable(message, _seconds(headers.get("Retry-After")), busy=status == _TOO_MANY)
    kind = Changed if status in {_CONFLICT, _GONE} else Refused
    return kind(status, str(said.get("reason", "")), message)


def _seconds(value: str | None) -> float:
    return float(value) if value and value.isdecimal() else 0.0
