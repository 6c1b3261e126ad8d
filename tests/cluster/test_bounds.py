"""Every bound of every schema, tried on the real API server: what lies at it is taken, what lies past it is refused."""

from collections.abc import Collection

import pytest

from tests.support.api import Api, causes
from tests.support.bounds import Bound, inside, outside, rules
from tests.support.crds import CRDS, documents, read, schema_of

DOCUMENTS = documents()
SCHEMAS = {crd["spec"]["names"]["kind"]: schema_of(crd) for crd in map(read, CRDS)}
pytestmark = [pytest.mark.integration, pytest.mark.parametrize("kind", DOCUMENTS)]


def test_what_has_every_field_is_taken(api: Api, kind: str) -> None:
    answer = api.create(DOCUMENTS[kind], dryRun="All")
    assert answer.is_success, answer.text


def test_what_lies_at_a_bound_is_taken(api: Api, kind: str) -> None:
    tried = list(inside(SCHEMAS[kind], DOCUMENTS[kind]))
    told = {message for _, message in rules(SCHEMAS[kind])}  # what two fields are together has its own tests
    refused = [f"{bound.field} {bound.name}: {said}" for bound in tried if (said := complaint(api, bound, told))]
    assert not refused
    assert len(tried) > len(DOCUMENTS[kind]["spec"])


def test_what_lies_past_a_bound_is_refused_by_its_path(api: Api, kind: str) -> None:
    taken = []
    for bound in outside(SCHEMAS[kind], DOCUMENTS[kind]):
        answer = api.create(bound.document, dryRun="All")
        # In the message, too, where the shape is too wrong for a list of causes.
        if answer.is_success or bound.field.split("[")[0] not in answer.text:
            taken.append(f"{bound.field} {bound.name}: {answer.status_code} {answer.text[:200]}")
    assert not taken


def complaint(api: Api, bound: Bound, told: Collection[str]) -> str:
    """What is said of that field, but for rules."""
    answer = api.create(bound.document, dryRun="All")
    said = "" if answer.is_success else causes(answer).get(bound.field, "")
    return "" if any(message in said for message in told) else said
