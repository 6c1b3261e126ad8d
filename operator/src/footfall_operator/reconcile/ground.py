"""What tenants stand on: the platform as it was read, and how many of them there may be."""

from typing import NamedTuple, Protocol

from pydantic import ValidationError

from footfall_common.manifest import complaint, dotted
from footfall_common.manifest.platform import TrackingPlatform
from footfall_common.placement import Placement
from footfall_operator.cluster import Body
from footfall_operator.resources import Ref
from footfall_operator.status import Reason


class Installation(NamedTuple):
    """What a tenant stands on; `platform` None = there is none, or none that can be read, for that reason."""

    platform: TrackingPlatform | None
    reason: Reason
    message: str


MISSING = Installation(
    None, Reason.PLATFORM_MISSING, "there is no TrackingPlatform named default: a platform engineer applies one"
)


class Ground(Protocol):
    """What a tenant's pass needs to know of the others."""

    @property
    def installation(self) -> Installation:
        """What was last read of the platform."""
        ...

    def is_made(self, key: Ref) -> bool:
        """Whether something was made for that tenant."""
        ...

    def make(self, key: Ref, placement: Placement) -> None:
        """Something is: it counts."""
        ...

    def unmake(self, key: Ref) -> None:
        """Nothing was, after all."""
        ...

    def count(self, placement: Placement) -> int:
        """For how many of that placement something was made."""
        ...


def installation(resource: Body | None) -> Installation:
    """By what stands in the API server, or does not."""
    if resource is None or "deletionTimestamp" in resource["metadata"]:
        return MISSING
    try:
        platform = TrackingPlatform.model_validate(resource)
    except ValidationError as error:
        found = complaint(error, TrackingPlatform)
        return Installation(None, Reason.PLATFORM_INVALID, f"{dotted(found.path)}: {found.message}")
    return Installation(platform, Reason.PLATFORM_VALID, "")
