"""When an event happened, decided once; and the periods that time is cut into.

Units: milliseconds since the epoch unless named otherwise; all periods are UTC.
"""

import datetime as dt

from footfall_common.clock import EPOCH, to_ms

MINUTE = 60_000
BUCKET = 15 * MINUTE
DAY = 86_400_000
MAX_AHEAD = 5 * MINUTE
"""A corrected time further ahead than this is not believed: the received time stands instead, flagged."""
RETENTION_GUARD_DAYS = 2
"""An event this close to the end of its retention is refused: it would be gone before anyone read it."""
_EPOCH_DAY = EPOCH.toordinal()


def corrected(occurred: int, sent: int | None, received: int) -> tuple[int, bool]:
    """The event's time by the receiver's clock, and whether it had to be clamped to `received`.

    Args:
        occurred: the client's time of the event.
        sent: the client's time of sending; None = no correction for skew.
        received: the receiver's time of arrival.
    """
    ts = occurred if sent is None else received - (sent - occurred)
    return (received, True) if ts > received + MAX_AHEAD else (ts, False)


def oldest(received: int, retention_days: int) -> int:
    """The time before which an event is past the tenant's retention minus the guard."""
    return received - (retention_days - RETENTION_GUARD_DAYS) * DAY


def bucket_of(ts: int) -> int:
    """Number of the 15 minutes that hold `ts`, counted from the epoch."""
    return ts // BUCKET


def day_of(moment: int) -> int:
    """Days since the epoch."""
    return moment // DAY


def day_of_moment(moment: dt.datetime) -> int:
    """`day_of` an aware moment; a third of the cost where it is in UTC, which nearly all are."""
    return moment.toordinal() - _EPOCH_DAY if moment.tzinfo is dt.UTC else day_of(to_ms(moment))


def day_of_bucket(bucket: int) -> int:
    """The day, since the epoch, that a bucket lies in."""
    return bucket * BUCKET // DAY


def month_of(ts: int) -> int:
    """Months since January 1970 (0). Proleptic Gregorian, without building a datetime."""
    days = ts // DAY + 719_468  # days since 0000-03-01, Howard Hinnant's civil_from_days
    era = days // 146_097
    of_era = days - era * 146_097
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    march_month = (5 * of_year + 2) // 153
    return (year_of_era + era * 400) * 12 + march_month + 2 - 1970 * 12
