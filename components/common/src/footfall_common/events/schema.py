"""The envelope as JSON Schema, generated from the model. `docs/event-schema.json` is its output."""

from typing import Any

import msgspec

from footfall_common.events.model import VERSION, EventRequest, RawRecord, Verdict

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """What the native door takes at the root; the bus record and the verdict among the definitions."""
    (door, *_), definitions = msgspec.json.schema_components(
        [EventRequest, RawRecord, Verdict], ref_template="#/$defs/{name}"
    )
    return {
        "$schema": DIALECT,
        "$id": f"https://footfall.dev/schema/event/{VERSION}",
        "title": f"Footfall events, version {VERSION}",
        "description": "Body of POST <receiver>/api/events.",
        **door,
        "$defs": {name: definitions[name] for name in sorted(definitions)},
    }
