"""Resources and placement of the components' pods: vertical scaling, set by platform engineers alone."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from footfall_common.manifest.fields import Closed

Cpu = Annotated[str, StringConstraints(max_length=6, pattern=r"^([1-9][0-9]{0,2}|[1-9][0-9]{0,4}m)$")]
Memory = Annotated[str, StringConstraints(max_length=7, pattern=r"^[1-9][0-9]{0,4}(Mi|Gi)$")]
_VALUE = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
LabelKey = Annotated[str, StringConstraints(max_length=316, pattern=rf"^([a-z0-9.-]{{1,253}}/)?{_VALUE}$")]
PriorityClass = Annotated[str, StringConstraints(max_length=253, pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$")]
LabelValue = Annotated[str, StringConstraints(max_length=63, pattern=rf"^({_VALUE})?$")]


class Toleration(Closed):
    """A taint that pods may be placed in spite of."""

    key: LabelKey = Field(description="the taint's key")
    operator: Literal["Exists", "Equal"] = Field("Exists", description="whether the value counts")
    value: LabelValue = Field("", description="the taint's value, with Equal")
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(
        "", description="the taint's effect; empty = every one"
    )

    @model_validator(mode="after")
    def _value_counts(self) -> Self:
        if self.operator == "Exists" and self.value:
            raise PydanticCustomError("one_of", "has no value with operator Exists", {"at": ("value",)})
        return self


class Defaults(Closed):
    """Placement and priority of every pod."""

    node_selector: Annotated[dict[LabelKey, LabelValue], Field(max_length=16)] = Field(
        {}, description="labels that a node must have"
    )
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16)] = Field(
        (), description="taints that pods may be placed in spite of"
    )
    priority_class_name: PriorityClass = Field("", description="a PriorityClass; empty = the cluster's own default")


class Amounts(Closed):
    """CPU and memory."""

    cpu: Cpu | None = Field(None, description="cores, as 2 or 500m")
    memory: Memory | None = Field(None, description="as 256Mi or 1Gi")


class Resources(Closed):
    """What a pod is promised, and what it may not pass."""

    requests: Amounts = Field(Amounts.model_validate({}), description="what a pod is promised")
    limits: Amounts = Field(Amounts.model_validate({}), description="what it may not pass; no limit of CPU is wise")


class Part(Closed):
    """One component's pods."""

    resources: Resources = Field(description="what each of its pods is promised and may not pass")


def _part(cpu: str, memory: str, limit: str) -> Part:
    return Part.model_validate({"resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": limit}}})


class Workloads(Closed):
    """Resources and placement of every part."""

    defaults: Defaults = Field(Defaults.model_validate({}), description="placement and priority of every pod")
    identity: Part = Field(_part("100m", "128Mi", "256Mi"), description="the identity service")
    tenant: Part = Field(_part("100m", "128Mi", "256Mi"), description="the tenant service")
    receiver: Part = Field(_part("500m", "128Mi", "256Mi"), description="receivers")
    raw_receiver: Part = Field(_part("500m", "256Mi", "512Mi"), description="raw receivers")
    report: Part = Field(_part("500m", "256Mi", "512Mi"), description="report services")
