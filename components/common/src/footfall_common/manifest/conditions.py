"""What the operator says of a resource: conditions, as Kubernetes' own tools read them."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from footfall_common.manifest.fields import Closed

Generation = Annotated[int, Field(strict=True, ge=0)]
Moment = Annotated[str, StringConstraints(max_length=32)]


class Condition(Closed):
    """One thing that is so or is not, since when, and why."""

    type: Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=r"^[A-Z][A-Za-z]*$")] = Field(
        description="what is told, such as Ready"
    )
    status: Literal["True", "False", "Unknown"] = Field(description="whether it is so")
    reason: Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=r"^[A-Z][A-Za-z]*$")] = Field(
        description="why, in one stable word for machines"
    )
    message: Annotated[str, StringConstraints(max_length=1024)] = Field(
        description="why, and the way out, in a sentence for people"
    )
    observed_generation: Generation = Field(description="the generation of the spec that this was said of")
    last_transition_time: Moment = Field(description="when the status changed last")


Conditions = Annotated[
    tuple[Condition, ...], Field(max_length=16, description="what is so and what is not, one entry a type")
]
