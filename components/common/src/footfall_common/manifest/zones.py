"""Time zones by their IANA names."""

import zoneinfo


def is_time_zone(name: str) -> bool:
    """Whether days can be told in that zone on this machine. UTC needs no data base."""
    if name == "UTC":
        return True
    try:
        zoneinfo.ZoneInfo(name)
    except (
        zoneinfo.ZoneInfoNotFoundError,
        ValueError,
        OSError,
    ):  # ValueError: a path; OSError: a folder such as Europe
        return False
    return True
