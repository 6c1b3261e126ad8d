"""Days of a time zone as ranges of milliseconds. The one place where report asks what a zone's clock shows."""

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from footfall_common.clock import EPOCH, from_ms, to_ms
from footfall_common.errors import InvalidInput

ONE_DAY = dt.timedelta(days=1)


class Midnight(NamedTuple):
    """The start of a day: its number since 1970-01-01, and the moment (ms) it begins in some zone."""

    day: int
    start: int


def zone_of(name: str, field: str) -> ZoneInfo:
    """The zone of that name in the IANA database; InvalidInput names `field`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: the name of a folder of zones
        raise InvalidInput(f"{field} is no time zone; send an IANA name such as Europe/Berlin.", field=field) from error


def start_of(day: dt.date, zone: ZoneInfo) -> int:
    """The moment (ms) the day begins there; where its midnight is skipped, the moment of the skip."""
    return to_ms(dt.datetime(day.year, day.month, day.day, tzinfo=zone))


def date_at(moment: int, zone: ZoneInfo) -> dt.date:
    """The date that a clock of the zone shows at that moment (ms)."""
    return from_ms(moment).astimezone(zone).date()


def midnights(first: dt.date, last: dt.date, zone: ZoneInfo) -> Iterator[Midnight]:
    """The days from `first` to `last`, without those that the zone skipped whole."""
    day = first
    while day <= last:
        start = start_of(day, zone)
        if start < start_of(day + ONE_DAY, zone):
            yield Midnight(number_of(day), start)
        day += ONE_DAY


def number_of(day: dt.date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH.date()).days
