"""Settings documents by conditional write, and which of them are not on the settings topic yet."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from footfall_common.clock import Clock
from footfall_common.errors import Conflict, StoreUnavailable
from footfall_common.store import StoredDocument, TenantContext
from footfall_common.store.cassandra import statements
from footfall_common.store.cassandra.calls import Calls
from footfall_common.store.cassandra.encoding import bigint

_ATTEMPTS: Final = 3
_Key = tuple[bytes, bytes]
"""The tenant's 16 bytes, and the rest of a document's key."""


class Documents:
    """The part of `Directory` that is about settings documents."""

    def __init__(self, calls: Callable[[], Calls], clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._changed = 0
        # Conditional writes to one tenant hinder one another; those of this process need not.
        self._turn = asyncio.Lock()

    async def get(self, key: bytes) -> StoredDocument | None:
        """One document by its settings-topic key."""
        found = await self._read([(key[:16], key[16:])])
        return found.get(key)

    async def of_tenant(self, tenant: TenantContext) -> Sequence[StoredDocument]:
        """All documents whose key begins with the tenant, by key."""
        of = tenant.tenant.bytes
        rows = await self._calls().one(statements.DOCUMENTS, of)
        return [document for row in rows if (document := _document(of, row)) is not None]

    async def put(self, key: bytes, body: bytes, revision: int) -> None:
        """Write revision `revision`; Conflict unless the stored one is exactly `revision - 1` (none = 0)."""
        of, about = key[:16], key[16:]
        async with self._turn:
            await self._refuse(key, revision)
            # First that it is to be published: a crash between the two leaves a note to look, never a document behind.
            await self._calls().one(statements.PENDING, of, about, bigint(revision), bigint(self._now()))
            for attempt in range(_ATTEMPTS):
                try:
                    applied = await self._write(of, about, body, revision)
                except StoreUnavailable:
                    if attempt == _ATTEMPTS - 1:
                        raise
                    continue  # whether it took effect is what the next attempt finds out
                stands = await self.get(key)
                if applied or (attempt and stands and (stands.revision, stands.body) == (revision, body)):
                    return
                await self._refuse(key, revision)

    async def unpublished(self, limit: int) -> Sequence[StoredDocument]:
        """Documents whose published revision is behind, oldest change first."""
        pending: dict[_Key, dict[int, int]] = defaultdict(dict)
        for tenant, about, revision, changed in await self._calls().one(statements.ALL_PENDING):
            pending[tenant.bytes, about][revision] = changed
        order = sorted(pending, key=lambda key: min(pending[key].values()))
        found: list[tuple[int, StoredDocument]] = []
        for start in range(0, len(order), max(limit, 1)):
            documents = await self._read(order[start : start + limit])
            found += await self._behind(pending, documents)
            if len(found) >= limit:
                break
        return [document for _, document in sorted(found)][:limit]

    async def published(self, key: bytes, revision: int) -> None:
        """Note that this revision is on the topic; one that is noted already stays when it is higher."""
        of, about = key[:16], key[16:]
        await self._calls().one(statements.PUBLISHED, bigint(revision), bigint(revision), of, about)
        await self._calls().one(statements.SETTLED, of, about, bigint(revision))

    async def _behind(
        self, pending: Mapping[_Key, Mapping[int, int]], documents: Mapping[bytes, StoredDocument]
    ) -> list[tuple[int, StoredDocument]]:
        """Those that are behind, with the time since when. Notes that a crash left behind are taken away."""
        behind: list[tuple[int, StoredDocument]] = []
        for key, document in documents.items():
            notes = pending[key[:16], key[16:]]
            if document.published < document.revision:
                since = [changed for revision, changed in notes.items() if revision > document.published]
                behind.append((min(since, default=0), document))
            elif any(revision <= document.published for revision in notes):
                await self._calls().one(statements.SETTLED, key[:16], key[16:], bigint(document.published))
        return behind

    async def _read(self, keys: Sequence[_Key]) -> Mapping[bytes, StoredDocument]:
        found = await self._calls().run(statements.DOCUMENT, keys)
        documents = [_document(of, row) for (of, _), rows in zip(keys, found, strict=True) for row in rows]
        return {document.key: document for document in documents if document is not None}

    async def _refuse(self, key: bytes, revision: int) -> None:
        standing = await self.get(key)
        stands = standing.revision if standing else 0
        if stands != revision - 1:
            raise Conflict(
                f"Revision {stands} stands, so {stands + 1} comes next, not {revision}: read again, then write."
            )

    async def _write(self, of: bytes, about: bytes, body: bytes, revision: int) -> bool:
        if revision == 1:
            rows = await self._calls().one(statements.FIRST_REVISION, of, about, bigint(1), body)
        else:
            before = bigint(revision - 1)
            rows = await self._calls().one(statements.NEXT_REVISION, bigint(revision), body, of, about, before)
        return bool(rows[0][0])

    def _now(self) -> int:
        """Microseconds, each later than the one before."""
        self._changed = max(self._changed + 1, self._clock.now_ms() * 1_000)
        return self._changed


def _document(of: bytes, row: tuple[Any, ...]) -> StoredDocument | None:
    about, revision, published, body = row
    return None if revision is None else StoredDocument(of + about, revision, published or 0, body)
