"""What passes remember of each other, and what they looked at last."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from footfall_common.placement import Placement
from footfall_operator.reconcile.ground import MISSING, Installation
from footfall_operator.resources import CLAIM, TENANTS, Ref, ref_of


class Known:
    """The platform as last read, which tenants there are, and which claims name them."""

    def __init__(self) -> None:
        self.installation: Installation = MISSING
        self._platform: tuple[str, int, str] | None = None
        self.tenants: set[Ref] = set()
        self.claims: defaultdict[Ref, set[str]] = defaultdict(set)
        """Of each tenant, the claims that name it as their holder."""

        self._made: dict[Ref, Placement] = {}
        self._counts: Counter[Placement] = Counter()
        self._versions: dict[Ref, str] = {}

    def stand_on(self, resource: Mapping[str, Any] | None, installed: Installation) -> bool:
        """What tenants stand on from now on; whether that is another than before."""
        meta: Mapping[str, Any] = resource["metadata"] if resource else {}
        stands = (meta.get("uid", ""), meta.get("generation", 0), installed.reason.value)
        before, self._platform, self.installation = self._platform, stands, installed
        return stands != before

    def met(self, claim: Mapping[str, Any]) -> None:
        """A claim as it stands."""
        holder = claim["spec"]["holder"]
        self.claims[Ref(TENANTS, holder["namespace"], holder["name"])].add(claim["metadata"]["name"])

    def make(self, key: Ref, placement: Placement) -> None:
        """Something is made for that tenant: it counts against the platform's bounds."""
        self.unmake(key)
        self._made[key] = placement
        self._counts[placement] += 1

    def unmake(self, key: Ref) -> None:
        """Nothing was made for it after all, or it is gone."""
        if (placement := self._made.pop(key, None)) is not None:
            self._counts[placement] -= 1

    def is_made(self, key: Ref) -> bool:
        """Whether it counts already."""
        return key in self._made

    def count(self, placement: Placement) -> int:
        """How many of that placement were made."""
        return self._counts[placement]

    def looked_at(self, body: Mapping[str, Any]) -> None:
        """A resource as it stood, or as we wrote it: a hint of that very version brings nothing new."""
        self._versions[ref_of(body)] = body["metadata"]["resourceVersion"]

    def is_news(self, body: Mapping[str, Any]) -> bool:
        """Whether that version of a resource is another than the one that was looked at last."""
        version: str = body["metadata"]["resourceVersion"]
        return self._versions.get(ref_of(body)) != version

    def forget(self, key: Ref) -> None:
        """A tenant that is gone."""
        self.tenants.discard(key)
        self.unmake(key)
        for ref in (key, *(Ref(CLAIM, None, name) for name in self.claims.pop(key, ()))):
            self._versions.pop(ref, None)
