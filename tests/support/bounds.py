"""Documents that lie just inside and just outside each bound of a schema, made from one document with every field."""

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Path = tuple[str | int, ...]

# For each pattern, its longest text within maxLength; the longest of those that match is taken.
_LONGEST = (
    "acme-" + "a" * 27,
    "6f1d7c2e-0f8f-4c0e-9a55-0d6d5a8f1b11",
    ".".join(["a" * 63] * 3 + ["a" * 61]),
    "a" * 63,
    "a" * 253,
    "é" * 63,
    "é" * 64,
    "America/Argentina/ComodRivadavia",
    "99999h",
    "99999m",
    "99999Mi",
    "sha256:" + "0" * 64,
    "https://" + "a" * 247,
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
    "a" * 199 + "/",
    "a" * 252 + "/" + "a" * 63,
)
_NEVER = ("§", "", " ", "-")


class Bound(NamedTuple):
    """One bound: where, which, and the document that tries it."""

    path: Path
    name: str
    document: dict[str, Any]

    @property
    def field(self) -> str:
        """The path as the API server writes it."""
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path).removeprefix(".")


def rules(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Every rule of a schema: the path that it names, and its message."""
    for rule in schema.get("x-kubernetes-validations", ()):
        yield f"{path}{rule.get('fieldPath', '')}".removeprefix("."), rule["message"]
    for name, one in schema.get("properties", {}).items():
        yield from rules(one, f"{path}.{name}")
    if "items" in schema:
        yield from rules(schema["items"], f"{path}[0]")


def leaves(schema: Mapping[str, Any], value: Any, path: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any], Any]]:
    """Each part of a document with its schema, first items for lists. KeyError where a field is missing."""
    yield path, schema, value
    for name, one in schema.get("properties", {}).items():
        if name in value or name not in _EITHER:
            yield from leaves(one, value[name], (*path, name))
    if "items" in schema:
        yield from leaves(schema["items"], value[0], (*path, 0))


# A document has one of the two.
_EITHER = {"replicas", "autoscaling"}


def inside(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Bound]:
    """At each bound."""
    for path, part, value in _of(schema, document):
        for name in ("minimum", "maximum"):
            if name in part:
                yield Bound(path, name, changed(document, path, part[name]))
        if "maxLength" in part:
            yield Bound(path, "maxLength", changed(document, path, _longest(part)))
        if "maxItems" in part:
            yield Bound(path, "maxItems", changed(document, path, _many(part, value, part["maxItems"])))
        for one in part.get("enum", ()):
            yield Bound(path, f"enum {one}", changed(document, path, one))


def outside(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Bound]:
    """Just past each bound."""
    for path, part, value in _of(schema, document):
        for name, wrong in _wrong(part, value):
            yield Bound(path, name, changed(document, path, wrong))
        for name in part.get("required", ()):
            yield Bound((*path, name), "required", without(document, (*path, name)))
        if "properties" in part:
            yield Bound((*path, "nobodyKnows"), "unknown", changed(document, (*path, "nobodyKnows"), 1))


def _of(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any], Any]]:
    return leaves(schema["properties"]["spec"], document["spec"], ("spec",))


def _wrong(part: Mapping[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    yield "type", {"string": 7, "integer": "7", "array": {"a": 1}, "object": [1]}[part["type"]]
    past: Mapping[str, Callable[[Any], Any]] = {
        "minimum": lambda bound: bound - 1,
        "maximum": lambda bound: bound + 1,
        "maxLength": lambda bound: "a" * (bound + 1),
        "pattern": lambda bound: next(text for text in _NEVER if not re.search(bound, text)),
        "enum": lambda _: "Nonsense",
        "minItems": lambda _: [],
        "maxItems": lambda bound: _many(part, value, bound + 1),
        "maxProperties": lambda bound: {f"k{number}": "v" for number in range(bound + 1)},
    }
    for name, make in past.items():
        if name in part:
            yield name, make(part[name])
    if part.get("x-kubernetes-list-type") in {"set", "map"}:
        yield "twice", [value[0], value[0]]


def _longest(part: Mapping[str, Any]) -> str:
    fitting = [text for text in _LONGEST if len(text) <= part["maxLength"] and re.search(part.get("pattern", ""), text)]
    return max(fitting, key=len)


def _many(part: Mapping[str, Any], value: Sequence[Any], count: int) -> list[Any]:
    """So many different items."""
    of = part["items"]["type"]
    if of == "string":
        return [f"a{number}" for number in range(count)]
    if of == "integer":
        return list(range(1, count + 1))
    kept = {name: inner for name, inner in value[0].items() if name != "resourceId"}
    keys = part.get("x-kubernetes-list-map-keys", ())
    return [{**kept, **dict.fromkeys(keys, f"a{number}")} for number in range(count)]


def changed(document: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy with another value at that path."""
    whole = copy.deepcopy(dict(document))
    _holder(whole, path)[path[-1]] = value
    return whole


def without(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """A copy without what stands at that path."""
    whole = copy.deepcopy(dict(document))
    del _holder(whole, path)[path[-1]]
    return whole


def _holder(whole: Any, path: Path) -> Any:
    for part in path[:-1]:
        whole = whole[part]
    return whole
