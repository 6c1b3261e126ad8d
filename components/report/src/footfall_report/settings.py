"""Report's settings."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from footfall_common.settings import Settings


class ReportSettings(Settings):
    """Limits of feed and overview, and where report keeps what it may lose."""

    prefix: ClassVar[str] = "REPORT"

    data_dir: Path | None = None
    """Folder for the cursor's keys, cached chunks and what DuckDB spills; all of it may be deleted. None = memory only:
    cursors then end with the process, and an overview must fit `duckdb_memory_mb`."""

    feed_ids: int = Field(default=10_000, ge=1, le=100_000)
    """Tracking ids in one feed request. A person has a handful; Creatio asks for all of a contact's leads."""

    feed_body_bytes: int = Field(default=1_048_576, ge=1_024)
    """Bytes of a feed request: 10,000 ids take 400 KB, and a cursor over them 70 KB."""

    feed_reads: int = Field(default=16, ge=1, le=256)
    """Partitions of one feed request that are read at once."""

    cursor_key_file: Path | None = None
    """Keys that sign cursors, one a line as at least 64 hex digits, the newest first; the first two hold. None =
    `cursor.keys` in `data_dir`. Replicas share one file; a file changed by others is read again at once."""

    cursor_key_days: int = Field(default=30, ge=0)
    """Age in days at which report itself puts a new key in front. 0 = never: the file is managed by others."""

    overview_days: int = Field(default=400, ge=1, le=4_000)
    """Longest range of an overview, in days: the longest retention."""

    chunk_cache_mb: int = Field(default=256, ge=1)
    """Megabytes of chunks kept, on disk with `data_dir`, else in memory (then 16 at most)."""

    chunk_reads: int = Field(default=32, ge=1, le=1_000)
    """Chunks asked from the store at once; each is at most 1 MB."""

    duckdb_memory_mb: int = Field(default=64, ge=64)
    """Megabytes one query may hold before it spills to `data_dir`: 64 bear a million events in the range."""

    duckdb_spill_mb: int = Field(default=2_048, ge=0)
    """Megabytes one query may spill."""

    duckdb_threads: int = Field(default=1, ge=1)
    """Threads of one query: one leaves the other CPU to ingestion."""

    queries: int = Field(default=1, ge=1)
    """Queries that run at once; each takes its own memory and threads."""

    queries_waiting: int = Field(default=8, ge=0)
    """Queries that may wait for their turn; one more is answered 503."""

    query_seconds: float = Field(default=30.0, gt=0)
    """Longest time of one query, its wait included; then it is interrupted and answered 503."""

    answers_kept: int = Field(default=256, ge=0)
    """Overviews remembered until a segment or a setting they rest on changes."""
