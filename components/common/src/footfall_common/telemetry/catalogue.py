"""Every metric of Footfall: `docs/metrics.md` is made from this list, and alerts are written against it."""

from footfall_common.telemetry.metrics import Metric

REQUESTS = Metric(
    "footfall_http_requests_total",
    "counter",
    "Requests answered, by route template.",
    ("component", "method", "route", "status"),
)
REQUEST_SECONDS = Metric(
    "footfall_http_request_seconds",
    "histogram",
    "Time from a request's first byte to its answer's last.",
    ("component", "route"),
)
READY = Metric(
    "footfall_ready",
    "gauge",
    "1 while a component's readiness check passes, as of the last time it was asked.",
    ("component", "check"),
)
EVENTS = Metric(
    "footfall_receiver_events_total",
    "counter",
    "Events answered at the native door, by verdict.",
    ("status", "reason"),
)
REFUSED = Metric(
    "footfall_receiver_refused_total",
    "counter",
    "Requests that the native door refused as a whole, by status and error code.",
    ("status", "code"),
)
DEAD_LETTERS = Metric(
    "footfall_dead_letters_total",
    "counter",
    "Events and records put into the dead-letter topic.",
    ("stage", "reason"),
)
STORED = Metric(
    "footfall_stored_events_total",
    "counter",
    "Events met by the raw receiver, by what was decided of them.",
    ("decision",),
)
LAG = Metric(
    "footfall_consumer_lag_records",
    "gauge",
    "Records that a consumer group has not committed yet.",
    ("group",),
)
LAG_SECONDS = Metric(
    "footfall_consumer_lag_seconds",
    "gauge",
    "Age of the oldest record that a consumer group has not committed yet.",
    ("group",),
)
STAGE_SECONDS = Metric(
    "footfall_raw_receiver_stage_seconds_total",
    "counter",
    "Seconds spent by the raw receiver and the bucket worker, waiting included.",
    ("stage",),
)
SEGMENTS = Metric(
    "footfall_segments_written_total",
    "counter",
    "Segment versions that the bucket worker has written.",
)
TOKENS = Metric(
    "footfall_identity_tokens_total",
    "counter",
    "Token requests, by outcome (issued, or the OAuth error).",
    ("outcome",),
)
UNREADABLE = Metric(
    "footfall_report_unreadable_events_total",
    "counter",
    "Stored events left out of a feed since they cannot be decoded; counted at each read, named in the log.",
)
OPERATOR_PASSES = Metric(
    "footfall_operator_passes_total",
    "counter",
    "Passes of the operator over a resource, by how they ended: done, refused, unreachable, overtaken or broken.",
    ("kind", "outcome"),
)
OPERATOR_PASS_SECONDS = Metric(
    "footfall_operator_pass_seconds",
    "histogram",
    "Time that a pass of the operator took.",
    ("kind",),
)
OPERATOR_WRITES = Metric(
    "footfall_operator_writes_total",
    "counter",
    "Requests of the operator that change something, leases aside.",
    ("method",),
)
OPERATOR_QUEUE = Metric(
    "footfall_operator_queue_resources",
    "gauge",
    "Resources that are to be looked at, those that wait for their resync included.",
)
OPERATOR_OLDEST = Metric(
    "footfall_operator_queue_oldest_seconds",
    "gauge",
    "For how long the longest-waiting resource has been due.",
)
OPERATOR_LEADING = Metric("footfall_operator_leading", "gauge", "1 while this process holds the lease.")
OPERATOR_CONDITIONS = Metric(
    "footfall_operator_resources",
    "gauge",
    "Resources by what the operator says of them.",
    ("kind", "type", "status", "reason"),
)

METRICS = (
    DEAD_LETTERS,
    EVENTS,
    LAG,
    LAG_SECONDS,
    OPERATOR_CONDITIONS,
    OPERATOR_LEADING,
    OPERATOR_OLDEST,
    OPERATOR_PASSES,
    OPERATOR_PASS_SECONDS,
    OPERATOR_QUEUE,
    OPERATOR_WRITES,
    READY,
    REFUSED,
    REQUEST_SECONDS,
    REQUESTS,
    SEGMENTS,
    STAGE_SECONDS,
    STORED,
    TOKENS,
    UNREADABLE,
)
