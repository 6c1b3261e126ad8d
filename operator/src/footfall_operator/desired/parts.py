"""What each component needs of Kubernetes, whoever it works for."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from footfall_common.manifest.platform import Digests
from footfall_common.manifest.workloads import Resources, Workloads

PORT: Final = 8080
"""Where every component serves HTTP: its API, its probes and its metrics."""


class Part(StrEnum):
    """A component; the value names its image, its command and its objects."""

    IDENTITY = "identity"
    TENANT = "tenant"
    RECEIVER = "receiver"
    RAW_RECEIVER = "raw-receiver"
    REPORT = "report"


class Traits(NamedTuple):
    """How a component differs from the others. `served` = others call it."""

    module: str
    served: bool


TRAITS: Final[Mapping[Part, Traits]] = {
    Part.IDENTITY: Traits("footfall_identity", served=True),
    Part.TENANT: Traits("footfall_tenant", served=True),
    Part.RECEIVER: Traits("footfall_receiver", served=True),
    Part.RAW_RECEIVER: Traits("footfall_raw_receiver", served=False),
    Part.REPORT: Traits("footfall_report", served=True),
}


def digest(part: Part, digests: Digests) -> str:
    """Which image it runs."""
    return str(getattr(digests, part.value.replace("-", "_")))


def resources(part: Part, workloads: Workloads) -> Resources:
    """What its pods are promised."""
    found: Resources = getattr(workloads, part.value.replace("-", "_")).resources
    return found
