"""The tables of `store.db`, after the design's CQL tables; docs/decisions/0001-embedded-tables.md has the measurements.

What differs from CQL saves pages, since what an event costs here is the pages that it makes SQLite write:
- the event itself stands once, in `events_by_bucket`, found by its time and position;
- `events_by_visitor` is `event_ids` in another order, sorted when a visitor's month is read;
- `visitor_months` stands for `visitor_latest` and `visitors`: it changes once a visitor and day, and says which days
  of `event_ids` hold a month's events;
- `bucket_parts` is `buckets_seen`;
- keys that only keep Cassandra's partitions small (month, slice, shard) are gone.

UUIDs are 16 bytes. `day` is the day of `occurred`; everything else follows `ts`.
"""

TABLES = (
    """CREATE TABLE IF NOT EXISTS event_ids (
        tenant BLOB, visitor BLOB, day INTEGER, event_id BLOB,
        ts INTEGER, part INTEGER, off INTEGER, idx INTEGER, anonymous INTEGER,
        PRIMARY KEY (tenant, visitor, day, event_id)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS visitor_months (
        tenant BLOB, visitor BLOB, month INTEGER, first_day INTEGER, last_day INTEGER,
        PRIMARY KEY (tenant, visitor, month)) WITHOUT ROWID""",
    # With a rowid, as `chunks`: a row of more than 1 KB would not fit a page of a table without.
    """CREATE TABLE IF NOT EXISTS events_by_bucket (
        tenant BLOB, bucket INTEGER, part INTEGER, off INTEGER, idx INTEGER,
        visitor BLOB, day INTEGER, event_id BLOB, raw BLOB, enriched BLOB,
        PRIMARY KEY (tenant, bucket, part, off, idx))""",
    """CREATE TABLE IF NOT EXISTS bucket_parts (
        tenant BLOB, bucket INTEGER, part INTEGER, high INTEGER,
        PRIMARY KEY (tenant, bucket, part)) WITHOUT ROWID""",
    # Older files have a `buckets_seen` without `high`, which is found once, from the index of the events.
    """INSERT INTO bucket_parts SELECT tenant, bucket, part, max(off) FROM events_by_bucket
        WHERE NOT EXISTS (SELECT 1 FROM bucket_parts) GROUP BY tenant, bucket, part""",
    "DROP TABLE IF EXISTS buckets_seen",
    """CREATE TABLE IF NOT EXISTS edges (
        tenant BLOB, visitor BLOB, at INTEGER, event_id BLOB, contact BLOB, trust TEXT,
        PRIMARY KEY (tenant, visitor, at, event_id)) WITHOUT ROWID""",
    # `put` = when the version came; `body` = `standing.body_of`, which may be long: with a rowid, as `chunks`.
    """CREATE TABLE IF NOT EXISTS segment_versions (
        tenant BLOB, day INTEGER, span TEXT, bucket INTEGER, resource BLOB, version INTEGER,
        put INTEGER, body BLOB,
        PRIMARY KEY (tenant, day, span, bucket, resource, version))""",
    # Older files have `segments`, by bucket and in columns, and a list of who lists a chunk.
    """CREATE TABLE IF NOT EXISTS segments (
        tenant BLOB, bucket INTEGER, resource BLOB, version INTEGER,
        watermark TEXT, chunks TEXT, rows INTEGER, created INTEGER)""",
    """INSERT OR IGNORE INTO segment_versions
        SELECT tenant, (bucket - (bucket % 96 + 96) % 96) / 96, '15m', bucket, resource, version, created,
            CAST('{"watermark":' || watermark || ',"chunks":' || chunks || ',"rows":' || rows || '}' AS BLOB)
        FROM segments""",
    "DROP TABLE segments",
    "DROP TABLE IF EXISTS segment_chunks",
    """CREATE TABLE IF NOT EXISTS chunks (
        tenant BLOB, chunk BLOB, body BLOB,
        PRIMARY KEY (tenant, chunk))""",
    """CREATE TABLE IF NOT EXISTS documents (
        key BLOB PRIMARY KEY, revision INTEGER, published INTEGER, change INTEGER, body BLOB) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS documents_unpublished ON documents (change) WHERE published < revision",
    """CREATE TABLE IF NOT EXISTS clients (
        client BLOB PRIMARY KEY, tenant BLOB, name TEXT, secret BLOB, created INTEGER, scopes TEXT,
        disabled INTEGER, revoked_before INTEGER, UNIQUE (tenant, name)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS signing_keys (
        kid TEXT PRIMARY KEY, created INTEGER, jwk BLOB) WITHOUT ROWID""",
)
