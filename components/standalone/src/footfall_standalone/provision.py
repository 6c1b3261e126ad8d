"""Keeps tenants as their manifest files say: at start, and whenever a file changes.

A file acts whole or not at all as far as it can be judged here. One that cannot be used leaves what stands in force
and is reported once; a tenant that leaves its file stays.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn, Protocol

import structlog

from footfall_common.documents import ClientDocument, ResourceDocument, TenantDocument
from footfall_common.errors import Unavailable
from footfall_common.manifest import (
    ManifestInvalid,
    TrackingTenant,
    read,
    read_all,
    registration,
    resource_of,
    without_effect,
)
from footfall_common.tenancy import ResourceKey
from footfall_standalone.administration import Administration, Refused
from footfall_standalone.datadir import DataDir
from footfall_standalone.locate import line_of
from footfall_standalone.watch import Look, changed, contents

_ARRIVAL_SECONDS = 0.01
_log = structlog.get_logger(__name__)


class Settings(Protocol):
    """What receiver and report know; `SettingsView` is one."""

    def tenant(self, tenant: uuid.UUID) -> TenantDocument | None: ...

    def resource(self, key: ResourceKey) -> ResourceDocument | None: ...

    def client(self, tenant: uuid.UUID, client: uuid.UUID) -> ClientDocument | None: ...


Complaint = tuple[int, str | None, str]


class Provisioner:
    """Applies the files to the admin APIs and writes credentials. One task uses it."""

    def __init__(
        self, paths: Sequence[Path], admin: Administration, data: DataDir, view: Settings, poll_seconds: float
    ) -> None:
        self._paths = tuple(paths)
        self._admin = admin
        self._data = data
        self._view = view
        self._poll = poll_seconds
        self._look = Look({}, {})
        self._in_force: dict[Path, Sequence[TrackingTenant]] = {}
        self._said: dict[Path, frozenset[uuid.UUID]] = {}
        self._holders: dict[uuid.UUID, Path] = {}
        self._clients: dict[uuid.UUID, uuid.UUID] = {}
        self._faults: dict[Path, Complaint] = {}
        self._pending: set[Path] = set()
        self._named: set[tuple[uuid.UUID, str]] = set()
        self._waiting_for: str | None = "The manifests have not been applied yet."

    async def check(self) -> str | None:
        """Why the files of the start do not act yet; None from then on."""
        return self._waiting_for

    async def start(self) -> None:
        """Apply all files, however long the admin APIs take to answer. Raises ManifestInvalid: nothing may begin."""
        # Looked at before they are read, so that an edit in between acts later instead of never.
        now = await asyncio.to_thread(contents, self._paths)
        self._look = Look(now, now)
        await asyncio.to_thread(read_all, self._paths)
        for path in self._paths:
            await self._note(path)
        waiting = [path for path in self._paths if not await self._applied(path)]
        while waiting:
            await asyncio.sleep(self._poll)  # the admin APIs have no event to wait on
            waiting = [path for path in waiting if not await self._applied(path)]
        self._waiting_for = "The settings of the manifests are on their way to the receiver."
        applied = [tenant for tenants in self._in_force.values() for tenant in tenants]
        while not all(self._arrived(tenant) for tenant in applied):  # noqa: ASYNC110 - neither does the view
            await asyncio.sleep(_ARRIVAL_SECONDS)
        self._waiting_for = None

    async def follow(self) -> NoReturn:
        """Act on changes of the files until cancelled."""
        while True:
            await asyncio.sleep(self._poll)
            self._look, due = changed(self._look, await asyncio.to_thread(contents, self._paths))
            for path in due:
                self._faults.pop(path, None)
                await self._note(path)
            # A change of one file may also be what another one waited for: a tenant that moved between them.
            again = self._faults.keys() if due else ()
            for path in dict.fromkeys((*due, *again, *self._pending)):
                await self._act(path)

    async def _act(self, path: Path) -> None:
        try:
            await self._applied(path)
        except ManifestInvalid as error:
            self._pending.discard(path)
            complaint = (error.line, error.field, error.message)
            if self._faults.get(path) != complaint:
                self._faults[path] = complaint
                _log.error(
                    "manifest_invalid", file=str(path), line=error.line, field=error.field, message=error.message
                )
        else:
            self._faults.pop(path, None)

    async def _applied(self, path: Path) -> bool:
        """Whether the file acts now; False = the admin APIs do not answer, to be tried again."""
        tenants = await asyncio.to_thread(read, path)
        self._once(path, tenants)
        try:
            for tenant in tenants:
                await self._apply(path, tenant)
        # Refused by identity: somebody else is changing the client. OSError: the data directory takes no file.
        except (Unavailable, Refused, OSError) as error:
            self._later(path, str(error))
            return False
        self._pending.discard(path)
        self._in_force[path] = tenants
        return True

    async def _apply(self, path: Path, tenant: TrackingTenant) -> None:
        try:
            known = await self._admin.register(registration(tenant))
        except Refused as error:
            field = f"spec.{error.field}" if error.field else None
            line = await asyncio.to_thread(line_of, path, tenant, field)
            raise ManifestInvalid(error.message, file=path, line=line, field=field) from error
        self._holders[tenant.guid] = path
        self._data.write_tenant(known)
        await self._ensure_credentials(tenant.guid)
        for field in self._unnamed(tenant):
            _log.warning(
                "field_without_effect",
                file=str(path),
                line=await asyncio.to_thread(line_of, path, tenant, field),
                field=field,
                message=f"{field} acts in a cluster only; this process ignores it.",
            )

    async def _ensure_credentials(self, tenant: uuid.UUID) -> None:
        """Written once. A crash after identity made the client and before the file stood is healed by `issue`.

        The first time they are tried, and replaced where identity refuses them: ready means that they work. Never
        after that: who rotates them while this process runs has the new ones.
        """
        held = self._data.credentials(tenant)
        if held is not None and tenant in self._clients:
            return
        if held is None or not await self._admin.accepts(held):
            made = await self._admin.issue(tenant)
            self._data.write_credentials(tenant, made)
            if held is not None:
                _log.warning(
                    "credentials_replaced",
                    tenant=str(tenant),
                    message="Identity refused them; give Creatio the new ones (footfall credentials).",
                )
            held = made
        self._clients[tenant] = uuid.UUID(held.client_id)

    def _arrived(self, tenant: TrackingTenant) -> bool:
        """Whether receiver and report know what was applied: the sites, and the client whose tokens are asked for."""
        client = self._view.client(tenant.guid, self._clients[tenant.guid])
        sites = (self._view.resource(ResourceKey(tenant.guid, resource_of(tenant.guid, s))) for s in tenant.spec.sites)
        return (
            self._view.tenant(tenant.guid) is not None
            and all(site is not None and site.active for site in sites)
            and client is not None
            and not client.deleted
        )

    async def _note(self, path: Path) -> None:
        """Take down whom a file names now: before any acts, since a tenant may move between two that changed at once.

        One that is gone or cannot be read names nobody; one that makes no sense still means what it last said.
        """
        if self._look.acted[path] is None:
            self._said[path] = frozenset()
            return
        with contextlib.suppress(ManifestInvalid):  # reported once it is to act
            self._said[path] = frozenset(tenant.guid for tenant in await asyncio.to_thread(read, path))

    def _once(self, path: Path, tenants: Sequence[TrackingTenant]) -> None:
        """Refuse a tenant that acts from another file which still names it; within a file, reading does."""
        for tenant in tenants:
            holder = self._holders.get(tenant.guid, path)
            if holder != path and tenant.guid in self._said.get(holder, ()):
                raise ManifestInvalid(
                    f"spec.tenantId {tenant.spec.tenant_id} names a tenant that {holder} holds already.",
                    file=path,
                    line=line_of(path, tenant, "spec.tenantId"),
                    field="spec.tenantId",
                )

    def _later(self, path: Path, why: str) -> None:
        if path not in self._pending:
            _log.warning("manifest_waits", file=str(path), message=why)
        self._pending.add(path)
        if self._waiting_for is not None:
            self._waiting_for = f"{path} is not applied yet: {why}"

    def _unnamed(self, tenant: TrackingTenant) -> Iterator[str]:
        """Fields without effect, each named once a process."""
        for field in without_effect(tenant):
            if (tenant.guid, field) not in self._named:
                self._named.add((tenant.guid, field))
                yield field
