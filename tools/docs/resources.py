"""The reference of our three resources, made of their CRDs."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

CRDS: Final = Path(__file__).parents[2] / "crds"
_ORDER: Final = ("TrackingPlatform", "TrackingTenant", "TrackingClaim")
_RULES: Final = "x-kubernetes-validations"


def resources_page() -> str:
    """All of crds/ as one Markdown page."""
    crds = {crd["spec"]["names"]["kind"]: crd for crd in map(_read, sorted(CRDS.glob("tracking*.yaml")))}
    lines = [
        "# Resources",
        "",
        "What `kubectl explain` shows, and the rules that the API server holds it to. Fields not listed are refused; a",
        "string, number or list outside its bounds is refused with its path. `docs/operator.md` says what they cause.",
    ]
    for kind in _ORDER:
        lines += ["", *_kind(crds[kind])]
    return "\n".join([*lines, ""])


def _read(file: Path) -> dict[str, Any]:
    crd: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return crd


def _kind(crd: Mapping[str, Any]) -> Iterator[str]:
    names, (version,) = crd["spec"]["names"], crd["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    yield f"## {names['kind']}"
    yield ""
    yield f"{schema['description']} `{crd['spec']['group']}/{version['name']}`, {crd['spec']['scope'].lower()},"
    yield f"short name `{names['shortNames'][0]}`, category `{names['categories'][0]}`."
    for part in ("spec", "status"):
        yield from ["", f"### {names['kind']} {part}", "", "| field | type | default | meaning |", "|---|---|---|---|"]
        yield from _rows(schema["properties"][part], part, required=part == "spec")
    yield from ["", f"### {names['kind']} rules", "", "| at | refused, since it |", "|---|---|"]
    yield from _rules(schema, "")


def _rows(schema: Mapping[str, Any], path: str, *, required: bool) -> Iterator[str]:
    default = "required" if required else _code(schema["default"]) if "default" in schema else ""
    yield f"| `{path}` | {_type(schema)} | {default} | {_escape(schema.get('description', ''))} |"
    inner, deeper = (schema["items"], f"{path}[]") if "items" in schema else (schema, path)
    for name, one in inner.get("properties", {}).items():
        yield from _rows(one, f"{deeper}.{name}", required=name in inner.get("required", ()))


def _type(schema: Mapping[str, Any]) -> str:
    match schema:
        case {"enum": values}:
            said = " &#124; ".join(_code(value) for value in values)
        case {"items": items}:
            keys = "".join(f", one a {key}" for key in schema.get("x-kubernetes-list-map-keys", ()))
            said = f"at most {schema['maxItems']}{keys}: {_type(items)}"
        case {"additionalProperties": inner}:
            said = f"map, at most {schema['maxProperties']}: {_type(inner)}"
        case {"type": "integer"}:
            said = " to ".join(str(schema[bound]) for bound in ("minimum", "maximum") if bound in schema)
        case _:
            bound = f", at most {schema['maxLength']}" if "maxLength" in schema else ""
            said = f"{schema['type']}{bound}"
    return said


def _rules(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    for rule in schema.get(_RULES, ()):
        yield f"| `{path}{rule.get('fieldPath', '')}` | {_escape(rule['message'])} |"
    for name, one in _inner(schema):
        yield from _rules(one, f"{path}{name}")


def _inner(schema: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for name, one in schema.get("properties", {}).items():
        yield f".{name}", one
    if "items" in schema:
        yield "[]", schema["items"]


def _code(value: Any) -> str:
    return f"`{value}`" if value != "" else "empty"


def _escape(text: str) -> str:
    return text.replace("|", "&#124;")
