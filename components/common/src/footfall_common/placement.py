"""Where a tenant's data lives. The only place that builds the names of topics, groups, keyspaces and users."""

import uuid
from dataclasses import dataclass
from enum import StrEnum


class Placement(StrEnum):
    """Dedicated = own topics, keyspace and workloads; Pooled = shared ones."""

    DEDICATED = "Dedicated"
    POOLED = "Pooled"


@dataclass(frozen=True, slots=True)
class Topics:
    """The four topics of a placement."""

    raw: str
    dead: str
    buckets: str
    settings: str


@dataclass(frozen=True, slots=True)
class Groups:
    """The consumer groups of a placement."""

    raw_receiver: str
    bucket_worker: str


@dataclass(frozen=True, slots=True)
class Names:
    """Every outside name of a placement."""

    topics: Topics
    groups: Groups
    keyspace: str
    kafka_user: str
    role: str


def names(guid: uuid.UUID, placement: Placement) -> Names:
    """The names for one tenant; all Pooled tenants share one set."""
    if placement is Placement.POOLED:
        return _names(dotted="", under="pooled")
    return _names(dotted=f"{guid.hex}.", under=f"t_{guid.hex}")


def _names(*, dotted: str, under: str) -> Names:
    return Names(
        topics=Topics(
            raw=f"footfall.{dotted}events.raw",
            dead=f"footfall.{dotted}events.dead",
            buckets=f"footfall.{dotted}buckets",
            settings=f"footfall.{dotted}settings",
        ),
        groups=Groups(
            raw_receiver=f"footfall.{dotted}raw-receiver",
            bucket_worker=f"footfall.{dotted}bucket-worker",
        ),
        keyspace=f"footfall_{under}",
        kafka_user=f"footfall-{under.replace('_', '-')}",
        role=f"footfall_{under}",
    )
