"""Every CQL text of the adapter, by table. A tenant's table is never touched without naming the tenant.

The values of a statement are bound in the order of its question marks, encoded by `encoding`.
"""

# ruff: noqa: S608 - put together from constants of this module alone

import re
from typing import Final

_TABLE: Final = re.compile(r"\b(FROM|INTO|UPDATE) (\w+)")


def within(keyspace: str, text: str) -> str:
    """A statement on that keyspace's table. Named in full, it can be prepared again on any connection."""
    return _TABLE.sub(rf"\1 {keyspace}.\2", text, count=1)


# Events: writing.
PUT_ID: Final = """INSERT INTO event_ids (tenant, visitor, day, event_id, placed)
    VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"""
PUT_SEEN: Final = """INSERT INTO buckets_seen (tenant, day, bucket, part, high)
    VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"""
PUT_VISITOR_EVENT: Final = """INSERT INTO events_by_visitor
    (tenant, visitor, month, ts, event_id, placed, raw, enriched)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"""
PUT_BUCKET_EVENT: Final = """INSERT INTO events_by_bucket (tenant, bucket, part, slice, off, idx, raw, enriched)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"""
PUT_LAST: Final = "UPDATE visitor_latest USING TIMESTAMP ? AND TTL ? SET last = ? WHERE tenant = ? AND visitor = ?"
ADD_MONTHS: Final = """UPDATE visitor_latest USING TIMESTAMP ? AND TTL ? SET months = months + ?
    WHERE tenant = ? AND visitor = ?"""
PUT_VISITOR: Final = """INSERT INTO visitors (tenant, month, shard, visitor)
    VALUES (?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"""
PUT_EDGE: Final = """INSERT INTO edges (tenant, visitor, at, event_id, contact, trust)
    VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"""

# Events: reading.
PLACED: Final = """SELECT event_id, placed FROM event_ids
    WHERE tenant = ? AND visitor = ? AND day = ? AND event_id IN ?"""
LATEST: Final = "SELECT visitor, last, months FROM visitor_latest WHERE tenant = ? AND visitor IN ?"
MONTH: Final = """SELECT ts, event_id, raw, enriched FROM events_by_visitor
    WHERE tenant = ? AND visitor = ? AND month = ? LIMIT ?"""
MONTH_SAME_TS: Final = """SELECT ts, event_id, raw, enriched FROM events_by_visitor
    WHERE tenant = ? AND visitor = ? AND month = ? AND ts = ? AND event_id > ? LIMIT ?"""
MONTH_BEFORE: Final = """SELECT ts, event_id, raw, enriched FROM events_by_visitor
    WHERE tenant = ? AND visitor = ? AND month = ? AND ts < ? LIMIT ?"""
BUCKET: Final = """SELECT off, idx, raw, enriched FROM events_by_bucket
    WHERE tenant = ? AND bucket = ? AND part = ? AND slice = ? AND (off, idx) > (?, ?) AND (off) <= (?) LIMIT ?"""
SEEN: Final = "SELECT bucket, part, high FROM buckets_seen WHERE tenant = ? AND day IN ?"

# Segments.
PUT_SEGMENT: Final = """INSERT INTO segments (tenant, resource, day, span, bucket, version, body)
    VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"""
PUT_RESOURCE: Final = "INSERT INTO segment_resources (tenant, day, resource) VALUES (?, ?, ?) USING TTL ?"
PUT_CHUNK: Final = "INSERT INTO chunks (tenant, chunk, body) VALUES (?, ?, ?) USING TTL ?"
RESOURCES: Final = "SELECT day, resource FROM segment_resources WHERE tenant = ? AND day IN ?"
# The first row of a group, which is its highest version.
HEADS: Final = """SELECT span, bucket, version, body FROM segments
    WHERE tenant = ? AND resource = ? AND day = ? GROUP BY span, bucket"""
HEAD: Final = """SELECT span, bucket, version, body FROM segments
    WHERE tenant = ? AND resource = ? AND day = ? AND span = ? AND bucket = ? LIMIT 1"""
VERSIONS: Final = "SELECT span, bucket, version, body FROM segments WHERE tenant = ? AND resource = ? AND day = ?"
DROP_VERSION: Final = """DELETE FROM segments
    WHERE tenant = ? AND resource = ? AND day = ? AND span = ? AND bucket = ? AND version = ?"""
CHUNK: Final = "SELECT chunk, body FROM chunks WHERE tenant = ? AND chunk = ?"
DROP_CHUNK: Final = "DELETE FROM chunks WHERE tenant = ? AND chunk = ?"

# Directory: documents.
DOCUMENT: Final = "SELECT about, revision, published, body FROM documents WHERE tenant = ? AND about = ?"
DOCUMENTS: Final = "SELECT about, revision, published, body FROM documents WHERE tenant = ?"
FIRST_REVISION: Final = "INSERT INTO documents (tenant, about, revision, body) VALUES (?, ?, ?, ?) IF NOT EXISTS"
NEXT_REVISION: Final = "UPDATE documents SET revision = ?, body = ? WHERE tenant = ? AND about = ? IF revision = ?"
PUBLISHED: Final = "UPDATE documents USING TIMESTAMP ? SET published = ? WHERE tenant = ? AND about = ?"
PENDING: Final = "INSERT INTO unpublished_documents (shard, tenant, about, revision, changed) VALUES (0, ?, ?, ?, ?)"
ALL_PENDING: Final = "SELECT tenant, about, revision, changed FROM unpublished_documents WHERE shard = 0"
SETTLED: Final = "DELETE FROM unpublished_documents WHERE shard = 0 AND tenant = ? AND about = ? AND revision <= ?"

# Directory: clients and keys.
CLIENT_ID: Final = "SELECT tenant, name FROM client_ids WHERE client = ?"
CLAIM_ID: Final = "INSERT INTO client_ids (client, tenant, name) VALUES (?, ?, ?) IF NOT EXISTS"
RELEASE_ID: Final = "DELETE FROM client_ids WHERE client = ? IF tenant = ? AND name = ?"
_CLIENT: Final = "client, tenant, name, secret, created, scopes, disabled, revoked_before"
CLIENT: Final = f"SELECT {_CLIENT} FROM clients WHERE tenant = ? AND name = ?"
CLIENTS: Final = f"SELECT {_CLIENT} FROM clients WHERE tenant = ?"
ADD_CLIENT: Final = f"INSERT INTO clients ({_CLIENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS"
UPDATE_CLIENT: Final = """UPDATE clients SET secret = ?, disabled = ?, revoked_before = ?
    WHERE tenant = ? AND name = ? IF client = ?"""
KEYS: Final = "SELECT kid, created, jwk FROM signing_keys WHERE shard = 0"
ADD_KEY: Final = "INSERT INTO signing_keys (shard, kid, created, jwk) VALUES (0, ?, ?, ?) IF NOT EXISTS"

MIGRATIONS: Final = "SELECT number, checksum FROM schema_migrations WHERE shard = 0"

ALL: Final = tuple(text for name, text in sorted(globals().items()) if name.isupper() and name[0] != "_")
"""All of them, prepared when a store opens."""
