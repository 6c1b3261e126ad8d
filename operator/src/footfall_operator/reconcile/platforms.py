"""The platform's pass."""

from collections.abc import Callable

from footfall_operator.cluster import Body, Changed, Refused
from footfall_operator.desired.owner import reference
from footfall_operator.desired.wishes import POOL, of_platform
from footfall_operator.reconcile.children import OVERRULED, Children
from footfall_operator.reconcile.ground import Installation
from footfall_operator.reconcile.report import Reporter
from footfall_operator.reconcile.workloads import told
from footfall_operator.status import Reason, Said, false, true


class Platforms:
    """`tenants` counts those that there are; `version` = the operator's own."""

    def __init__(
        self, children: Children, reporter: Reporter, tenants: Callable[[], int], system: str, version: str
    ) -> None:
        self._children = children
        self._reporter = reporter
        self._tenants = tenants
        self._system = system
        self._version = version

    async def look(self, resource: Body, installed: Installation) -> None:
        """One pass. Raises Unreachable, Changed, Refused: to be tried again."""
        if "deletionTimestamp" in resource["metadata"]:
            return
        more: Body = {"version": self._version, "tenants": self._tenants()}
        if installed.platform is None:
            await self._reporter.say(resource, _stalled(installed.reason, installed.message), more)
            return
        wishes = of_platform(installed.platform, reference(resource), self._system)
        try:
            workloads = await self._children.make(wishes, self._system, POOL, resource["metadata"]["uid"])
        except Refused as refused:
            if isinstance(refused, Changed):
                raise
            await self._reporter.say(resource, _stalled(Reason.REFUSED, str(refused)), more)
            if refused.reason != OVERRULED:
                raise
            return
        await self._reporter.say(resource, [true("PlatformReady", Reason.PLATFORM_VALID), *told(workloads)], more)


def _stalled(reason: Reason, message: str) -> list[Said]:
    return [
        false("Ready", reason, message),
        true("Stalled", reason, message),
        false("Synced", reason, message),
        false("Reconciling", reason),
    ]
