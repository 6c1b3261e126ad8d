"""What `kubectl apply` takes is what the models read: the same fields, bounds, defaults and words."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from footfall_common.manifest.claim import ClaimSpec, ClaimStatus
from footfall_common.manifest.platform import PlatformSpec, PlatformStatus
from footfall_common.manifest.tenant import Spec, TenantStatus
from tests.support.crds import CRDS, of_crd, of_model, read, schema_of

MODELS: dict[str, dict[str, type[BaseModel]]] = {
    "TrackingTenant": {"spec": Spec, "status": TenantStatus},
    "TrackingPlatform": {"spec": PlatformSpec, "status": PlatformStatus},
    "TrackingClaim": {"spec": ClaimSpec, "status": ClaimStatus},
}
SCHEMAS = {crd["spec"]["names"]["kind"]: schema_of(crd) for crd in map(read, CRDS)}
# Cost of rules and of a watch's memory grow with what a value may be long.
BOUNDS = {"string": ("maxLength", "enum"), "array": ("maxItems",), "integer": ("maximum",)}


def test_every_kind_has_a_model() -> None:
    assert SCHEMAS.keys() == MODELS.keys()


@pytest.mark.parametrize(
    ("kind", "part", "model"), [(kind, part, model) for kind, parts in MODELS.items() for part, model in parts.items()]
)
def test_schema_and_model_say_the_same(kind: str, part: str, model: type[BaseModel]) -> None:
    assert of_crd(SCHEMAS[kind]["properties"][part]) == of_model(model)


def leaves(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema within, by its path."""
    yield path, schema
    for name, one in schema.get("properties", {}).items():
        yield from leaves(one, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if name in schema:
            yield from leaves(schema[name], f"{path}[]")


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        pytest.param(path, schema, id=path)
        for kind, whole in SCHEMAS.items()
        for part in ("spec", "status")
        for path, schema in leaves(whole["properties"][part], f"{kind}.{part}")
    ],
)
def test_everything_is_bounded_and_described(path: str, schema: Mapping[str, Any]) -> None:
    kind = schema["type"]
    assert kind in {"object", *BOUNDS}
    if kind in BOUNDS and path not in UNBOUNDED:
        assert any(bound in schema for bound in BOUNDS[kind])
    if kind == "object":
        assert ("properties" in schema) != ("maxProperties" in schema)
    if kind == "array":
        assert schema["x-kubernetes-list-type"] in {"set", "map", "atomic"}
    assert path.endswith("[]") or schema["description"]


# Generations and counts that only the operator writes.
UNBOUNDED = {
    "TrackingClaim.status.observedGeneration",
    "TrackingPlatform.status.observedGeneration",
    "TrackingPlatform.status.tenants",
    "TrackingTenant.status.observedGeneration",
    "TrackingTenant.status.receivers.ready",
    "TrackingTenant.status.receivers.replicas",
    *(f"{kind}.status.conditions[].observedGeneration" for kind in MODELS),
}
