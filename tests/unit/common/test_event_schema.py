"""The golden payloads, the model and the published schema say the same."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from footfall_common.events.model import Event, EventRequest
from footfall_common.events.schema import json_schema

ROOT = Path(__file__).parents[3]
GOLDEN = sorted((ROOT / "tests/data/events").glob("*.json"))


def payload(path: Path) -> Any:
    """A golden request."""
    return json.loads(path.read_text(encoding="utf-8"))


def test_there_are_golden_payloads() -> None:
    assert len(GOLDEN) >= 3


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_payload_fits_the_schema_and_survives_the_model(path: Path) -> None:
    body = payload(path)
    jsonschema.validate(body, json_schema(), format_checker=jsonschema.FormatChecker())
    request = msgspec.json.decode(path.read_bytes(), type=EventRequest)
    events = request.events if isinstance(request.events, list) else [request.events]
    sent = body["events"] if isinstance(body["events"], list) else [body["events"]]
    for event, original in zip(events, sent, strict=True):
        again = msgspec.to_builtins(event)
        assert msgspec.json.decode(msgspec.json.encode(again), type=Event) == event
        assert again["id"] == original["id"].lower()


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_schema_refuses_what_the_model_refuses(path: Path) -> None:
    body = payload(path)
    events = body["events"] if isinstance(body["events"], list) else [body["events"]]
    events[0]["colour"] = "red"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(body, json_schema())
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(body).encode(), type=EventRequest)
