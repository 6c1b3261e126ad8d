"""Whether an object stands as it is desired, and what is in the way where it does not.

Server-side apply restores what we own, but leaves what others added to a list that is merged by key: a second container
would stay for ever. Such a list is drift, and is to be put back whole, in one request: without the foreign item it may
be no valid list (a Service needs a port), and with ours beside it neither (two ports of one name).

Maps may hold more than we ask for, since API servers and clouds put defaults in; but not what would run other code,
take the pod out of its walls or turn traffic away.
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
# Maps in which every further key narrows what is meant: a Service that also asks for a label finds no pods.
_CLOSED: Final = frozenset(
    {
        "Service.spec.selector",
        "PodDisruptionBudget.spec.selector",
        "PodDisruptionBudget.spec.selector.matchLabels",
    }
)
_POD: Final = "Deployment.spec.template.spec"
# What is not there unless we ask for it. Where pods may run is not among it: clouds have their say in that.
_UNASKED: Final[Mapping[str, frozenset[str]]] = {
    "Service.spec": frozenset({"externalIPs", "externalName", "publishNotReadyAddresses"}),
    "HorizontalPodAutoscaler.spec": frozenset({"behavior"}),
    "Deployment.spec": frozenset({"paused", "minReadySeconds"}),
    _POD: frozenset(
        {
            "dnsConfig",
            "hostAliases",
            "hostIPC",
            "hostNetwork",
            "hostPID",
            "hostUsers",
            "hostname",
            "nodeName",
            "readinessGates",
            "runtimeClassName",
            "schedulingGates",
            "setHostnameAsFQDN",
            "shareProcessNamespace",
            "subdomain",
        }
    ),
    f"{_POD}.securityContext": frozenset({"seLinuxOptions", "supplementalGroups", "sysctls", "appArmorProfile"}),
    f"{_POD}.containers": frozenset(
        {"args", "lifecycle", "startupProbe", "stdin", "tty", "volumeDevices", "workingDir"}
    ),
    f"{_POD}.containers.securityContext": frozenset(
        {"privileged", "procMount", "runAsUser", "runAsGroup", "runAsNonRoot", "seLinuxOptions", "seccompProfile"}
    ),
    f"{_POD}.containers.securityContext.capabilities": frozenset({"add"}),
}
# What is no more than we ask for, or it is not what we ask for.
_WHOLE: Final = frozenset({"NetworkPolicy.spec"})


class Whole(NamedTuple):
    """A list that holds what is not ours, or a field that we did not ask for: where, and what it should be.

    None = it should not be there.
    """

    pointer: str
    value: list[Any] | None


class Drift(NamedTuple):
    """What differs: `lacks` (JSON pointers) is restored by an apply, `foreign` has to be put back before."""

    lacks: tuple[str, ...]
    foreign: tuple[Whole, ...]

    def __bool__(self) -> bool:
        return bool(self.lacks or self.foreign)


def drift(live: Mapping[str, Any], desired: Mapping[str, Any]) -> Drift:
    """What of `desired` does not stand in `live`, and what must not; nothing where they agree."""
    found = list(_object(live, desired, str(desired.get("kind", "")), ""))
    return Drift(
        tuple(one for one in found if isinstance(one, str)), tuple(one for one in found if isinstance(one, Whole))
    )


def _differences(live: Any, desired: Any, place: str, at: str) -> Iterator[str | Whole]:
    """`place` = the kind and the names that lead there, without the places in lists; `at` = the JSON pointer."""
    name = place.rpartition(".")[2]
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        yield from _object(live, desired, place, at)
    elif isinstance(desired, list) and (name in _KEYS or name in _SHARED):
        yield from _keyed(live if isinstance(live, list) else [], desired, place, at)
    elif live != desired:
        yield at


def _object(live: Mapping[str, Any], desired: Mapping[str, Any], place: str, at: str) -> Iterator[str | Whole]:
    for name, wish in desired.items():
        pointer, there = f"{at}/{_escaped(name)}", f"{place}.{name}"
        if there in _WHOLE:
            if live.get(name) != wish:
                yield pointer
        elif name in live:
            yield from _differences(live[name], wish, there, pointer)
        elif wish not in ({}, [], None):  # absence is what an empty value comes back as
            yield pointer
    yield from (Whole(f"{at}/{_escaped(name)}", None) for name in sorted(_slipped_in(live, desired, place)))


def _slipped_in(live: Mapping[str, Any], desired: Mapping[str, Any], place: str) -> Iterator[str]:
    """What is not to be there at all; a ServiceAccount's pull Secrets are whoever's: our pods name their own."""
    if place == "ServiceAccount":
        return
    unasked = _UNASKED.get(place, frozenset())
    for name in live.keys() - desired.keys():
        if place in _CLOSED or (live[name] and (name in _KEYS or name in unasked)):
            yield name


def _keyed(live: Sequence[Any], desired: Sequence[Any], place: str, at: str) -> Iterator[str | Whole]:
    name = place.rpartition(".")[2]
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
            yield from _object(live[standing[key]], item, place, f"{at}/{standing[key]}")


def _key(item: Mapping[str, Any], keys: Sequence[str]) -> Hashable:
    return tuple(item.get(key) for key in keys)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
