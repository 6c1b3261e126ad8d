"""What counts as drift: everything that we ask for and that is otherwise, and what nobody but us may add."""

import copy
from typing import Any

import pytest

from footfall_operator.drift import Drift, Whole, drift

DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "a", "labels": {"app": "a"}, "ownerReferences": [{"uid": "1", "name": "t"}]},
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "main",
                        "image": "a@sha256:1",
                        "env": [{"name": "A", "value": "1"}],
                        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                        "args": ["--one", "--two"],
                    }
                ],
                "nodeSelector": {},
            }
        }
    },
}
POD = ("spec", "template", "spec")
MAIN = (*POD, "containers", 0)
CONTAINERS = DEPLOYMENT["spec"]["template"]["spec"]["containers"]
PORTS = CONTAINERS[0]["ports"]


def changed(path: tuple[str | int, ...], value: Any, base: dict[str, Any] = DEPLOYMENT) -> dict[str, Any]:
    whole: Any = copy.deepcopy(base)
    at = whole
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = value
    return dict(whole)


def test_what_stands_as_desired_is_no_drift() -> None:
    assert not drift(DEPLOYMENT, DEPLOYMENT)


@pytest.mark.parametrize(
    "live",
    [
        changed(("metadata", "resourceVersion"), "7"),
        changed(("metadata", "labels", "team"), "a"),
        changed(("metadata", "ownerReferences"), [{"uid": "0"}, {"uid": "1", "name": "t"}]),
        changed(("spec", "replicas"), 9),
        changed((*MAIN, "terminationMessagePath"), "/dev/termination-log"),
        changed(POD, {"containers": CONTAINERS}),  # an empty nodeSelector comes back as none
        changed((*POD, "initContainers"), []),
    ],
)
def test_what_others_may_add_is_no_drift(live: dict[str, Any]) -> None:
    assert not drift(live, DEPLOYMENT)


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (changed((*MAIN, "image"), "evil"), "/spec/template/spec/containers/0/image"),
        (changed((*MAIN, "args"), ["--one"]), "/spec/template/spec/containers/0/args"),
        (changed((*MAIN, "args"), ["--one", "--two", "--three"]), "/spec/template/spec/containers/0/args"),
        (changed((*MAIN, "env", 0, "value"), "2"), "/spec/template/spec/containers/0/env/0/value"),
        (changed((*MAIN, "env"), []), "/spec/template/spec/containers/0/env/-"),
        (changed(("metadata", "labels"), {}), "/metadata/labels/app"),
        (changed(("metadata", "ownerReferences"), []), "/metadata/ownerReferences/-"),
        (changed(("spec",), {}), "/spec/template"),
    ],
)
def test_what_was_changed_or_taken_away_is_lacking(live: dict[str, Any], expected: str) -> None:
    assert drift(live, DEPLOYMENT) == Drift((expected,), ())


@pytest.mark.parametrize(
    ("live", "pointer", "value"),
    [
        (changed((*POD, "containers"), [*CONTAINERS, {"name": "spy"}]), "containers", CONTAINERS),
        (changed((*POD, "containers"), [{"name": "spy"}]), "containers", CONTAINERS),
        (changed((*POD, "initContainers"), [{"name": "spy"}]), "initContainers", None),
        (changed((*POD, "volumes"), [{"name": "host", "hostPath": {"path": "/"}}]), "volumes", None),
        (changed((*MAIN, "env"), [{"name": "LD_PRELOAD"}]), "containers/0/env", CONTAINERS[0]["env"]),
        (changed((*MAIN, "ports"), [{"containerPort": 1, "protocol": "TCP"}, *PORTS]), "containers/0/ports", PORTS),
    ],
)
def test_a_list_that_something_was_slipped_into_is_put_back_whole(
    live: dict[str, Any], pointer: str, value: list[Any] | None
) -> None:
    assert drift(live, DEPLOYMENT) == Drift((), (Whole(f"/spec/template/spec/{pointer}", value),))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "paused"), True),
        ((*POD, "hostNetwork"), True),
        ((*POD, "nodeName"), "theirs"),
        ((*POD, "schedulingGates"), [{"name": "never"}]),
        ((*POD, "securityContext"), {"sysctls": [{"name": "a", "value": "b"}]}),
        ((*MAIN, "lifecycle"), {"postStart": {"exec": {"command": ["sh"]}}}),
        ((*MAIN, "securityContext"), {"privileged": True}),
        ((*MAIN, "securityContext"), {"capabilities": {"add": ["SYS_ADMIN"]}}),
    ],
)
def test_what_would_take_a_pod_out_of_its_walls_is_taken_away(path: tuple[str | int, ...], value: Any) -> None:
    walls: dict[str, Any] = {"capabilities": {}}
    wish = changed((*MAIN, "securityContext"), walls, changed((*POD, "securityContext"), {}))
    live = changed(path, value, wish)
    found = drift(live, wish)
    assert not found.lacks
    assert [one.value for one in found.foreign] == [None]
    assert "/".join(map(str, path)) in found.foreign[0].pointer


def test_a_selector_that_asks_for_more_is_put_back() -> None:
    wish = {"kind": "Service", "spec": {"selector": {"app": "a"}}}
    live = changed(("spec", "selector", "footfall.dev/x"), "", wish)
    assert drift(live, wish) == Drift((), (Whole("/spec/selector/footfall.dev~1x", None),))


def test_another_controller_is_in_the_way_of_ours_and_other_owners_are_not() -> None:
    other = {"uid": "2"}
    live = changed(("metadata", "ownerReferences"), [{"uid": "0", "controller": True}, other])
    ours = DEPLOYMENT["metadata"]["ownerReferences"]
    assert drift(live, DEPLOYMENT) == Drift((), (Whole("/metadata/ownerReferences", [other, *ours]),))


def test_a_network_policy_is_what_we_ask_for_or_it_is_not() -> None:
    policy = {"kind": "NetworkPolicy", "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": []}}
    opened = changed(("spec", "ingress"), [{}], policy)
    widened = changed(("spec", "egress"), [{}], policy)
    assert drift(opened, policy) == drift(widened, policy) == Drift(("/spec",), ())


def test_names_with_slashes_are_escaped_as_json_pointers_are() -> None:
    wish = {"metadata": {"annotations": {"footfall.dev/a~b": "1"}}}
    assert drift({"metadata": {"annotations": {}}}, wish).lacks == ("/metadata/annotations/footfall.dev~1a~0b",)
