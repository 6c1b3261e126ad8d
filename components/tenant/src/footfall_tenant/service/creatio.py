"""What Creatio asks for, each on the tenant of its token. Every call may be repeated without harm."""

import functools
import uuid

from msgspec.structs import replace

from footfall_common.clock import Clock
from footfall_common.documents import ResourceDocument, TenantDocument
from footfall_common.errors import Conflict, Forbidden, NotFound, TooLarge
from footfall_common.tenancy import ResourceKey, TenantContext
from footfall_tenant.publisher import SettingsPublisher
from footfall_tenant.repository import Holdings, TenantRepository
from footfall_tenant.service import goals, resources
from footfall_tenant.service.changes import Changes, Decide
from footfall_tenant.service.goals import Bounds, Wanted
from footfall_tenant.service.resources import NewResource
from footfall_tenant.settings import TenantSettings


class Creatio:
    """Projects, resources and goals as Creatio manages them."""

    def __init__(
        self, repository: TenantRepository, publisher: SettingsPublisher, clock: Clock, settings: TenantSettings
    ) -> None:
        self._repository = repository
        self._publisher = publisher
        self._clock = clock
        self._settings = settings
        self._changes = Changes(repository, settings.write_attempts)

    async def check(self, context: TenantContext) -> TenantDocument:
        """The tenant; NotFound where it was never registered, Forbidden where it is switched off."""
        return _usable(await self._repository.tenant(context))

    async def create_project(self, context: TenantContext, project: uuid.UUID) -> None:
        """Once it returns, the project is there."""
        await self._add_project(context, project)
        await self._publisher.announce()

    async def delete_project(self, context: TenantContext, project: uuid.UUID) -> None:
        """The resources that Creatio made in it go first, so that a repeat repairs what a crash left between."""
        bounds = self._bounds(await self.check(context))
        held = await self._repository.holdings(context)
        for resource in held.resources.values():
            if resource.project == project:
                await self._change(_key(resource), functools.partial(_deleted_of, project=project, bounds=bounds))
        await self._change_tenant(context, functools.partial(_without_project, project=project))
        await self._publisher.announce()

    async def create_resource(self, new: NewResource) -> None:
        """The resource, and the project it names where that is not there yet."""
        context = TenantContext(new.key.tenant)
        held = await self._repository.holdings(context)
        _usable(held.tenant)
        if new.key.resource not in held.resources and len(held.resources) >= self._settings.max_resources:
            raise TooLarge(
                f"This tenant has {self._settings.max_resources} resources, the most there can be "
                "(FOOTFALL_TENANT_MAX_RESOURCES); deleted ones count.",
                field="Id",
            )
        resources.created(await self._repository.resource(new.key), new)  # refused before anything is written
        await self._add_project(context, new.project)
        await self._change(new.key, functools.partial(resources.created, new=new))
        await self._publisher.announce()

    async def update_resource(self, key: ResourceKey, *, active: bool) -> None:
        """NotFound where Creatio never made it."""
        await self.check(TenantContext(key.tenant))
        await self._change(key, functools.partial(resources.updated, active=active))
        await self._publisher.announce()

    async def delete_resource(self, key: ResourceKey) -> None:
        """The resource takes no more events; those it has stay in the feed."""
        bounds = self._bounds(await self.check(TenantContext(key.tenant)))
        await self._change(key, functools.partial(resources.deleted, bounds=bounds))
        await self._publisher.announce()

    async def create_goal(self, key: ResourceKey, wanted: Wanted) -> None:
        """A goal of a resource; Conflict where the id is one of another resource's goals."""
        held = await self._repository.holdings(TenantContext(key.tenant))
        bounds = self._bounds(_usable(held.tenant))
        holder = _holder(held, wanted.id)
        if holder is not None and holder.resource != key.resource:
            raise Conflict(
                f"Goal {wanted.id} belongs to resource {holder.resource}; delete it there first.", field="ResourceId"
            )
        await self._change(key, functools.partial(resources.with_goal, wanted=wanted, bounds=bounds))
        await self._publisher.announce()

    async def update_goal(self, context: TenantContext, wanted: Wanted) -> None:
        """From now on; events before keep the rule they met."""
        held = await self._repository.holdings(context)
        bounds = self._bounds(_usable(held.tenant))
        holder = _holder(held, wanted.id)
        if holder is None:
            raise NotFound(f"There is no goal {wanted.id}; create it first.", field="Id")
        await self._change(_key(holder), functools.partial(resources.with_goal_changed, wanted=wanted, bounds=bounds))
        await self._publisher.announce()

    async def delete_goal(self, context: TenantContext, goal: uuid.UUID) -> None:
        """It counts no more; what it counted stays in reports."""
        held = await self._repository.holdings(context)
        bounds = self._bounds(_usable(held.tenant))
        holder = _holder(held, goal)
        if holder is not None:
            await self._change(_key(holder), functools.partial(resources.without_goal, goal=goal, bounds=bounds))
            await self._publisher.announce()

    async def _change(self, key: ResourceKey, decide: Decide[ResourceDocument]) -> None:
        await self._changes.apply(functools.partial(self._repository.resource, key), decide)

    async def _change_tenant(self, context: TenantContext, decide: Decide[TenantDocument]) -> None:
        await self._changes.apply(functools.partial(self._repository.tenant, context), decide)

    async def _add_project(self, context: TenantContext, project: uuid.UUID) -> None:
        add = functools.partial(_with_project, project=project, most=self._settings.max_projects)
        await self._change_tenant(context, add)

    def _bounds(self, tenant: TenantDocument) -> Bounds:
        settings = self._settings
        return Bounds(self._clock.now_ms(), tenant.retention_days, settings.max_goals, settings.max_revisions)


def _usable(tenant: TenantDocument | None) -> TenantDocument:
    if tenant is None or tenant.deleted:
        raise NotFound("This token's tenant is not registered; apply its manifest first.", code="unknown_tenant")
    if not tenant.active:
        raise Forbidden("This token's tenant is switched off.", code="inactive_tenant")
    return tenant


def _with_project(held: TenantDocument | None, project: uuid.UUID, most: int) -> TenantDocument:
    tenant = _usable(held)
    if project in tenant.projects:
        return tenant
    if len(tenant.projects) >= most:
        raise TooLarge(
            f"This tenant has {most} projects, the most there can be (FOOTFALL_TENANT_MAX_PROJECTS).", field="ProjectId"
        )
    return replace(tenant, projects=(*tenant.projects, project))


def _without_project(held: TenantDocument | None, project: uuid.UUID) -> TenantDocument:
    tenant = _usable(held)
    return replace(tenant, projects=tuple(one for one in tenant.projects if one != project))


def _deleted_of(held: ResourceDocument | None, project: uuid.UUID, bounds: Bounds) -> ResourceDocument | None:
    """Deleted, unless it was moved elsewhere meanwhile; a manifest's resource is in no project."""
    if held is None or held.project != project:
        return held
    return resources.deleted(held, bounds)


def _holder(held: Holdings, goal: uuid.UUID) -> ResourceDocument | None:
    """The resource that has this goal."""
    for resource in held.resources.values():
        found = goals.find(resource.goals, goal)
        if found is not None and not found.deleted:
            return resource
    return None


def _key(resource: ResourceDocument) -> ResourceKey:
    return ResourceKey(resource.tenant, resource.resource)
