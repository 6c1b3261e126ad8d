"""Whether an object stands as it is desired, and what is in the way where it does not.

Server-side apply restores what we own, but leaves what others added to a list that is merged by key: a second container
would stay for ever. Such a list is drift, and is to be put back whole, in one request: without the foreign item it may
be no valid list (a Service needs a port), and with ours beside it neither (two ports of one name).
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

# Lists that the API server merges by key, and in which nobody but us has anything to add.
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "envFrom": ("prefix",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "imagePullSecrets": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "ports": ("containerPort", "port", "protocol"),  # a container's or a Service's
}
# Lists that others add to by right.
_SHARED: Final[Mapping[str, tuple[str, ...]]] = {"ownerReferences": ("uid",)}
# What is no more than we ask for, or it is not what we ask for.
_WHOLE: Final = frozenset({("NetworkPolicy", "spec")})


class Whole(NamedTuple):
    """A list that holds what is not ours: where, and what it should be; None = it should not be there."""

    pointer: str
    value: list[Any] | None


class Drift(NamedTuple):
    """What differs: `lacks` (JSON pointers) is restored by an apply, `foreign` has to be put back before."""

    lacks: tuple[str, ...]
    foreign: tuple[Whole, ...]

    def __bool__(self) -> bool:
        return bool(self.lacks or self.foreign)


def drift(live: Mapping[str, Any], desired: Mapping[str, Any]) -> Drift:
    """What of `desired` does not stand in `live`; nothing where they agree. Fields that only `live` has are its own."""
    found = list(_object(live, desired, str(desired.get("kind", "")), ""))
    return Drift(
        tuple(one for one in found if isinstance(one, str)), tuple(one for one in found if isinstance(one, Whole))
    )


def _differences(live: Any, desired: Any, name: str, at: str) -> Iterator[str | Whole]:
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        yield from _object(live, desired, "", at)
    elif name in _KEYS or name in _SHARED:
        yield from _keyed(live if isinstance(live, list) else [], desired, name, at)
    elif live != desired:
        yield at


def _object(live: Mapping[str, Any], desired: Mapping[str, Any], kind: str, at: str) -> Iterator[str | Whole]:
    for name, wish in desired.items():
        pointer = f"{at}/{_escaped(name)}"
        if (kind, name) in _WHOLE:
            if live.get(name) != wish:
                yield pointer
        elif name in live:
            yield from _differences(live[name], wish, name, pointer)
        elif wish not in ({}, [], None):  # absence is what an empty value comes back as
            yield pointer
    yield from (Whole(f"{at}/{name}", None) for name in _slipped_in(live, desired, kind))


def _slipped_in(live: Mapping[str, Any], desired: Mapping[str, Any], kind: str) -> list[str]:
    """Lists that we do not wish at all; a ServiceAccount's pull Secrets are whoever's: our pods name their own."""
    if kind == "ServiceAccount":
        return []
    return [name for name in _KEYS.keys() & live.keys() - desired.keys() if live[name]]


def _keyed(live: Sequence[Any], desired: Sequence[Any], name: str, at: str) -> Iterator[str | Whole]:
    keys = _KEYS.get(name) or _SHARED[name]
    wished = {_key(item, keys): item for item in desired}
    # Of a list that is shared, only another controller's claim is in the way: there may be one.
    others = [item for item in live if _key(item, keys) not in wished]
    foreign = others if name in _KEYS else [item for item in others if item.get("controller")]
    if foreign:
        yield Whole(at, [*(item for item in others if item not in foreign), *desired])
        return
    standing = {_key(item, keys): index for index, item in enumerate(live)}
    for key, item in wished.items():
        if key not in standing:
            yield f"{at}/-"
        else:
            yield from _differences(live[standing[key]], item, "", f"{at}/{standing[key]}")


def _key(item: Mapping[str, Any], keys: Sequence[str]) -> Hashable:
    return tuple(item.get(key) for key in keys)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
