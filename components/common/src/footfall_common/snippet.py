"""The loader that a site owner pastes into every page, filled in from the tracker's template."""

import importlib.resources
import json

_BUILT = ("static", "snippet.html")


def template() -> str:
    """The template that the tracker's build put here. FileNotFoundError where it was not built."""
    return importlib.resources.files("footfall_common").joinpath(*_BUILT).read_text(encoding="utf-8")


def fill(text: str, *, receiver: str, tenant: str, resource: str) -> str:
    """The template with its three places filled; values are escaped so that none can leave its string or element."""
    for place, value in (("hst", receiver), ("tnt", tenant), ("res", resource)):
        text = text.replace("{{" + place + "}}", json.dumps(value)[1:-1].replace("<", "\\u003c"))
    return text.strip()
