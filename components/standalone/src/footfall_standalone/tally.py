"""What became of events that were sent."""

from collections import Counter

import msgspec

from footfall_standalone.door import Judged
from footfall_standalone.lines import Fault

_SHOWN = 10


class Reject(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event that was not taken: the number of its line, its id as written, and why."""

    line: int
    id: str | None
    reason: str
    message: str
    field: str | None = None


class Summary(msgspec.Struct, frozen=True):
    """Counts of verdicts and of reasons; `rejects` are the first ten."""

    accepted: int
    duplicate: int
    rejected: int
    reasons: dict[str, int]
    rejects: list[Reject]


class Tally:
    """Counts verdicts as they come."""

    def __init__(self) -> None:
        self._verdicts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._rejects: list[Reject] = []

    @property
    def stored(self) -> int:
        """Events that the bus holds: accepted now or before."""
        return self._verdicts["accepted"] + self._verdicts["duplicate"]

    def judged(self, judged: Judged) -> None:
        """Count a verdict of the receiver."""
        line, verdict = judged
        self._verdicts[verdict.status] += 1
        if verdict.status == "rejected":
            self._reject(Reject(line.number, line.id, verdict.reason, verdict.message, verdict.field))

    def fault(self, fault: Fault) -> None:
        """Count a line that could not be sent."""
        self._verdicts["rejected"] += 1
        self._reject(Reject(fault.number, None, "not_json", fault.message))

    def summary(self) -> Summary:
        """All of it."""
        return Summary(
            accepted=self._verdicts["accepted"],
            duplicate=self._verdicts["duplicate"],
            rejected=self._verdicts["rejected"],
            reasons=dict(self._reasons),
            rejects=self._rejects,
        )

    def _reject(self, reject: Reject) -> None:
        self._reasons[reject.reason] += 1
        if len(self._rejects) < _SHOWN:
            self._rejects.append(reject)


def text_of(summary: Summary) -> str:
    """The summary for people."""
    lines = [f"{summary.accepted} accepted, {summary.duplicate} duplicate, {summary.rejected} rejected"]
    if summary.rejects:
        counts = ", ".join(f"{reason} {count}" for reason, count in sorted(summary.reasons.items()))
        lines.append(f"rejected for: {counts}")
        lines += [_reject_line(reject) for reject in summary.rejects]
    if summary.rejected > len(summary.rejects):
        lines.append(f"… and {summary.rejected - len(summary.rejects)} more")
    return "\n".join(lines)


def _reject_line(reject: Reject) -> str:
    field = f" ({reject.field})" if reject.field else ""
    return f"  line {reject.line}: {reject.reason}{field}: {reject.message}"
