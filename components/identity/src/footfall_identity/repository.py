"""Identity's documents in the directory, changed by conditional writes."""

import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from footfall_common.documents import NIL, ClientDocument, KeysDocument
from footfall_common.errors import Conflict, Unavailable
from footfall_common.store import Directory

_ATTEMPTS = 10

Jwks = dict[str, list[dict[str, str]]]
"""A JWK set of public keys."""

D = TypeVar("D", KeysDocument, ClientDocument)


class Documents:
    """Reads a document, lets a function decide the next one, and writes it if nobody else did meanwhile."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def keys(self, issuer: str, look: Callable[[], Awaitable[Jwks]]) -> KeysDocument:
        """Make what `look` finds the published keys; nothing is written where they are.

        It looks again after each conflict: whoever came first may have published a key that was not there before.
        """

        async def change(current: KeysDocument | None) -> KeysDocument:
            jwks = await look()
            if current is not None and (current.issuer, current.jwks) == (issuer, jwks):
                return current
            return KeysDocument(revision=_next(current), issuer=issuer, jwks=jwks)

        return await self._change(NIL.bytes + NIL.bytes, KeysDocument, change)

    async def client(self, tenant: uuid.UUID, client: uuid.UUID, *, revoked_before: int, deleted: bool) -> None:
        """Say which tokens of a client hold; a revocation is never taken back."""

        async def change(current: ClientDocument | None) -> ClientDocument:
            before = max(revoked_before, current.revoked_before if current else 0)
            if current is not None and (current.revoked_before, current.deleted) == (before, deleted):
                return current
            revision = _next(current)
            return ClientDocument(
                tenant=tenant, client=client, revision=revision, revoked_before=before, deleted=deleted
            )

        await self._change(tenant.bytes + client.bytes, ClientDocument, change)

    async def _change(self, key: bytes, kind: type[D], change: Callable[[D | None], Awaitable[D]]) -> D:
        for _ in range(_ATTEMPTS):
            stored = await self._directory.get(key)
            current = msgspec.json.decode(stored.body, type=kind) if stored else None
            wanted = await change(current)
            if wanted is current:
                return wanted
            try:
                await self._directory.put(key, msgspec.json.encode(wanted), wanted.revision)
            except Conflict:
                continue
            return wanted
        raise Unavailable("Others keep changing this at the same time; try again.")


def _next(current: KeysDocument | ClientDocument | None) -> int:
    return current.revision + 1 if current else 1
