"""Registration of tenants: the manifest reader's and the operator's side."""

import asyncio
import functools

from msgspec.structs import replace

from footfall_common.clock import Clock
from footfall_common.documents import Goal, ResourceDocument, TenantDocument
from footfall_common.errors import InvalidInput, NotFound, TooLarge
from footfall_common.manifest import Registration, resource_of
from footfall_common.tenancy import ResourceKey, TenantContext
from footfall_tenant.errors import RevisionMismatch
from footfall_tenant.models import GoalState, Registered, RegisteredResource, ResourceState, TenantState
from footfall_tenant.publisher import SettingsPublisher
from footfall_tenant.repository import Holdings, TenantRepository
from footfall_tenant.service import sites
from footfall_tenant.service.changes import Changes, contended, differs
from footfall_tenant.service.goals import Bounds
from footfall_tenant.settings import TenantSettings

Match = frozenset[str] | None
"""The revisions that a caller's If-Match admits, `*` = any; None = no condition."""


class Administration:
    """Keeps what manifests say. What Creatio made is left alone."""

    def __init__(
        self, repository: TenantRepository, publisher: SettingsPublisher, clock: Clock, settings: TenantSettings
    ) -> None:
        self._repository = repository
        self._publisher = publisher
        self._clock = clock
        self._settings = settings
        self._changes = Changes(repository, settings.write_attempts)
        # A registration is several documents: two at once would leave a mixture of both.
        self._turn = asyncio.Lock()

    async def state(self, context: TenantContext) -> TenantState:
        """All that is stored of a tenant."""
        held = await self._repository.holdings(context)
        if held.tenant is None or held.tenant.deleted:
            raise NotFound("This tenant is not registered; PUT it first.", code="unknown_tenant")
        return _state(held.tenant, held)

    async def register(self, context: TenantContext, wanted: Registration, match: Match) -> Registered:
        """Make the stored state what is wanted; nothing is written where it is that already.

        The tenant's own document goes first with a new revision, so that a crash between is seen and repaired by a
        repeat, and receivers never know a resource without its tenant.
        """
        if wanted.guid != context.tenant:
            raise InvalidInput(
                f"tenantId {wanted.tenant_id} is tenant {wanted.guid}, not the one in the address.", field="tenantId"
            )
        async with self._turn:
            tenant = await self._register(context, wanted, match)
        await self._publisher.announce()
        registered = (RegisteredResource(site.name, resource_of(wanted.guid, site)) for site in wanted.sites)
        return Registered(tenant.tenant, tenant.revision, tuple(registered))

    async def _register(self, context: TenantContext, wanted: Registration, match: Match) -> TenantDocument:
        for _ in range(self._changes.attempts):
            held = await self._repository.holdings(context)
            _check_match(held.tenant, match)
            tenant = sites.tenant_document(held.tenant, wanted)
            bounds = self._bounds(tenant)
            resources = sites.resources(held, wanted, bounds)
            self._check_count(held, resources)
            changed = any(differs(held.resources.get(one.resource), one) for one in resources)
            if held.tenant is not None and not changed and not differs(held.tenant, tenant):
                return held.tenant
            tenant = replace(tenant, revision=tenant.revision + 1)
            if await self._changes.write(tenant):
                await self._write_resources(wanted, resources, bounds)
                return tenant
        raise contended()

    async def _write_resources(self, wanted: Registration, resources: list[ResourceDocument], bounds: Bounds) -> None:
        """Decides anew on what is stored now: Creatio may have changed a goal meanwhile."""
        numbers = {resource_of(wanted.guid, site): index for index, site in enumerate(wanted.sites)}
        for resource in resources:
            key = ResourceKey(resource.tenant, resource.resource)
            index = numbers.get(resource.resource)

            def decide(held: ResourceDocument | None, index: int | None = index) -> ResourceDocument | None:
                if index is not None:
                    return sites.site_document(held, wanted.guid, index, wanted.sites[index], bounds)
                return sites.left(held) if held else None

            await self._changes.apply(functools.partial(self._repository.resource, key), decide)

    def _check_count(self, held: Holdings, resources: list[ResourceDocument]) -> None:
        most = self._settings.max_resources
        if len(held.resources.keys() | {one.resource for one in resources}) > most:
            raise TooLarge(
                f"With these sites the tenant would have more than {most} resources "
                "(FOOTFALL_TENANT_MAX_RESOURCES); those that were deleted or left count.",
                field="sites",
            )

    def _bounds(self, tenant: TenantDocument) -> Bounds:
        settings = self._settings
        return Bounds(self._clock.now_ms(), tenant.retention_days, settings.max_goals, settings.max_revisions)


def _check_match(held: TenantDocument | None, match: Match) -> None:
    if match is None:
        return
    present = held is not None and not held.deleted
    if not present or ("*" not in match and str(held.revision if held else 0) not in match):
        raise RevisionMismatch(
            f"The stored revision is {held.revision if held else 0}; GET it and decide again.", field="if-match"
        )


def _state(tenant: TenantDocument, held: Holdings) -> TenantState:
    order = {site: index for index, site in enumerate(tenant.sites)}
    standing = [one for one in held.resources.values() if not one.deleted]
    standing.sort(key=lambda one: (order.get(one.resource, len(order)), one.resource))
    return TenantState(
        tenant=tenant.tenant,
        tenant_id=tenant.tenant_id,
        revision=tenant.revision,
        active=tenant.active,
        placement=tenant.placement,
        retention_days=tenant.retention_days,
        limits=tenant.limits,
        projects=tenant.projects,
        resources=tuple(map(_resource_state, standing)),
    )


def _resource_state(resource: ResourceDocument) -> ResourceState:
    return ResourceState(
        resource_id=resource.resource,
        revision=resource.revision,
        origin=resource.origin,
        name=resource.name,
        active=resource.active,
        project=resource.project,
        domains=resource.domains,
        time_zone=resource.time_zone,
        limits=resource.limits,
        goals=tuple(_goal_state(goal) for goal in resource.goals if not goal.deleted),
    )


def _goal_state(goal: Goal) -> GoalState:
    last = goal.revisions[-1]
    return GoalState(
        goal_id=goal.id,
        name=goal.name,
        origin=goal.origin,
        active=last.active,
        filter=last.filter,
        revisions=len(goal.revisions),
    )
