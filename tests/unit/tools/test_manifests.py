"""What reads our manifests finds what is wrong in them."""

import copy
import os
from typing import Any

import pytest

from tools.manifests.check import objects, problems, versions
from tools.manifests.environment import environment
from tools.servers.cache import Missing

OPERATOR = "operator-deployment-0.json"


@pytest.fixture(scope="module", autouse=True)
def _environment() -> None:
    try:
        environment()
    except Missing as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"checkov cannot be installed here: {error}")


def deployment() -> dict[str, Any]:
    return copy.deepcopy(objects()[OPERATOR])


def test_every_kind_that_is_installed_or_made_is_looked_at() -> None:
    kinds = {body["kind"] for body in objects().values()}
    assert {"ClusterRole", "CustomResourceDefinition", "ValidatingAdmissionPolicy", "Namespace"} <= kinds
    assert {"Deployment", "NetworkPolicy", "HorizontalPodAutoscaler", "Secret", "Service"} <= kinds


def test_a_privileged_container_and_a_field_that_does_not_exist_are_found() -> None:
    body = deployment()
    container = body["spec"]["template"]["spec"]["containers"][0]
    container["securityContext"]["privileged"] = True
    container["imagePullPolice"] = "Always"
    found = problems({OPERATOR: body})
    assert [line for line in found if "CKV_K8S_16" in line]
    for asked in versions():
        assert f"Kubernetes {asked}: 1 of 1 objects are not valid" in found
    assert [line for line in found if "imagePullPolice" in line]


def test_pods_that_no_network_policy_covers_are_found() -> None:
    alone = {OPERATOR: deployment()}
    assert [line for line in problems(alone) if "CKV2_K8S_6" in line]
    policy = {name: body for name, body in objects().items() if name.startswith("operator-network")}
    assert problems(alone | policy) == []
