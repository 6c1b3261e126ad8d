"""How late a write is after a change, by an audit log."""

import json
from pathlib import Path
from typing import Any

from bench.kit.fleet import Audit
from bench.operator import delays
from tests.support.api import OPERATOR


def entry(second: int, user: str, verb: str, resource: str, name: str, namespace: str = "n") -> dict[str, Any]:
    """Received at that second, answered half a second later."""
    return {
        "user": {"username": user},
        "verb": verb,
        "objectRef": {"resource": resource, "namespace": namespace, "name": name},
        "requestReceivedTimestamp": f"2026-11-26T10:00:{second:02}.000000Z",
        "stageTimestamp": f"2026-11-26T10:00:{second:02}.500000Z",
    }


def test_from_the_answer_to_a_change_to_the_operators_next_write_for_that_tenant(tmp_path: Path) -> None:
    log = tmp_path / "audit"
    log.write_text("what was before\n", "utf-8")
    audit = Audit(log)
    entries = [
        entry(1, OPERATOR, "patch", "secrets", "a-footfall"),  # nobody changed it
        entry(2, "admin", "patch", "trackingtenants", "a"),
        entry(3, "admin", "patch", "trackingtenants", "b"),
        entry(4, OPERATOR, "update", "trackingtenants", "a", "another"),
        entry(5, OPERATOR, "patch", "leases", "a"),
        entry(6, OPERATOR, "patch", "secrets", "a-footfall"),
        entry(7, OPERATOR, "update", "trackingtenants", "a"),
        entry(9, OPERATOR, "update", "trackingtenants", "b"),
    ]
    log.write_text("what was before\n" + "".join(json.dumps(one) + "\n" for one in entries) + '{"torn', "utf-8")
    assert delays(audit) == [3.5, 5.5]
