"""What a model says, in the words that a CRD says it in, so that the two can be held equal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import override

ROOT = Path(__file__).parents[2]
CRDS = sorted((ROOT / "crds").glob("tracking*.yaml"))
# What Kubernetes says of lists and objects and JSON schema has no word for; rules have tests of their own.
_BEYOND = "x-kubernetes-"


class _Structural(GenerateJsonSchema):
    """JSON schema as Kubernetes writes it: no null, no const, defaults that name only what was given."""

    @override
    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    @override
    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, BaseModel):
            return dft.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return super().encode_default(dft)


def of_model(model: type[BaseModel]) -> dict[str, Any]:
    """The structural schema that a model amounts to."""
    schema = model.model_json_schema(by_alias=True, schema_generator=_Structural)
    return _plain(schema, schema.get("$defs", {}))


def _plain(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    """Without references and without what says nothing."""
    merged = dict(schema)
    if "$ref" in schema:
        inner = _plain(defs[schema["$ref"].rpartition("/")[2]], defs)
        inner.pop("description", None)  # a class's own sentence; the field's stands
        merged = inner | {name: value for name, value in schema.items() if name != "$ref"}
    if "const" in merged:
        merged["enum"] = [merged.pop("const")]
    if "patternProperties" in merged:  # a bound on keys, which a CRD says by a rule
        merged["additionalProperties"] = next(iter(merged.pop("patternProperties").values()))
    for name in ("items", "additionalProperties"):
        if isinstance(merged.get(name), dict):
            merged[name] = _plain(merged[name], defs)
            merged[name].pop("description", None)  # the CRD says it of the list
    if "properties" in merged:
        merged["properties"] = {name: _plain(one, defs) for name, one in merged["properties"].items()}
    return {name: value for name, value in merged.items() if not _says_nothing(name, merged)}


def _says_nothing(name: str, schema: Mapping[str, Any]) -> bool:
    return (
        name in {"title", "$defs", "propertyNames"}
        or (name == "additionalProperties" and schema[name] is False)
        or (name == "default" and not _tells(schema))
    )


def _tells(schema: Mapping[str, Any]) -> bool:
    """Whether a default says more than absence: an empty object does where something within has a default."""
    if schema["default"] == {}:
        return any("default" in one for one in schema.get("properties", {}).values())
    return schema["default"] not in (None, [], "")


def read(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return document


def documents() -> dict[str, dict[str, Any]]:
    """For each of our kinds, a document that has every field."""
    found = [read(file) for file in sorted((ROOT / "tests/data/resources").glob("*.yaml"))]
    return {document["kind"]: document for document in found}


def schema_of(crd: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a CRD's only version."""
    (version,) = crd["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def of_crd(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A CRD's schema without what only Kubernetes knows."""
    plain = {name: value for name, value in schema.items() if not name.startswith(_BEYOND)}
    for name in ("items", "additionalProperties"):
        if isinstance(plain.get(name), dict):
            plain[name] = of_crd(plain[name])
    if "properties" in plain:
        plain["properties"] = {name: of_crd(one) for name, one in plain["properties"].items()}
    return plain
