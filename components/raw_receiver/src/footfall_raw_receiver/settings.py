"""The raw receiver's settings."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field

from footfall_common.settings import Settings, split

Role = Literal["raw-receiver", "bucket-worker"]
RAW_RECEIVER: Final = "raw-receiver"
BUCKET_WORKER: Final = "bucket-worker"


class RawReceiverSettings(Settings):
    """The raw receiver and its second role, the bucket worker."""

    prefix: ClassVar[str] = "RAW_RECEIVER"

    roles: Annotated[tuple[Role, ...], BeforeValidator(split), Field(min_length=1)] = (RAW_RECEIVER, BUCKET_WORKER)
    """What this process does, separated by commas: `raw-receiver` stores events, `bucket-worker` makes segments. Both
    scale on their own; a process a role keeps each within its memory."""
    paused: bool = False
    """Consume no raw events, so that they wait on the bus; for measuring the receiver alone."""
    chunk_records: int = Field(default=500, ge=1, le=10_000)
    """Raw records stored together. More shares one sync among more events, and lets the first of them wait longer."""
    gather_seconds: float = Field(default=0.05, ge=0, le=5)
    """How long a chunk that is not full waits for more: a chunk costs a sync, and the feed is this much later."""
    piece_bytes: int = Field(default=65_536, ge=1_024)
    """Bytes of raw records decided in one go before others in the process get their turn (about 2 ms)."""
    user_agents: int = Field(default=5_000, ge=1)
    """Parsed user agents kept in memory; parsing one costs about 0.1 ms."""
    attributions: int = Field(default=5_000, ge=1)
    """Pairs of address and referrer whose channel and source are kept in memory."""
    poll_seconds: float = Field(default=1.0, gt=0, le=10)
    """How long one look for new records waits for the first."""
    retry_seconds: float = Field(default=0.1, gt=0, le=60)
    """The first wait after bus or store did not answer; it doubles up to `retry_max_seconds`."""
    retry_max_seconds: float = Field(default=5.0, gt=0, le=60)
    """The longest wait before bus or store are tried again."""
    longest_seconds: float = Field(default=10.0, gt=0)
    """How long work on records or marks taken together may last; while it lasts longer, fewer are taken. Well below
    `FOOTFALL_KAFKA_MAX_POLL_INTERVAL_MS`, after which they go to others and come again, half as many at a time."""
    replay_records: int = Field(default=20_000, ge=1)
    """Records after which `footfall replay` marks the buckets that they touched: each once."""
    dead_letters_per_second: int = Field(default=1_000, ge=1)
    """Dead letters written a second; past it the consumer waits, so that garbage cannot flood the bus."""
    lag_seconds: float = Field(default=5.0, gt=0)
    """How often the lag metrics are read."""
    segment_seconds: float = Field(default=1.0, ge=0, le=5)
    """How long marks are collected before their buckets are brought up to date."""
    segment_marks: int = Field(default=5_000, ge=1)
    """Marks worked on together at most. All that are of one bucket are one piece of work, so a backlog is worked off by
    buckets and not by marks; `longest_seconds` may leave fewer."""
    segment_commit: int = Field(default=300, ge=1)
    """Buckets brought up to date between two commits, and marks of the first chunk after a start."""
    segment_buckets: int = Field(default=8, ge=1, le=64)
    """Buckets brought up to date at the same time; each mostly waits for the store. One of them at a time holds more
    than 8,000 rows and one at a time merges, but the new chunks of all of them are held."""
    segment_rows: int = Field(default=10_000, ge=1)
    """Rows of one bucket made into chunks together: what they take is held on top of the chunks."""
    chunk_bytes: int = Field(default=1_000_000, ge=10_000, le=1_000_000)
    """The largest chunk."""
    flush_bytes: int = Field(default=4_000_000, ge=10_000)
    """Bytes of chunks of several buckets that are written together."""
    merge_below_bytes: int = Field(default=512_000, ge=0, le=1_000_000)
    """A chunk below this is merged with others."""
    merge_chunks: int = Field(default=16, ge=2)
    """How many chunks below `merge_below_bytes` are merged."""
    close_seconds: float = Field(default=1_800.0, gt=0)
    """How long after its end a bucket is merged and closed, and a day folded; what comes later opens it again."""
    fold_bytes: int = Field(default=16_000_000, ge=1_000_000)
    """Bytes of small chunks joined together when a day is folded, which takes as many rounds as needed."""
    look_seconds: float = Field(default=300.0, gt=0)
    """How often it is looked for buckets to be closed and days to be folded, at every tenant."""
    look_days: int = Field(default=3, ge=1, le=400)
    """How many of the last days are looked at each time; of the older ones, one in turn."""
    sweep_seconds: float = Field(default=3_600.0, gt=0)
    """How long superseded segment versions are kept, for those who are reading them."""
