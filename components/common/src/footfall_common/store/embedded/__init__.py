"""The store on one SQLite file, for one process.

    file = SqliteFile(path, schema.TABLES, unavailable=StoreUnavailable)
    store = EmbeddedStore(file)

Events are written by `write_rows` inside the transaction that also takes their marks and offsets.
"""

from footfall_common.sqlite import SqliteFile
from footfall_common.store import TenantContext
from footfall_common.store.embedded.directory import EmbeddedDirectory
from footfall_common.store.embedded.events import EmbeddedEvents
from footfall_common.store.embedded.expiry import expire
from footfall_common.store.embedded.rows import write_rows
from footfall_common.store.embedded.segments import EmbeddedSegments


class EmbeddedStore:
    """`Store` on a file that holds `schema.TABLES`; whoever made the file opens and closes it."""

    def __init__(self, file: SqliteFile) -> None:
        self.events = EmbeddedEvents(file)
        self.segments = EmbeddedSegments(file)
        self.directory = EmbeddedDirectory(file)
        self._file = file

    async def check(self) -> str | None:
        """Why the store takes nothing at the moment, after trying again where it failed; None when it does."""
        return await self._file.check()

    async def expire(self, tenant: TenantContext, before: int) -> int:
        """Delete a tenant's events older than `before` (ms, rounded down to a bucket); returns how many went."""
        return await expire(self._file, tenant, before)


__all__ = ["EmbeddedStore", "write_rows"]
