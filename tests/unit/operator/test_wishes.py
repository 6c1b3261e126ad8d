"""What is desired, as whole objects: another version that renders them otherwise would roll every tenant's pods.

`UPDATE_GOLDEN=1 make test SUITE=unit ARGS="-k wishes"` writes the files anew; say in CHANGELOG.md what rolls, and why.
"""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from footfall_common.manifest import TrackingTenant
from footfall_common.manifest.platform import TrackingPlatform
from footfall_operator.desired.owner import reference
from footfall_operator.desired.wishes import Given, Wishes, of_platform, of_tenant
from tests.support.crds import ROOT, documents

GOLDEN = ROOT / "tests/data/wishes"
SYSTEM = "footfall-system"
LOOK_ALIKE = "\uff53hop"
TENANT, PLATFORM = documents()["TrackingTenant"], documents()["TrackingPlatform"]
PULL = {
    "metadata": {"name": "registry"},
    "type": "kubernetes.io/dockerconfigjson",
    "data": {".dockerconfigjson": "e30="},
}


def standing(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "metadata": {**document["metadata"], "uid": "11111111-2222-3333-4444-555555555555"}}


def platform(**spec: Any) -> TrackingPlatform:
    return TrackingPlatform.model_validate({**PLATFORM, "spec": {**PLATFORM["spec"], **spec}})


def wishes_of(**spec: Any) -> Wishes:
    document = {**TENANT, "spec": {**TENANT["spec"], **spec}}
    given = Given(platform().spec, SYSTEM, "<script>{{hst}} {{tnt}} {{res}}</script>", [PULL])
    return of_tenant(TrackingTenant.model_validate(document), reference(standing(document)), given)


def pooled() -> Wishes:
    document = {**TENANT, "spec": {"tenantId": "acme", "placement": "Pooled", "sites": TENANT["spec"]["sites"]}}
    given = Given(platform().spec, SYSTEM, "<script>{{hst}}</script>")
    return of_tenant(TrackingTenant.model_validate(document), reference(standing(document)), given)


@pytest.mark.parametrize(
    ("name", "wishes"),
    [
        ("dedicated", wishes_of()),
        ("pooled", pooled()),
        ("platform", of_platform(platform(), reference(standing(PLATFORM)), SYSTEM)),
    ],
)
def test_what_is_desired_is_what_the_last_version_desired(name: str, wishes: Wishes) -> None:
    found = {"objects": [*wishes.secrets, *wishes.objects], "replicas": dict(wishes.replicas)}
    file = GOLDEN / f"{name}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(yaml.safe_dump(found, sort_keys=False, width=118), "utf-8")
    assert found == read(file)


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return found


def test_nothing_of_the_resource_that_others_go_by_is_copied() -> None:
    document = standing(TENANT)
    document["metadata"]["labels"] = {"app.kubernetes.io/instance": "gitops", "argocd.argoproj.io/instance": "gitops"}
    given = Given(platform().spec, SYSTEM, "")
    wishes = of_tenant(TrackingTenant.model_validate(document), reference(document), given)
    assert "gitops" not in json.dumps([*wishes.objects, *wishes.secrets])


def test_replicas_are_never_in_what_is_applied_and_an_autoscaler_comes_before_its_deployment() -> None:
    wishes = wishes_of()
    assert all("replicas" not in one["spec"] for one in wishes.objects if one["kind"] == "Deployment")
    assert wishes.replicas == {"acme-raw-receiver": 2, "acme-report": 2}
    kinds = [(one["kind"], one["metadata"]["name"]) for one in wishes.objects]
    scaler, deployment = (kinds.index((kind, "acme-receiver")) for kind in ("HorizontalPodAutoscaler", "Deployment"))
    assert scaler < deployment


@pytest.mark.parametrize(
    ("asked", "comes_back"),
    [("512Mi", "512Mi"), ("1024Mi", "1Gi"), ("1536Mi", "1536Mi"), ("2048Gi", "2Ti"), ("99999Gi", "99999Gi")],
)
def test_amounts_are_written_as_the_api_server_writes_them(asked: str, comes_back: str) -> None:
    """Else each pass would find drift, or a webhook's hand."""
    needs = {"receiver": {"resources": {"requests": {"cpu": "2000m", "memory": asked}}}}
    found = of_platform(platform(workloads=needs), reference(standing(PLATFORM)), SYSTEM).objects
    (pod,) = (one for one in found if one["kind"] == "Deployment" and one["metadata"]["name"] == "footfall-receiver")
    (container,) = pod["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {"requests": {"cpu": "2", "memory": comes_back}}


def test_hostile_names_stay_data() -> None:
    sites = [{"name": 'a"</script><b>', "goals": [{"name": "x'; DROP", "event": "e"}]}, {"name": LOOK_ALIKE}]
    (*_, secret) = wishes_of(sites=sites).secrets
    snippets = json.loads(base64.b64decode(secret["data"]["snippets.json"]))
    assert set(snippets) == {'a"</script><b>', LOOK_ALIKE}
    assert all(snippet.count("<script>") == 1 for snippet in snippets.values())
