"""Read, decide, write over what was read; and again where someone else was quicker."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from msgspec.structs import replace

from footfall_common.documents import ResourceDocument, TenantDocument
from footfall_common.errors import Conflict, Unavailable
from footfall_tenant.repository import TenantRepository

D = TypeVar("D", TenantDocument, ResourceDocument)
Read = Callable[[], Awaitable[D | None]]
Decide = Callable[[D | None], D | None]


def differs(held: D | None, wanted: D | None) -> bool:
    """Whether there is anything to write; revisions are not compared."""
    if held is None or wanted is None:
        return wanted is not None
    return replace(wanted, revision=held.revision) != held


def contended() -> Unavailable:
    """The answer to whoever lost every race."""
    return Unavailable("Others are changing the same settings at this moment; try again.", code="contended")


class Changes:
    """Applies pure decisions to stored documents."""

    def __init__(self, repository: TenantRepository, attempts: int) -> None:
        self._repository = repository
        self.attempts = attempts

    async def apply(self, read: Read[D], decide: Decide[D]) -> D | None:
        """The document as it stands afterwards; nothing is written where `decide` changes nothing.

        Errors of `decide` pass through; Unavailable after too many lost races.
        """
        for _ in range(self.attempts):
            held = await read()
            wanted = decide(held)
            if wanted is None or not differs(held, wanted):
                return held
            wanted = replace(wanted, revision=(held.revision if held else 0) + 1)
            if await self.write(wanted):
                return wanted
        raise contended()

    async def write(self, document: TenantDocument | ResourceDocument) -> bool:
        """Whether the document is stored; False where another revision is there by now."""
        try:
            await self._repository.put(document)
        except Conflict:
            return False
        return True
