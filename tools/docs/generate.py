"""Writes the pages of docs/ that are made of code: `make docs`. With --check, fails where one is not up to date."""

import importlib
import json
import sys
from pathlib import Path

from footfall_common.events.schema import json_schema
from footfall_common.settings import Settings, settings_page
from footfall_common.telemetry import METRICS, metrics_page
from footfall_operator.status import conditions_page
from tools.docs.resources import resources_page

DOCS = Path(__file__).parents[2] / "docs"
MODULES = (
    "footfall_standalone.settings",
    "footfall_receiver.settings",
    "footfall_raw_receiver.settings",
    "footfall_report.settings",
    "footfall_tenant.settings",
    "footfall_identity.settings",
    "footfall_operator.settings",
    "footfall_common.entry.settings",
    "footfall_common.bus.kafka.settings",
    "footfall_common.store.cassandra.settings",
)


def settings_classes() -> list[type[Settings]]:
    """Every settings class, in the order of MODULES."""
    found: list[type[Settings]] = []
    for name in MODULES:
        module = importlib.import_module(name)
        classes = [item for item in vars(module).values() if isinstance(item, type) and issubclass(item, Settings)]
        found += [cls for cls in classes if cls.__module__ == module.__name__]
    return found


def pages() -> dict[str, str]:
    """File name -> content."""
    return {
        "event-schema.json": json.dumps(json_schema(), indent=2) + "\n",
        "settings.md": settings_page(settings_classes()),
        "metrics.md": metrics_page(METRICS),
        "resources.md": resources_page(),
        "conditions.md": conditions_page(),
    }


def main() -> None:
    """Write, or with --check compare."""
    stale = [name for name, text in pages().items() if not _same(DOCS / name, text)]
    if "--check" in sys.argv[1:]:
        if stale:
            sys.exit(f"Not up to date: {', '.join(stale)}; run make docs.")
        return
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
    print(f"written: {', '.join(stale) or 'nothing new'}")


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    main()
