"""Every leaf of an object that is wished, changed as an intruder would."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str | int, ...]
# By what an item of a list is known in server-side apply; lists that are not here are taken whole.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "imagePullSecrets": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "ports": ("containerPort", "port", "protocol"),
    "ownerReferences": ("uid",),
}


# Another one would be another object.
_WHO_IT_IS = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")}


def leaves(body: Any, path: Path = ()) -> Iterator[Path]:
    """Paths of everything that is neither a map nor a list of maps."""
    if isinstance(body, Mapping) and body:
        for name, value in body.items():
            if (*path, name) not in _WHO_IT_IS:
                yield from leaves(value, (*path, name))
    elif isinstance(body, list) and body and isinstance(body[0], Mapping):
        for index, value in enumerate(body):
            yield from leaves(value, (*path, index))
    else:
        yield path


def other(value: Any) -> Any:
    """Something else of the same type, which most fields would take."""
    if isinstance(value, bool):
        found: Any = not value
    elif isinstance(value, int):
        found = value + 1
    elif isinstance(value, list):
        found = [*value, "intruder"]
    elif isinstance(value, dict):
        found = {"intruder": "x"}
    else:
        found = _OTHERS.get(value) or _text(value)
    return found


def _text(value: str) -> str:
    if value.isdecimal():
        return str(int(value) + 1)
    if value.endswith("Mi"):
        return f"{int(value[:-2]) + 1}Mi"
    return f"{value}x"


_OTHERS = {
    "TCP": "SCTP",
    "UDP": "SCTP",
    "HTTP": "HTTPS",
    "IfNotPresent": "Never",
    "ClusterIP": "NodePort",
    "RollingUpdate": "Recreate",
    "RuntimeDefault": "Unconfined",
    "ScheduleAnyway": "DoNotSchedule",
    "Utilization": "AverageValue",
    "500m": "501m",
    "100m": "101m",
    "10.0.0.0/8": "10.0.0.0/9",
}


def at(body: Any, path: Path) -> Any:
    """What stands at a path."""
    for part in path:
        body = body[part]
    return body


def changed(live: Mapping[str, Any], wished: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The live object with another value at that leaf of what is wished; items are found by their keys.

    LookupError where what leads there was changed meanwhile.
    """
    whole: dict[str, Any] = copy.deepcopy(dict(live))
    there: Any = whole
    wish: Any = wished
    for number, part in enumerate(path[:-1]):
        name = path[number - 1] if number else ""
        there = _item(there, wish[part], str(name)) if isinstance(part, int) else there.setdefault(part, {})
        wish = wish[part]
    there[path[-1]] = other(wish[path[-1]])
    return whole


def _item(standing: list[Any], wished: Mapping[str, Any], name: str) -> Any:
    keys = _KEYS.get(name, tuple(wished))
    found = [one for one in standing if all(one.get(key) == wished.get(key) for key in keys)]
    return found[0]


def alone(wished: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """That leaf with another value, and of the rest only the items around it, which are not valid in parts."""
    whole: Any = copy.deepcopy(dict(wished))
    at(whole, path[:-1])[path[-1]] = other(at(wished, path))
    first = next((number for number, part in enumerate(path) if isinstance(part, int)), len(path))
    value: Any = at(whole, path[:first])
    if first < len(path):
        value = value if path[first - 1] not in _KEYS else [value[path[first]]]  # an atomic list is applied whole
    for part in reversed(path[:first]):
        value = {part: value}
    meta = {"name": wished["metadata"]["name"], "namespace": wished["metadata"]["namespace"]}
    value["metadata"] = {**meta, **value.get("metadata", {})}
    return {"apiVersion": wished["apiVersion"], "kind": wished["kind"], **value}


def in_order(body: Any, name: str = "") -> Any:
    """With lists whose items are known by keys in the order of these: server-side apply keeps no other."""
    if isinstance(body, Mapping):
        return {key: in_order(value, key) for key, value in body.items()}
    if isinstance(body, list) and name in _KEYS:
        return sorted((in_order(one) for one in body), key=lambda one: [str(one.get(key)) for key in _KEYS[name]])
    return body
